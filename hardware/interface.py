"""What a target is: a thing with a name that checks, rounds, places and runs networks."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from hetlava.chips import ChipSpec, Sourced
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import Events
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording, join
from hetlava.rules import RULES, Violation

if TYPE_CHECKING:
    from hetlava.hardware.energy import EnergyReport
    from hetlava.hardware.placement import Placement
    from hetlava.work import Work

Takes = Literal["integers", "floats"]
AnyNetwork = Network | QuantisedNetwork


class Runner(Protocol):
    """The call behind a target: one run of a batch, every sample from rest."""

    def __call__(
        self,
        net: Any,  # a network of the kind that the target takes
        inputs: Events,
        *,
        rng: np.random.Generator,
        probes: Collection[str],
        threads: int | None,
    ) -> Recording:
        """Run a batch; ``rng`` is the only source of randomness of this trial."""
        ...


def always() -> str | None:
    """Return None: nothing is missing."""
    return None


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that runs networks: a simulator, an emulator, a chip.

    Attributes
    ----------
    name : str
    description : str
        What it is, in a few words.
    runner : Runner
    spec : Sourced or None
        The limits of the chip that it stands for; None when it takes networks of any.
    takes : str
        ``integers``: a :class:`~hetlava.quantised.QuantisedNetwork`; ``floats``: a
        :class:`~hetlava.network.Network`.
    noisy : bool
        Whether two runs of one input differ; only then are several trials of use.
    checker, quantiser, dequantiser, placer : callable or None
        How limits are checked, a float network is brought into the form that the target holds and
        back, and neurons are put on cores. None: as the rules of a
        :class:`~hetlava.chips.ChipSpec` say, or not at all where the target has none.
    missing : callable
        Returns why the target cannot be used here, None if it can; loads nothing.
    """

    name: str
    description: str
    runner: Runner
    spec: Sourced | None = None
    takes: Takes = "integers"
    noisy: bool = False
    checker: Callable[[Any], Collection[Violation]] | None = None
    quantiser: Callable[[Network], AnyNetwork] | None = None
    dequantiser: Callable[[QuantisedNetwork], Network] | None = None
    placer: "Callable[[Any], Placement] | None" = None
    missing: Callable[[], str | None] = always

    @property
    def chip(self) -> str | None:
        """Name of the chip that it stands for; None when it takes networks of any."""
        return None if self.spec is None else self.spec.name

    def unavailable(self) -> str | None:
        """Return why the target cannot be used here and what to do, None if it can be used."""
        return self.missing()

    def check(self, net: AnyNetwork) -> tuple[Violation, ...]:
        """Return every limit of the target that a network breaks; never raises."""
        if not self._is_taken(net):
            return (Violation("network", 1, *self._refusal(net)),)
        if self.checker is not None:
            return tuple(self.checker(net))
        spec = self._spec_for(net)
        if not isinstance(spec, ChipSpec) or not isinstance(net, QuantisedNetwork):
            return ()
        return tuple(violation for rule in RULES for violation in rule(net, spec))

    def quantise(self, net: Network) -> AnyNetwork:
        """Return a float network in the form that the target holds.

        Raises
        ------
        UnsupportedError
            If the target runs networks of any chip, so that it cannot know how to round.
        RuleError
            If the network does not fit; the message lists every violation.
        """
        if self.quantiser is not None:
            return self.quantiser(net)
        if self.takes == "floats":
            return net
        if not isinstance(self.spec, ChipSpec):
            raise UnsupportedError(f"target {self.name}: takes any chip; say which to round for")
        from hetlava.quantisation import quantise

        return quantise(net, self.spec)

    def dequantise(self, net: QuantisedNetwork) -> Network:
        """Return the float network that registers stand for: parameters rounded, states not.

        Raises
        ------
        UnsupportedError
            If the target takes other networks, or registers stand for no float network.
        """
        self._require_taken(net)
        if self.dequantiser is not None:
            return self.dequantiser(net)
        from hetlava.quantisation import dequantise

        return dequantise(net)

    def place(self, net: AnyNetwork) -> "Placement":
        """Put every neuron on a core; raises RuleError with every reason why that cannot be.

        Raises
        ------
        UnsupportedError
            If the target takes other networks, or has no cores.
        """
        self._require_taken(net)
        if self.placer is not None:
            return self.placer(net)
        spec = self._spec_for(net)
        if not isinstance(spec, ChipSpec) or not isinstance(net, QuantisedNetwork):
            raise UnsupportedError(f"target {self.name}: has no cores to place neurons on")
        from hetlava.hardware.placement import place

        return place(net, spec)

    def estimate(self, work: "Work", preset: str | None = None) -> "EnergyReport":
        """Estimate energy and latency of a run from its counts.

        Parameters
        ----------
        work : Work
            What :func:`hetlava.work.count` made of the recording.
        preset : str, optional
            Whose constants to take; those of the target's own chip when not given.

        Raises
        ------
        UnsupportedError
            If none is given and nothing is published about the chip, or there is no chip.
        ValidationError
            If there is no such preset.
        """
        from hetlava.hardware.energy import estimate

        if preset is None and self.chip is None:
            raise UnsupportedError(f"target {self.name}: stands for no chip; name an energy preset")
        return estimate(work, preset or str(self.chip))

    def run(
        self,
        net: AnyNetwork,
        inputs: Events,
        *,
        seed: int = 0,
        trials: int = 1,
        probes: Collection[str] = (),
        threads: int | None = None,
    ) -> Recording:
        """Run a batch, every sample from rest.

        Parameters
        ----------
        net : Network or QuantisedNetwork
            Of the kind that the target takes.
        inputs : Events
            Input spikes of ``net.n_inputs`` channels.
        seed : int
            Of what differs from trial to trial; the same seed gives the same recording.
        trials : int
            How often the batch is run; the recording holds all its samples trial by trial.
        probes : collection of ``"u"`` and ``"v"``
            Traces to keep.
        threads : int or None
            Threads to use where the target can choose; None leaves it to the target.

        Raises
        ------
        UnsupportedError
            If the network is of the other kind or was rounded for another chip, the target cannot
            run it exactly, or several trials are asked of a target that knows no noise.
        ValidationError
            If the input has another number of channels, a probe is unknown, ``seed`` is below 0 or
            ``trials`` below 1.
        MissingPackageError, TargetError
            If the target is not installed, or fails.
        """
        self._require_taken(net)
        self._check_trials(seed, trials)
        parts = [
            self.runner(
                net,
                inputs,
                rng=np.random.default_rng([seed, trial]),
                probes=probes,
                threads=threads,
            )
            for trial in range(trials)
        ]
        return replace(join(parts), target=self.name)

    def _check_trials(self, seed: int, trials: int) -> None:
        if seed < 0:
            raise ValidationError(f"seed is {seed}, expected at least 0")
        if trials < 1:
            raise ValidationError(f"trials is {trials}, expected at least 1")
        if trials > 1 and not self.noisy:
            raise UnsupportedError(
                f"target {self.name}: every run gives the same, so {trials} trials are {trials} "
                "copies of one; take trials=1"
            )

    def _is_taken(self, net: AnyNetwork) -> bool:
        if isinstance(net, QuantisedNetwork):
            return self.takes == "integers" and self.spec in (None, net.spec)
        return self.takes == "floats"

    def _refusal(self, net: AnyNetwork) -> tuple[str, str]:
        """Return why the target does not take a network, and what to do."""
        if self.takes == "floats":
            return "is an integer one, it takes floats", "give the trained network, model.pt"
        if not isinstance(net, QuantisedNetwork):
            return "is a float one, it takes integers", "quantise it, as hetlava export does"
        if self.chip == net.chip:
            return f"was rounded for another chip of the name {self.chip}", "name yours otherwise"
        return (
            f"was rounded for {net.chip}, not {self.chip}",
            f"quantise it for {self.chip} or run it on the target {net.chip}",
        )

    def _require_taken(self, net: AnyNetwork) -> None:
        if not self._is_taken(net):
            why, cure = self._refusal(net)
            raise UnsupportedError(f"target {self.name}: the network {why}; {cure}")

    def _spec_for(self, net: AnyNetwork) -> Sourced | None:
        if self.spec is None and isinstance(net, QuantisedNetwork):
            return net.spec
        return self.spec
