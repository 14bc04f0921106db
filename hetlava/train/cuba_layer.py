"""The layer of CUBA-LIF neurons that all training here runs on, by the fastest means at hand.

The equations stand in :mod:`hetlava.train.cuba_rule`. What runs where: compiled loops that spikes
drive on the CPU, step by step elsewhere.
"""

from torch import Tensor

from hetlava.train.cuba_function import run_compiled
from hetlava.train.cuba_plain import run_plain
from hetlava.train.cuba_rule import CubaParameters, CubaRule, on_grid
from hetlava.train.spike_rows import SpikeRows


def cuba_layer(
    x: Tensor | SpikeRows,
    weight: Tensor | None,
    parameters: CubaParameters,
    rule: CubaRule,
    *,
    loop: Tensor | None = None,
) -> Tensor:
    """Return the spikes (n_steps, n_samples, n), or the voltages [V] of integrators.

    Gradients reach everything that is a tensor, but for the unit of the surrogate derivative; a
    layer goes back through time once.

    Parameters
    ----------
    x : (n_steps, n_samples, n_pre)
        Spikes; without weights the currents [V] of the n neurons.
    weight : (n, n_pre), optional
        [V]; whole multiples of ``rule.grid`` if the rule has a scale. Fastest where ``weight.T``
        lies in one piece.
    loop : (n, n), optional
        Weights of the layer onto itself, which take one step.

    Raises
    ------
    OverflowError
        If weights are so large that float32 might round their sum, which the chip does not.
    """
    p = on_grid(parameters, rule)
    if p.alpha.device.type == "cpu":
        return run_compiled(x, weight, loop, p, rule)
    if isinstance(x, SpikeRows):
        raise ValueError("events drive layers on the CPU only; give a tensor")
    return run_plain(x, weight, loop, p, rule)
