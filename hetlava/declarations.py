"""Heterogeneity as a declared object: for each parameter of the neurons, one record that says all.

How it is drawn, whether and in which space it is learned, where it is clipped, how fast it learns
and what holds it back. Every trainer is given the same :class:`Heterogeneity`.

=========== ==================================================================================
space       what is learned of a time constant; ``d`` is the share of u or v that a step keeps
=========== ==================================================================================
log-tau     ``log(tau / dt)``
decay       ``d`` itself, as Perez-Nieves et al. (2021) do
logit       ``logit(1 - d)``, as the parametric LIF of Fang et al. (2021) does
linear      potentials only: the voltage
=========== ==================================================================================

With ``layer`` one number for a layer is added in that space to what was drawn per neuron.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal, get_args

from hetlava.distributions import Constant, Distribution
from hetlava.errors import ValidationError
from hetlava.quantities import QUANTITIES, Unit

Learn = Literal["fixed", "layer", "channel", "neuron"]
Space = Literal["log-tau", "decay", "logit", "linear"]

TIMES = ("tau_mem", "tau_syn")
POTENTIALS = ("threshold", "rest", "reset")
PARAMETERS = (*TIMES, *POTENTIALS)


def unit_of(parameter: str) -> Unit:
    """Return the unit of a parameter's values."""
    return "s" if parameter in TIMES else "V"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Where values are kept, drawn and learned ones; the chip's range is never left.

    Attributes
    ----------
    of : str
        ``chip``: no narrower range; ``decay``: ``low`` and ``high`` are shares that a step keeps;
        ``value``: they are in seconds or volts.
    """

    of: Literal["chip", "decay", "value"] = "chip"
    low: float = -math.inf
    high: float = math.inf

    def bounds(self, dt: float, *, euler: bool = False) -> tuple[float, float]:
        """Return the least and the largest value, in steps of ``dt`` if it is a time constant's.

        Parameters
        ----------
        dt : float
            Length of a step [s]; 1 for potentials.
        euler : bool
            A step keeps ``1 - dt / tau``, not ``exp(-dt / tau)``.
        """
        if self.of == "decay":
            low, high = (1 / (1 - d) if euler else -1 / math.log(d) for d in (self.low, self.high))
            return low, high
        return self.low / dt, self.high / dt


# of Perez-Nieves et al. (2021), Neural heterogeneity promotes robust learning: what the paper
# says, time constants from 3 steps on, and what its code does; both are ranges of the decay
CLIPS: Mapping[str, Clip] = MappingProxyType(
    {
        "chip": Clip(),
        "paper2021": Clip(of="decay", low=math.exp(-1 / 3), high=0.995),
        "code2021": Clip(of="decay", low=2 / math.e, high=0.995),
    }
)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """All that is declared of one parameter.

    Attributes
    ----------
    distribution : Distribution
        What a value per neuron is drawn from.
    learn : str
        ``fixed``, one number per ``layer``, a value per ``channel`` that all places of an image
        share (drawn once for the channel), or a value per ``neuron``. Neurons of dense layers are
        channels of their own.
    space : str
        What is learned of it.
    clip : Clip
    lr : float
        Adam's rate, in the space.
    penalties : tuple of str
        As ``variance:0.01``, see :mod:`hetlava.train.regularisers`.
    """

    distribution: Distribution
    learn: Learn = "fixed"
    space: Space = "linear"
    clip: Clip = CLIPS["chip"]
    lr: float = 0.01
    penalties: tuple[str, ...] = ()

    @property
    def learned(self) -> bool:
        """Whether training changes it."""
        return self.learn != "fixed"

    @property
    def anchored(self) -> bool:
        """Whether a penalty is on the distance from where training began."""
        return any(text.rpartition("=")[2].startswith("l2:") for text in self.penalties)

    @property
    def plain(self) -> bool:
        """Whether it is one value that nothing changes."""
        return isinstance(self.distribution, Constant) and not self.learned


@dataclass(frozen=True, kw_only=True)
class Heterogeneity:
    """The declaration of every parameter of the neurons.

    Attributes
    ----------
    tau_mem, tau_syn : Declaration
        Time constants.
    threshold, rest, reset : Declaration
        Potentials; ``rest`` is where the membrane leaks to, ``reset`` where a spike puts it, and
        where it begins.
    """

    tau_mem: Declaration
    tau_syn: Declaration
    threshold: Declaration
    rest: Declaration
    reset: Declaration

    def __getitem__(self, parameter: str) -> Declaration:
        return self.items_by_name[parameter]

    def __iter__(self) -> Iterator[tuple[str, Declaration]]:
        return iter(self.items_by_name.items())

    @property
    def items_by_name(self) -> dict[str, Declaration]:
        """The declarations by the name of their parameter."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @property
    def unit(self) -> float:
        """The mean threshold [V], which is what other voltages are measured in."""
        return self.threshold.distribution.mean

    @property
    def plain_potentials(self) -> bool:
        """Whether all neurons have one fixed threshold, and rest and are reset at 0 V."""
        zero = all(d.plain and d.distribution.mean == 0 for d in (self.rest, self.reset))
        return zero and self.threshold.plain

    def check(self, dt: float) -> None:
        """Raise ValidationError for what is impossible with steps of ``dt`` seconds."""
        for name, declared in self:
            _check_learning(name, declared)
            _check_clip(name, declared, dt)
        if not 0 < self.unit < QUANTITIES["V"].range[1]:
            raise ValidationError(
                f"threshold is {self.unit:g} V in the mean, expected in (0, 2048) V"
            )
        _check_order(self.threshold.distribution, self.reset.distribution)


def _check_learning(name: str, declared: Declaration) -> None:
    if declared.learn not in get_args(Learn):
        ways = " or ".join(get_args(Learn))
        raise ValidationError(f"learn {name}={declared.learn}, expected {ways}")
    known = get_args(Space)[:-1] if name in TIMES else ("linear",)
    if declared.space not in known:
        raise ValidationError(f"space {name}={declared.space}, expected {' or '.join(known)}")
    # the variance of fixed time constants is a constant, which rows to compare with keep
    moving = [text for text in declared.penalties if not text.startswith("variance:")]
    if moving and not declared.learned:
        raise ValidationError(
            f"regularise {moving[0]}: {name} is fixed, nothing can move it; "
            f"learn it with --learn {name}=neuron"
        )


def _check_clip(name: str, declared: Declaration, dt: float) -> None:
    clip, distribution = declared.clip, declared.distribution
    if clip.of == "chip":
        return
    if name in TIMES and clip.of == "value" and clip.low < dt:
        raise ValidationError(
            f"clip {name} begins at {distribution.text(clip.low)}, expected at least dt "
            f"{distribution.text(dt)}"
        )
    step = dt if name in TIMES else 1.0
    low, high = (end * step for end in clip.bounds(step))
    least, most = distribution.support
    if most < low or least > high:
        raise ValidationError(
            f"{name} {distribution} lies outside its clip {distribution.text(low)} .. "
            f"{distribution.text(high)} altogether"
        )


def _check_order(threshold: Distribution, reset: Distribution) -> None:
    """Refuse thresholds that are not above resets; single draws of wide families are moved."""
    low, high = threshold.support[0], reset.support[1]
    wide = threshold.positive or reset.positive
    if threshold.mean <= reset.mean or (low < high and not wide):
        raise ValidationError(
            f"threshold {threshold} is not above reset {reset} everywhere; raise the one or lower "
            "the other"
        )
