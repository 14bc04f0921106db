"""Decays of resonators by way of the period and the damping that netx makes of them."""

import numpy as np

from hetlava.arrays import Float, Int
from hetlava.fixedpoint import DECAY_BITS
from hetlava.neurons.resonate import ResonatorRegisters


def netx_decays(registers: ResonatorRegisters) -> tuple[Int, Int]:
    """Return the sine and cosine words that Lava has after netx, (n,) int32 each.

    netx makes a period and a damping of both, from which Lava's process makes both again and cuts
    off what is below the point: many pairs lose one.
    """
    sin, cos = netx_way(registers.sin_decay.astype(float), registers.cos_decay.astype(float))
    return sin.astype(np.int32), cos.astype(np.int32)


def netx_way(sin: Float, cos: Float) -> tuple[Float, Float]:
    """Return sine and cosine words by way of period and damping, not yet cut off."""
    one = 1 << DECAY_BITS
    damping = 1 - np.sqrt((sin / one) ** 2 + (cos / one) ** 2)
    with np.errstate(divide="ignore"):
        period = 1 / (np.arctan2(sin / one, cos / one) / 2 / np.pi)
    angle = np.pi * 2 * 1 / period
    return (1 - damping) * np.sin(angle) * one, (1 - damping) * np.cos(angle) * one


def netx_words(registers: ResonatorRegisters) -> tuple[Float, Float]:
    """Return what to write to a file, so that Lava has the words of the registers after netx.

    Both words of a pair have a half more where netx would otherwise lose one.
    """
    words = registers.sin_decay.astype(float), registers.cos_decay.astype(float)
    kept = netx_decays(registers)
    changed = (kept[0] != words[0]) | (kept[1] != words[1])
    sin, cos = (word + np.where(word < 0, -0.5, 0.5) * changed for word in words)
    return sin, cos
