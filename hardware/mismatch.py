"""Device mismatch: a virtual die, drawn once for a chip's seed, and networks as it would hold them.

Factors (of time constants, gains) have mean 1 and the given coefficient of variation; offsets (of
threshold, reset, leak) are normal and count in swings, a neuron's ``v_threshold - v_leak``. Each
kind of parameter has a stream of random numbers of its own and each neuron a place on the die, so
that a die is the same whatever else is drawn and whatever network is put on it.
"""

from dataclasses import dataclass
from typing import Literal, get_args
from zlib import crc32

import numpy as np

from hetlava.arrays import ArrayRecord, Bool, Float
from hetlava.chip_spec import Sourced
from hetlava.errors import ValidationError
from hetlava.network import Network, refuse_delays, with_matrices

Distribution = Literal["lognormal", "gaussian"]
QUADRANT = 128  # neurons, a quarter of a BrainScaleS-2 chip's 512
FACTOR_MIN = 0.05  # a Gaussian factor is cut here, as a time constant cannot be 0
SPREADS = ("tau_mem", "tau_syn", "threshold", "reset", "leak", "gain", "synapse_gain", "refractory",
           "threshold_jitter", "spike_jitter")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Mismatch(Sourced):
    """How much the parameters of a chip vary, each number with its source.

    Attributes
    ----------
    tau_mem, tau_syn, refractory : float
        Coefficients of variation of times, from neuron to neuron.
    threshold, reset, leak : float
        Standard deviations of offsets [swing].
    threshold_mean : float
        Mean of the thresholds' offsets [swing].
    gain, synapse_gain : float
        Coefficients of variation of the synaptic strength from neuron to neuron (excitatory and
        inhibitory apart) and from synapse to synapse (two for each weight: a row for each sign).
    quadrant : float
        Share of the variance of all neurons' parameters that those of a quadrant have in common.
    weight_bits : int
        Bits of a weight's magnitude; 0 leaves weights as they are.
    current_max : float
        Largest synaptic slope [swing/ms]; infinite if there is no bound.
    refractory_steps : float
        The refractory time that is asked of the chip [steps of the network]. Half a step comes
        nearest to a neuron that fires once per step at most.
    dead : float
        Share of neurons that never fire.
    threshold_jitter : float
        Standard deviation of a threshold's offset from trial to trial [swing].
    spike_jitter : float
        Standard deviation of the time of a spike [ms of the network's time].
    distribution : str
        Of factors: ``lognormal`` or ``gaussian``.
    """

    tau_mem: float
    tau_syn: float
    threshold: float
    threshold_mean: float
    reset: float
    leak: float
    gain: float
    synapse_gain: float
    quadrant: float
    weight_bits: int
    current_max: float
    refractory: float
    refractory_steps: float
    dead: float
    threshold_jitter: float
    spike_jitter: float
    distribution: Distribution

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in (*SPREADS, "refractory_steps"):
            self._require(0 <= getattr(self, name) <= 10, name, "0 to 10")
        self._require(abs(self.threshold_mean) <= 1, "threshold_mean", "-1 to 1")
        for name in ("quadrant", "dead"):
            self._require(0 <= getattr(self, name) <= 1, name, "0 to 1")
        whole = isinstance(self.weight_bits, int) and 0 <= self.weight_bits <= 16
        self._require(whole, "weight_bits", "a whole number, 0 to 16")
        self._require(self.current_max > 0, "current_max", "above 0")
        known = " or ".join(get_args(Distribution))
        self._require(self.distribution in get_args(Distribution), "distribution", known)

    def _require(self, holds: bool, name: str, limit: str) -> None:
        if not holds:
            raise ValidationError(
                f"mismatch {self.name}: {name} is {getattr(self, name)}, expected {limit}"
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Die(ArrayRecord):
    """What one chip does to parameters; arrays of all neurons, population after population.

    Attributes
    ----------
    mismatch : Mismatch
        What it was drawn from.
    chip_seed : int
    tau_mem, tau_syn, refractory : (n,) float64
        Factors.
    threshold, reset, leak : (n,) float64
        Offsets [swing].
    gain : (2, n) float64
        Factors of excitatory and of inhibitory synapses.
    dead : (n,) bool
    synapse_gain : tuple of (2, n_post, n_pre) float64
        Factors of every projection's synapses in the excitatory and in the inhibitory row.
    """

    mismatch: Mismatch
    chip_seed: int
    tau_mem: Float
    tau_syn: Float
    refractory: Float
    threshold: Float
    reset: Float
    leak: Float
    gain: Float
    dead: Bool
    synapse_gain: tuple[Float, ...]

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.tau_mem.size)


def draw(mismatch: Mismatch, net: Network, chip_seed: int) -> Die:
    """Draw the die with that seed, as far as a network takes it up.

    Raises
    ------
    ValidationError
        If the seed is below 0.
    """
    if chip_seed < 0:
        raise ValidationError(f"chip seed is {chip_seed}, expected at least 0")
    n = sum(p.neurons.n for p in net.populations)

    def normal(name: str, row: int = 0) -> Float:
        return _normal(chip_seed, name, row, n, mismatch.quadrant)

    def factor(name: str, spread: float, row: int = 0) -> Float:
        return _factor(normal(name, row), spread, mismatch.distribution)

    return Die(
        mismatch=mismatch,
        chip_seed=chip_seed,
        tau_mem=factor("tau_mem", mismatch.tau_mem),
        tau_syn=factor("tau_syn", mismatch.tau_syn),
        refractory=factor("refractory", mismatch.refractory),
        threshold=mismatch.threshold_mean + mismatch.threshold * normal("threshold"),
        reset=mismatch.reset * normal("reset"),
        leak=mismatch.leak * normal("leak"),
        gain=np.stack([factor("gain", mismatch.gain, row) for row in (0, 1)]),
        dead=stream(chip_seed, "dead").random(n) < mismatch.dead,
        synapse_gain=_synapse_gains(mismatch, net, chip_seed),
    )


def stream(chip_seed: int, name: str, *place: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([chip_seed, crc32(name.encode()), *place]))


def _normal(chip_seed: int, name: str, row: int, n: int, shared: float) -> Float:
    """Return standard normal numbers (n,), correlated in quadrants; fewer are the first of more."""
    own = stream(chip_seed, name, row).standard_normal(n)
    common = stream(chip_seed, name, row, 1).standard_normal(-(-n // QUADRANT))
    together = np.repeat(common, QUADRANT)[:n]
    drawn: Float = np.sqrt(shared) * together + np.sqrt(1 - shared) * own
    return drawn


def _factor(normal: Float, spread: float, distribution: Distribution) -> Float:
    """Return factors of mean 1 and coefficient of variation ``spread``."""
    factor: Float
    if distribution == "gaussian":
        factor = np.maximum(1 + spread * normal, FACTOR_MIN)
    else:
        sigma = np.sqrt(np.log1p(spread * spread))
        factor = np.exp(sigma * normal - sigma * sigma / 2)
    return factor


def _synapse_gains(mismatch: Mismatch, net: Network, chip_seed: int) -> tuple[Float, ...]:
    """Draw synapse by synapse: a neuron's column has a stream, whose rows the sources fill."""
    refuse_delays(net, "an analog chip")
    net = with_matrices(net)  # refuses what has too many
    gains = [np.ones((2, *q.shape)) for q in net.projections]
    if not mismatch.synapse_gain:
        return tuple(gains)
    first = 0
    for p in net.populations:
        wires = [k for k, q in enumerate(net.projections) if q.target == p.name]
        ends = np.cumsum([0, *(net.projections[k].shape[1] for k in wires)])
        for i in range(p.neurons.n):
            column = stream(chip_seed, "synapse_gain", first + i)
            rows = column.standard_normal((int(ends[-1]), 2))
            rows = _factor(rows, mismatch.synapse_gain, mismatch.distribution)
            for k, a, b in zip(wires, ends, ends[1:], strict=False):
                gains[k][:, i] = rows[a:b].T
        first += p.neurons.n
    return tuple(gains)
