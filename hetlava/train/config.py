"""What a training run is asked for: one frozen record, and what suits each data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from hetlava.datasets import base_name, defaults
from hetlava.datasets.augmenting import parse_augmentation
from hetlava.distributions import Levels, Uniform
from hetlava.errors import ValidationError
from hetlava.hardware.mismatch_presets import find_mismatch
from hetlava.heterogeneity import parse
from hetlava.train.regularisers import parse_regulariser

LearnTau = Literal["neuron", "layer", "none"]
Device = Literal["auto", "cpu", "cuda"]
Trainer = Literal["slayer", "norse"]
ReadoutName = Literal["spike-count", "max-over-time", "last", "mean"]
Backend = Literal["fused", "plain"]
Surrogate = Literal["superspike", "fast-sigmoid", "atan", "triangle", "exponential"]
CHOICES = {
    "learn_tau": LearnTau,
    "device": Device,
    "trainer": Trainer,
    "readout": ReadoutName,
    "surrogate": Surrogate,
    "backend": Backend,
}
NORSE_ONLY = ("recurrent", "readout", "surrogate")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The complete description of a training run; equal ones give equal weights on one machine.

    Attributes
    ----------
    dataset : str
    dt : float
        Length of a step [s].
    n_steps : int
        Steps per sample.
    hidden : tuple of int
        Neurons of each hidden layer.
    tau_mem, tau_syn : str
        Distributions of the time constants, drawn per neuron: ``gamma:20ms,shape=3``.
    learn_tau : str
        ``neuron``: every time constant is learned; ``layer``: one factor per layer scales all its
        membrane, another all its synaptic time constants (of a constant distribution that is one
        time constant per layer); ``none``: they stay as drawn.
    threshold : float
        Firing threshold [V]; weights live on a grid of 1/32 V in -4 .. 3.97 V.
    epochs, batch : int
    lr, lr_tau : float
        Adam's rates for the weights [V] and for the logarithms of the time constants.
    half_life : float
        Epochs after which the rates have halved.
    shift : int
        Training samples are moved by up to this many pixels in x and in y; 0 for data that is no
        image.
    trainer : str
        ``slayer``: the blocks of lava-dl; ``norse``: the cells of norse.
    recurrent : bool
        Hidden layers project onto themselves (norse only).
    readout : str
        ``spike-count``, or of integrators' voltages ``max-over-time``, ``last``, ``mean`` (norse
        only).
    surrogate : str
        Derivative of the spike, see :mod:`hetlava.train.surrogates` (norse only).
    regularise : tuple of str
        Penalties on top of the loss, see :mod:`hetlava.train.regularisers`.
    augment : tuple of str
        Changes of training recordings, drawn anew for every recording and epoch, see
        :mod:`hetlava.datasets.augmenting`.
    workers : int
        Processes that make augmented batches; 0 for none. The result does not depend on it.
    drop : float
        Share of the hidden neurons that training silences, drawn anew for every sample.
    qat : bool
        Train for the chip: thresholds are learned too, all parameters come to lie on its grid, and
        the forward pass becomes what it computes.
    qat_ramp : float
        Share of the epochs in which rounding comes in by degrees.
    backend : str
        ``fused``: compiled passes of whole layers; ``plain``: the library's own path, which is
        slower and there to compare with.
    mismatch : str
        Train on virtual dies: a preset of :mod:`hetlava.hardware.mismatch_presets` or a TOML file;
        empty for none. Every batch meets a new die.
    mismatch_changes : tuple of str
        Numbers of it to change, as ``tau_mem=0.2``.
    seed : int
    device : str
    threads : int
        Of the CPU. Sums are rounded differently by another number; more are only worth it for
        large layers on an idle machine.
    """

    dataset: str
    dt: float
    n_steps: int
    hidden: tuple[int, ...] = (128,)
    tau_mem: str = "gamma:20ms,shape=3"
    tau_syn: str = "gamma:10ms,shape=3"
    learn_tau: LearnTau = "neuron"
    threshold: float = 4.0
    epochs: int = 20
    batch: int = 32
    lr: float = 0.01
    lr_tau: float = 0.01
    half_life: float = 5.0
    image: tuple[int, int, int] | None = None
    shift: int = 0
    drop: float = 0.0
    augment: tuple[str, ...] = ()
    workers: int = 0
    mismatch: str = ""
    mismatch_changes: tuple[str, ...] = ()
    trainer: Trainer = "slayer"
    recurrent: bool = False
    readout: ReadoutName = "spike-count"
    surrogate: Surrogate = "superspike"
    regularise: tuple[str, ...] = ()
    qat: bool = False
    qat_ramp: float = 0.3
    backend: Backend = "fused"
    seed: int = 0
    device: Device = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for name in ("epochs", "batch", "n_steps", "threads", "shift", "seed"):
            low = 0 if name in ("shift", "seed") else 1
            _require(getattr(self, name) >= low, name, getattr(self, name), f"at least {low}")
        _require(0 < self.dt <= 1, "dt", f"{self.dt} s", "above 0 s and at most 1 s")
        _require(bool(self.hidden), "hidden", self.hidden, "at least one layer")
        for n in self.hidden:
            _require(0 < n <= 1 << 20, "hidden", n, "1 to 2^20 neurons a layer")
        for name in ("lr", "half_life"):
            _require(0 < getattr(self, name) < 1e6, name, getattr(self, name), "above 0")
        _require(0 <= self.lr_tau < 1e3, "lr_tau", self.lr_tau, "at least 0")
        _require(0 <= self.drop < 1, "drop", self.drop, "0 to below 1")
        _require(0 < self.threshold < 1 << 11, "threshold", self.threshold, "in (0, 2048) V")
        _require(
            not self.shift or self.image is not None, "shift", self.shift, "0 without an image"
        )
        _require(0 <= self.qat_ramp < 1, "qat_ramp", self.qat_ramp, "0 to below 1")
        both = self.qat and self.backend == "plain"
        _require(
            not both, "backend", self.backend, "fused with qat: the libraries have no such path"
        )
        _require(self.seed < 1 << 32, "seed", self.seed, "below 2^32")
        for name in ("tau_mem", "tau_syn"):
            self._check_tau(name)
        for name, kind in CHOICES.items():
            known = get_args(kind)
            _require(getattr(self, name) in known, name, getattr(self, name), " or ".join(known))
        self._check_trainer()
        self._check_augment()
        self._check_mismatch()

    def _check_augment(self) -> None:
        object.__setattr__(self, "augment", tuple(self.augment))
        for text in self.augment:
            parse_augmentation(text)
        _require(0 <= self.workers <= 256, "workers", self.workers, "0 to 256")

    def _check_mismatch(self) -> None:
        object.__setattr__(self, "mismatch_changes", tuple(self.mismatch_changes))
        if self.mismatch:
            _require(not self.qat, "qat", self.qat, "False with a mismatch: one chip at a time")
            find_mismatch(self.mismatch, self.mismatch_changes)
        elif self.mismatch_changes:
            raise ValidationError("changes of a mismatch are given, but no mismatch")

    def _check_tau(self, name: str) -> None:
        """Refuse what is known to lie below a step; single draws of a wide family are clipped."""
        taus = parse(getattr(self, name))
        if isinstance(taus, Levels):
            least, what = min(taus.values), "at one level"
        elif isinstance(taus, Uniform):
            least, what = taus.low, "at its lower end"
        else:
            least, what = taus.mean, "in the mean"
        limit = f"at least dt {self.dt} s; lengthen it or shorten dt"
        _require(least >= self.dt, name, f"{least:g} s {what}", limit)

    def _check_trainer(self) -> None:
        object.__setattr__(self, "regularise", tuple(self.regularise))
        for text in self.regularise:
            parse_regulariser(text)
        if self.trainer == "norse":
            return
        for name in NORSE_ONLY:
            usual = TrainConfig.__dataclass_fields__[name].default
            _require(
                getattr(self, name) == usual,
                name,
                getattr(self, name),
                f"{usual}; --norse has others",
            )


# chosen by the accuracy on every fifth training sample, held out from the fit; the surrogate of
# norse was chosen while its test accuracy was seen
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "digits": {"epochs": 15},
        "nmnist": {
            "dt": 5e-3,
            "n_steps": 60,
            "lr": 3e-3,
            "epochs": 80,
            "half_life": 20.0,
            "image": (2, 34, 34),
            "shift": 2,
            "drop": 0.2,
        },
    }
)


# a maximum learns at one step of each sample: at the others' rate one seed in two stays behind
READOUT_PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType({"max-over-time": {"lr": 3e-3}})


def config_for(dataset: str, **asked: Any) -> TrainConfig:
    """Return the preset of a data set with what is asked for in place (None: the preset's).

    Raises
    ------
    ValidationError
        If the data set is unknown or a value impossible.
    """
    binning = defaults(dataset)
    chosen = {"dt": binning.dt, "n_steps": binning.n_steps, **PRESETS.get(base_name(dataset), {})}
    if "image" in chosen and binning.sensor is not None:
        chosen["image"] = tuple(binning.sensor)  # transforms may have changed it
    chosen |= READOUT_PRESETS.get(asked.get("readout") or "", {})
    chosen |= {name: value for name, value in asked.items() if value is not None}
    return TrainConfig(dataset=dataset, **chosen)


def _require(holds: bool, name: str, value: object, limit: str) -> None:
    if not holds:
        raise ValidationError(f"{name} is {value}, expected {limit}")
