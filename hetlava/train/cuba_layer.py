"""The layer of CUBA-LIF neurons that all training here runs on, by the fastest means at hand.

The equations stand in :mod:`hetlava.train.cuba_rule`. What runs where: on the CPU compiled loops
that spikes drive; on a GPU one Triton kernel for all steps, or step by step where Triton is not
installed or the layer projects onto itself.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor

from hetlava.errors import ValidationError
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
    ValidationError
        If shapes do not fit each other.
    OverflowError
        If weights are so large that float32 might round their sum, which the chip does not.
    """
    _check_shapes(x.shape, weight, loop, parameters)
    p = on_grid(parameters, rule)
    if p.alpha.device.type == "cpu":
        return run_compiled(x, weight, loop, p, rule)
    if isinstance(x, SpikeRows):
        raise ValueError("events drive layers on the CPU only; give a tensor")
    if loop is None and p.alpha.dtype == torch.float32 and find_spec("triton") is not None:
        from hetlava.train.cuba_triton import run_triton

        return run_triton(x, weight, p, rule)
    return run_plain(x, weight, loop, p, rule)


def by_sender(weight: Tensor) -> Tensor:
    """Return weights (n, n_pre, ...) of the same values that lie in memory by sending neuron.

    Spikes then add up what lies in one piece; PyTorch keeps the order in all that it derives.
    """
    return weight.transpose(0, 1).contiguous().transpose(0, 1)


def _check_shapes(
    x: Sequence[int], weight: Tensor | None, loop: Tensor | None, p: CubaParameters
) -> None:
    # compiled loops read what they are told to, be it there or not
    n = p.alpha.numel()
    expected = (n, *x[2:]) if weight is not None else (n, n)
    found = tuple(weight.shape) if weight is not None else (n, *x[2:])
    if len(x) != 3 or found != expected:
        raise ValidationError(f"weights are {found}, expected {expected} for input {tuple(x)}")
    if loop is not None and loop.shape != (n, n):
        raise ValidationError(f"loop is {tuple(loop.shape)}, expected {(n, n)}")
    for name, value in p._asdict().items():
        if value.shape != (n,):
            raise ValidationError(f"{name} is {tuple(value.shape)}, expected {(n,)}")
