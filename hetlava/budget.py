"""The error budget: what rounding did to time constants, weights and thresholds, as plain data."""

import numpy as np

from hetlava.arrays import Float, Int
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT, decay_tau, weight_step
from hetlava.float_synapses import FloatSynapses
from hetlava.network import Plain, Population
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantised import QuantisedPopulation
from hetlava.synapses import QuantisedSynapses

# Mean loss of a truncation toward zero, in units of the last place (measured on the decay rule).
TRUNCATION_LOSS = 0.494


def spread(relative: Float) -> dict[str, Plain]:
    """Return median, 95th percentile and worst of absolute values, in percent."""
    percent = 100 * np.abs(relative)
    return {
        "median": float(np.median(percent)),
        "p95": float(np.percentile(percent, 95)),
        "worst": float(np.max(percent)),
    }


def truncation_leak(d: Int, amplitude: Float) -> Float:
    """Return the relative error of a decay that truncation toward zero adds at an amplitude.

    Parameters
    ----------
    d : (n,) int32
        Decay words, at least 1.
    amplitude : (n,) float64
        Magnitude of the state, in its own units.
    """
    leak: Float = TRUNCATION_LOSS * (1 << DECAY_BITS) / (d * np.maximum(amplitude, 1.0))
    return leak


def population_budget(
    population: Population, quantised: QuantisedPopulation, dt: float, dead: int, saturated: int
) -> dict[str, Plain]:
    """Say what rounding did to the neurons of a population.

    ``dead_words`` counts decays that rounded to 0 and were set to 1, ``saturated_words`` those
    above the register's largest word. ``leak`` is the relative error of the membrane's decay by
    truncation at half threshold.
    """
    neurons, registers = population.neurons, quantised.cuba
    errors = (
        decay_tau(registers.du + 1, dt) / neurons.tau_syn - 1,
        decay_tau(registers.dv, dt) / neurons.tau_mem - 1,
    )
    row: dict[str, Plain] = {
        "kind": "population",
        "name": population.name,
        "n": neurons.n,
        "scale": quantised.scale,
        "tau_mem": spread(errors[1]),
        "tau_syn": spread(errors[0]),
        "tau_rms": [100 * float(np.sqrt(np.mean(e**2))) for e in errors],
        "dead_words": dead,
        "saturated_words": saturated,
    }
    if isinstance(neurons, CubaLIF):
        vth = registers.vth.astype(np.float64) * (1 << STATE_SHIFT)
        row["vth"] = spread(vth / (quantised.scale * neurons.v_threshold) - 1)
        row["vth_mant"] = int(np.median(registers.vth))
        row["leak"] = spread(truncation_leak(registers.dv, vth / 2))
    return row


def projection_budget(
    projection: FloatSynapses, quantised: QuantisedSynapses, scale: float
) -> dict[str, Plain]:
    """Say what rounding did to the weights of a projection; errors relative to their rms."""
    volts = 2.0 ** (STATE_SHIFT + quantised.weight_exp) / scale
    mixed = bool(quantised.weights.min(initial=0) < 0 < quantised.weights.max(initial=0))
    grid = volts * weight_step(quantised.weight_bits, mixed)
    error = quantised.weights * volts - projection.weights
    rms = _rms(projection.weights) or 1.0
    return {
        "kind": "projection",
        "name": f"{projection.source} -> {projection.target}",
        "shape": list(projection.shape),
        "weight_exp": quantised.weight_exp,
        "weight_bits": quantised.weight_bits,
        "rms_error": 100 * _rms(error) / rms,
        "worst_error": 100 * float(np.max(np.abs(error), initial=0.0)) / rms,
        # rounding moves a weight by half a step of the grid at most
        "saturated": int(np.count_nonzero(np.abs(error) > 0.51 * grid)),
        "zeros": int(np.count_nonzero(quantised.weights == 0)),
    }


def _rms(values: Float) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0  # of lists without any
