"""Layers that see images: pools and kernels in front of the fused neurons.

Sums over windows and all-to-all weights behind them are larger all-to-all weights. Kernels give the
currents of a layer without weights of its own: spike by spike on the CPU, elsewhere and where much
fires by PyTorch's convolution of the images of all steps and samples.
"""

from dataclasses import replace

import torch
from torch import Tensor

from hetlava.fixedpoint import STATE_SHIFT
from hetlava.train.cuba_layer import cuba_layer
from hetlava.train.cuba_rule import CubaParameters, CubaRule
from hetlava.train.image_function import (
    convolved,
    pooled_images,
    sparse_rows,
    spike_currents,
)
from hetlava.train.spike_rows import SpikeRows
from hetlava.train.surrogates import round_to
from hetlava.train.wiring import Wiring

UNIT = 1 << STATE_SHIFT  # of the state in a unit of a weight
EXACT = 1 << 24  # whole numbers below are exact in float32


def pooled(x: Tensor, wiring: Wiring) -> Tensor:
    """Return the sums over windows of ``x`` (T, N, n_pre), (T, N, n_pooled)."""
    if wiring.pool == 1:
        return x
    images = pooled_images(x.reshape(-1, *wiring.source), wiring)
    return images.reshape(*x.shape[:2], -1)


def currents(x: Tensor, weight: Tensor, wiring: Wiring) -> Tensor:
    """Return what spikes ``x`` (T, N, n_pre) add up to at every neuron, (T, N, n)."""
    if wiring.kernel:
        return convolved(x, weight, wiring)
    return pooled(x, wiring) @ weight.T


def over_windows(weight: Tensor, wiring: Wiring) -> Tensor:
    """Return all-to-all weights (n, n_pooled) for the neurons of all windows, (n, n_pre)."""
    if wiring.pool == 1:
        return weight
    (_, high, wide), (channels, rows, columns), pool = wiring.source, wiring.pooled, wiring.pool
    images = weight.reshape(-1, channels, rows, columns)
    images = images.repeat_interleave(pool, 2).repeat_interleave(pool, 3)
    # what fills no window is not seen
    missing = (0, wide - columns * pool, 0, high - rows * pool)
    return torch.nn.functional.pad(images, missing).flatten(1)


def image_layer(
    x: Tensor | SpikeRows,
    weight: Tensor,
    parameters: CubaParameters,
    rule: CubaRule,
    wiring: Wiring,
    *,
    loop: Tensor | None = None,
) -> Tensor:
    """Return what :func:`hetlava.train.cuba_layer.cuba_layer` does, of neurons that are so wired.

    Parameters
    ----------
    weight : of the wiring's shape
        [V]; whole multiples of ``rule.grid`` if the rule has a scale.

    Raises
    ------
    OverflowError
        If weights are so large that float32 might round their sum, which the chip does not.
    """
    if not wiring.kernel:
        weight = over_windows(weight, wiring)
        return cuba_layer(x, weight, parameters, rule, loop=loop)
    if rule.scale is None:
        arriving, delay = _arriving(x, weight, wiring, rule)
        return cuba_layer(arriving, None, parameters, replace(rule, delay=delay))
    return _in_units(x, weight, parameters, rule, wiring)


def _arriving(
    x: Tensor | SpikeRows, weight: Tensor, wiring: Wiring, rule: CubaRule
) -> tuple[Tensor, int]:
    """Return the currents (T, N, n), and by how many steps they are too early."""
    rows = sparse_rows(x, wiring)
    if rows is not None:
        return spike_currents(x, weight, rows, wiring, rule.delay), 0
    if isinstance(x, SpikeRows):
        raise ValueError("events drive layers on the CPU only; give a tensor")
    found = convolved(x, weight, wiring)
    # whichever algorithm convolves, it is off by far less than what a chip's state can hold
    return found if rule.scale is None else round_to(found, 1 / UNIT), rule.delay


def _in_units(
    x: Tensor | SpikeRows, weight: Tensor, p: CubaParameters, rule: CubaRule, wiring: Wiring
) -> Tensor:
    """Run a layer with volts measured in units of a weight, whose sums are whole numbers."""
    whole = round_to(weight / rule.grid, 1)
    _check_exact(whole, wiring)
    arriving, delay = _arriving(x, whole, wiring, rule)
    in_units = p._replace(
        threshold=p.threshold / rule.grid, bias=p.bias / rule.grid, unit=p.unit / rule.grid
    )
    y = cuba_layer(arriving, None, in_units, replace(rule, scale=float(UNIT), delay=delay))
    return y if rule.surrogate is not None else y * rule.grid


@torch.no_grad()
def _check_exact(whole: Tensor, wiring: Wiring) -> None:
    """Refuse sums of whole weights that float32 could round, however many spikes there are."""
    largest = wiring.pool**2 * float(whole.abs().flatten(1).sum(1).max())
    if whole.dtype == torch.float32 and largest >= EXACT:
        raise OverflowError(
            f"weights of one neuron add up to {largest:g} units, float32 counts to {EXACT}; "
            "use float64"
        )
