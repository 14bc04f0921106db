"""What a calibration looks at: where membranes rest, how they relax, how they answer a spike.

Nothing here knows more of the chip than its :class:`~hetlava.hardware.virtual_chip.Bench`.
"""

import numpy as np

from hetlava.arrays import Float
from hetlava.hardware.calibration_fit import fit_relaxation, fit_response, fit_slope
from hetlava.hardware.virtual_chip import KICK, Bench, Stimulus

SAMPLES = 120  # of a trace
REST = np.linspace(0, 1e-6, SAMPLES)[:, None]  # [s] when resting membranes are sampled
WEIGHTS = (63, 45, 32, 22, 16, 11, 8, 6, 4, 3, 2, 1)  # of test spikes
PEAK_LSB = 60.0  # of their responses: up or down, the converter follows


def rest(bench: Bench, held: bool = False) -> Float:
    """Return where membranes rest [LSB], or where they are held, as the mean of a trace."""
    stimulus = Stimulus(times=REST, held=held)
    mean: Float = bench.measure(stimulus).trace.mean(axis=0)
    return mean


def tau_mem(bench: Bench, expected: Float) -> Float:
    """Watch membranes come back from a reset."""
    times = np.linspace(0, 6, SAMPLES)[:, None] * expected
    trace = bench.measure(Stimulus(times=times, begin="reset")).trace
    return fit_relaxation(times, trace.astype(np.float64), expected)


def tau_syn(bench: Bench, expected: Float, tau_mem: Float) -> Float:
    """Watch the response to a test spike."""
    times = sample_times(tau_mem, expected)
    trace = bench.measure(Stimulus(times=times, weight=spike_weight(bench, times))).trace
    return fit_response(times, trace.astype(np.float64), tau_mem, expected)


def gain(bench: Bench, weight: int, times: Float, taus: tuple[Float, Float]) -> Float:
    """Return how steeply a test spike moves membranes, as a factor of the design's slope, (n,)."""
    trace = bench.measure(Stimulus(times=times, weight=weight)).trace
    slope: Float = fit_slope(times, trace.astype(np.float64), *taus) / (weight * KICK)
    return slope


def sample_times(tau_mem: Float, tau_syn: Float) -> Float:
    """Return when to sample a response, close together at first, (SAMPLES, n)."""
    times: Float = np.geomspace(
        0.1 * np.minimum(tau_syn, tau_mem), 5 * np.maximum(tau_syn, tau_mem), SAMPLES
    )
    return times


def spike_weight(bench: Bench, times: Float) -> int:
    """Return the largest weight whose response keeps most membranes within the converter."""
    start = rest(bench)
    for weight in WEIGHTS:
        trace = bench.measure(Stimulus(times=times, weight=weight)).trace
        if np.percentile(np.max(trace - start, axis=0), 90) <= PEAK_LSB:
            return weight
    return WEIGHTS[-1]
