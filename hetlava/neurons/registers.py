"""What all integer neurons have in common: registers, state, one step; the table of models."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Int, Int64
from hetlava.errors import UnsupportedError, ValidationError

# one line a model; the conformance tests take every one that is listed
NEURONS: Mapping[str, str] = MappingProxyType(
    {
        "cuba": "hetlava.neurons.cuba:CubaRegisters",
        "cuba_refractory": "hetlava.neurons.refractory:CubaRefractoryRegisters",
        "alif": "hetlava.neurons.adaptive:AlifRegisters",
        "adrf": "hetlava.neurons.adaptive:AdrfRegisters",
        "adrf_iz": "hetlava.neurons.adaptive:AdrfIzRegisters",
        "delta": "hetlava.neurons.sigma_delta:DeltaRegisters",
        "sigma": "hetlava.neurons.sigma_delta:SigmaRegisters",
        "sigma_delta": "hetlava.neurons.sigma_delta:SigmaDeltaRegisters",
        "rf": "hetlava.neurons.resonate:RFRegisters",
        "rf_iz": "hetlava.neurons.resonate:RFIzhikevichRegisters",
        "xylo": "hetlava.neurons.xylo:XyloRegisters",
    }
)


class NeuronState(Protocol):
    """State after a step, each (n_samples, n); models may hold more than this.

    ``u`` and ``v`` are what the probes of these names record, and ``v`` what readouts by voltage
    score; ``s`` is what the neurons send: bool, or int32 where messages are graded.
    """

    @property
    def u(self) -> Int: ...
    @property
    def v(self) -> Int: ...
    @property
    def s(self) -> AnyArray: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class NeuronRegisters(ArrayRecord, ABC):
    """Neurons of one model as a core holds them: a word per neuron, and options for all of them.

    Class attributes
    ----------------
    model : str
        Name of the model in files and messages, its key in ``NEURONS``.
    words : tuple of str
        The fields that are (n,) int32 arrays.
    options : mapping of str to type
        The other fields: plain values shared by the population.
    n_ports : int
        Inputs that a projection can lead to, by its ``port``.
    graded : bool
        Whether what is sent has a size; otherwise a neuron spikes or not.
    in_order : bool
        Whether messages are added one after another and the result depends on their order; then
        ``receive`` adds them, and ``a_in`` of ``step`` is 0.
    state : tuple of str
        Fields of the state, apart from ``s``, that the next step depends on.
    """

    model: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    options: ClassVar[Mapping[str, type]] = MappingProxyType({})
    n_ports: ClassVar[int] = 1
    graded: ClassVar[bool] = False
    in_order: ClassVar[bool] = False
    state: ClassVar[tuple[str, ...]] = ("u", "v")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.words:
            value = getattr(self, name)
            if value.shape != (self.n,) or value.dtype != np.int32:
                raise ValidationError(
                    f"{name}: shape {value.shape} {value.dtype}, expected ({self.n},) int32"
                )

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(getattr(self, self.words[0]).size)

    @property
    def sends(self) -> bool:
        """Whether the neurons ever send anything; a readout of voltages does not."""
        return True

    @property
    def stays_at_rest(self) -> bool:
        """Whether nothing happens while nothing arrives, as with neurons without a bias."""
        rest = self.rest(1)
        after = self.step(rest, np.zeros((self.n_ports, 1, self.n), np.int32))
        fields = (*self.state, "s")
        return all(np.array_equal(getattr(after, f), getattr(rest, f)) for f in fields)

    @abstractmethod
    def rest(self, n_samples: int) -> NeuronState:
        """Return the state before the first step."""

    def receive(self, state: Any, weights: Int64, s: AnyArray, from_input: bool) -> NeuronState:
        """Add the messages of one projection to the state, of models that are ``in_order``.

        They come in the order of the network's projections.

        Parameters
        ----------
        state : NeuronState
            Of this model, before the step.
        weights : (n_post, n_pre) int64
            Shifted by the exponent of the projection.
        s : (n_samples, n_pre)
            What arrives.
        from_input : bool
            Whether it is the network's input that is sent.
        """
        raise UnsupportedError(f"neuron model {self.model!r} takes sums of messages")

    @abstractmethod
    def step(self, state: Any, a_in: Int) -> NeuronState:
        """Advance one step.

        Parameters
        ----------
        state : NeuronState
            Of this model: what ``rest`` or the step before returned.
        a_in : (n_ports, n_samples, n) int32
            Sums of what arrives at each port.
        """


def neuron_model(name: str) -> type[NeuronRegisters]:
    """Return the model of that name.

    Raises
    ------
    ValidationError
        If there is none; the message lists those that exist.
    """
    if name not in NEURONS:
        raise ValidationError(f"neuron model {name!r} is unknown; known: {', '.join(NEURONS)}")
    module, constant = NEURONS[name].split(":")
    found: type[NeuronRegisters] = getattr(import_module(module), constant)
    return found
