"""What a training run is asked for: one frozen record, and what suits each data set."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal, get_args

from hetlava.datasets import base_name, defaults
from hetlava.datasets.augmenting import parse_augmentation
from hetlava.declaration_text import by_parameter, clip_text, potential, rate_text, written
from hetlava.declarations import POTENTIALS, TIMES, Heterogeneity, unit_of
from hetlava.distributions import Levels, Uniform
from hetlava.errors import ValidationError
from hetlava.hardware.mismatch_presets import find_mismatch
from hetlava.heterogeneity import parse
from hetlava.train.declared import declared_by
from hetlava.train.layer_text import layer_text
from hetlava.train.presets import NORSE_PRESETS, PRESETS, READOUT_PRESETS
from hetlava.train.regularisers import regulariser_text
from hetlava.train.wiring import Wiring, has_images, wirings

LearnTau = Literal["neuron", "channel", "layer", "none"]
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
    hidden : tuple of int and str
        The hidden layers: a number of neurons, or a kernel (``16c5s2p1``) or a pool (``2p``) over
        an image, see :mod:`hetlava.train.layer_text`. A pool belongs to the layer behind it.
    tau_mem, tau_syn : str
        Distributions of the time constants, drawn per neuron: ``gamma:20ms,shape=3``.
    learn_tau : str
        ``neuron``: every time constant is learned; ``channel``: one for all places of a channel
        of an image; ``layer``: one factor per layer scales all its membrane, another all its
        synaptic time constants (of a constant distribution that is one time constant per layer);
        ``none``: they stay as drawn.
    threshold, rest, reset : float or str
        Firing threshold, resting potential, and potential that a spike leaves and samples begin
        at: a number [V], or a distribution drawn per neuron, ``uniform:0.5V,1.5V``. Thresholds
        are at least a step of the grid above resets. SLAYER's weights live on a grid of 1/32 V in
        -4 .. 3.97 V, those of norse on one of 1/128 mean threshold.
    learn : tuple of str
        ``PARAM=HOW`` for other parameters than those of ``learn_tau``, or instead of it: PARAM is
        tau_mem, tau_syn, threshold, rest or reset, HOW is fixed, layer, channel or neuron.
        Potentials are fixed where nothing is said, but for thresholds with ``qat``, which are
        learned per neuron.
    space : tuple of str
        ``PARAM=SPACE`` in which a time constant is learned: log-tau, decay or logit, see
        :mod:`hetlava.declarations`; a SPACE alone is for both.
    clip : tuple of str
        ``PARAM=CLIP`` where values are kept, drawn ones too: chip, paper2021, code2021, a range as
        ``2ms,100ms`` or ``0.5V,1.5V``; a CLIP alone is for both time constants.
    lr_of : tuple of str
        ``PARAM=RATE`` of Adam in place of ``lr_tau`` and ``lr``.
    epochs, batch : int
    lr, lr_tau : float
        Adam's rates for weights and potentials [V] and for the logarithms of the time constants.
    half_life : float
        Epochs after which the rates have halved.
    image : (kinds, height, width), optional
        How the input's channels lie; that of the data set where kernels or pools need it.
    shift : int
        Training samples are moved by up to this many pixels in x and in y; 0 for data that is no
        image.
    trainer : str
        ``slayer``: the blocks of lava-dl; ``norse``: the cells of norse.
    recurrent : bool
        Dense hidden layers project onto themselves (norse only).
    readout : str
        ``spike-count``, or of integrators' voltages ``max-over-time``, ``last``, ``mean`` (norse
        only).
    surrogate : str
        Derivative of the spike, see :mod:`hetlava.train.surrogates` (norse only).
    regularise : tuple of str
        Penalties on top of the loss, as ``rate:20Hz,0.1`` or ``PARAM=variance:0.01``, see
        :mod:`hetlava.train.regularisers`; without PARAM they are of ``tau_mem``.
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
    hidden: tuple[int | str, ...] = (128,)
    tau_mem: str = "gamma:20ms,shape=3"
    tau_syn: str = "gamma:10ms,shape=3"
    learn_tau: LearnTau = "neuron"
    threshold: float | str = 4.0
    rest: float | str = 0.0
    reset: float | str = 0.0
    learn: tuple[str, ...] = ()
    space: tuple[str, ...] = ()
    clip: tuple[str, ...] = ()
    lr_of: tuple[str, ...] = ()
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
        self._normalise()
        for name in ("epochs", "batch", "n_steps", "threads", "shift", "seed"):
            low = 0 if name in ("shift", "seed") else 1
            _require(getattr(self, name) >= low, name, getattr(self, name), f"at least {low}")
        _require(0 < self.dt <= 1, "dt", f"{self.dt} s", "above 0 s and at most 1 s")
        _require(bool(self.hidden), "hidden", self.hidden, "at least one layer")
        for name in ("lr", "half_life"):
            _require(0 < getattr(self, name) < 1e6, name, getattr(self, name), "above 0")
        _require(0 <= self.lr_tau < 1e3, "lr_tau", self.lr_tau, "at least 0")
        _require(0 <= self.drop < 1, "drop", self.drop, "0 to below 1")
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
        self.heterogeneity.check(self.dt)
        self._check_images()
        self._check_blocks()

    @cached_property
    def heterogeneity(self) -> Heterogeneity:
        """What is declared of the neurons' parameters, as one record."""
        return declared_by(self)

    def wirings(self, n_inputs: int, n_outputs: int) -> list[Wiring]:
        """Return how every layer is wired, the output's last.

        Raises
        ------
        ValidationError
            If the input is not the image that kernels or pools need.
        """
        image = self.image
        if image is None or not has_images(self.hidden):
            image = (n_inputs, 1, 1)
        if prod(image) != n_inputs:
            raise ValidationError(
                f"image is {image}, {prod(image)} channels, but {self.dataset} has {n_inputs}"
            )
        return wirings(self.hidden, image, n_outputs)

    def image_wirings(self, n_inputs: int, n_outputs: int) -> list[Wiring] | None:
        """Return :meth:`wirings` where some layer needs an image; sizes say all of the others."""
        return self.wirings(n_inputs, n_outputs) if has_images(self.hidden) else None

    def _normalise(self) -> None:
        """Bring what can be written in several ways to one, so that equal runs are equal."""

        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        put("hidden", tuple(layer_text(item) for item in self.hidden))
        put("image", tuple(self.image) if self.image else None)
        for name in POTENTIALS:
            put(name, potential(getattr(self, name)))
        put("learn", written(by_parameter("learn", self.learn)))
        put("space", written(by_parameter("space", self.space, TIMES)))
        clips = by_parameter("clip", self.clip, TIMES)
        put("clip", written({k: clip_text(v, unit_of(k)) for k, v in clips.items()}))
        rates = by_parameter("lr_of", self.lr_of)
        put("lr_of", written({k: rate_text(v) for k, v in rates.items()}))
        put("regularise", tuple(regulariser_text(text) for text in self.regularise))

    def _check_images(self) -> None:
        """Refuse images where there are none, and what goes together with dense layers only."""
        if has_images(self.hidden):
            if self.image is None:
                raise ValidationError(
                    f"hidden is {self.hidden}, but the channels of {self.dataset} are no image "
                    "that is known; use dense layers, as 128, or write image = [kinds, height, "
                    "width] in the file of --config"
                )
            _require(min(self.image) > 0, "image", self.image, "numbers of at least 1")
            wired = wirings(self.hidden, self.image, 1)
            _require(
                not self.mismatch, "mismatch", self.mismatch, "none with kernels or pools: "
                "on a die each synapse is another, it has no weights to share",
            )  # fmt: skip
            if self.recurrent and not any(w.target[1:] == (1, 1) for w in wired[:-1]):
                raise ValidationError(
                    "recurrent is True, but only dense hidden layers project onto themselves, and "
                    f"hidden is {self.hidden}"
                )
            if any(w.kernel for w in wired):
                return
        for name, declared in self.heterogeneity:
            if declared.learn == "channel":
                raise ValidationError(
                    f"learn {name}=channel: all layers are dense, they have no channels of an "
                    "image to share a value; use neuron or layer, or kernels: --hidden 16c5,128"
                )

    def _check_blocks(self) -> None:
        """Refuse what the blocks of lava-dl cannot hold."""
        if self.trainer == "slayer" and self.backend == "plain":
            declared = self.heterogeneity
            strange = [n for n in POTENTIALS if declared[n].learned]
            strange += [n for n in POTENTIALS if not declared[n].plain]
            strange += [n for n in ("rest", "reset") if declared[n].distribution.mean]
            if strange:
                raise ValidationError(
                    f"{strange[0]}: the blocks of lava-dl have one fixed threshold, and rest and "
                    "are reset at 0 V; use --backend fused, or --norse"
                )

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


def config_for(dataset: str, **asked: Any) -> TrainConfig:
    """Return the preset of a data set with what is asked for in place (None: the preset's).

    Raises
    ------
    ValidationError
        If the data set is unknown or a value impossible.
    """
    binning = defaults(dataset)
    chosen = {"dt": binning.dt, "n_steps": binning.n_steps, **PRESETS.get(base_name(dataset), {})}
    if "image" in chosen or has_images(asked.get("hidden") or ()):
        chosen["image"] = image_of(dataset)
    if asked.get("trainer") == "norse":
        chosen |= NORSE_PRESETS.get(base_name(dataset), {})
    chosen |= READOUT_PRESETS.get(asked.get("readout") or "", {})
    chosen |= {name: value for name, value in asked.items() if value is not None}
    return TrainConfig(dataset=dataset, **chosen)


def image_of(dataset: str) -> tuple[int, int, int] | None:
    """Return the image that a data set's channels are, transforms included; None for a row."""
    sensor = defaults(dataset).sensor
    if sensor is None or sensor.height == 1:
        return None
    return sensor.kinds, sensor.height, sensor.width


def _require(holds: bool, name: str, value: object, limit: str) -> None:
    if not holds:
        raise ValidationError(f"{name} is {value}, expected {limit}")
