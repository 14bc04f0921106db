"""Layers of lava-dl's files without neurons: they are read, and nothing else can hear them.

Integrators without memory stand for them, whose voltage is what SLAYER hands out, times 64. SLAYER
does not delay these layers, so that a network of them has its last output one step later here.
"""

from math import prod

import numpy as np

from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_parts import Signal, SlayerLayer, check_keys, in_file, layer_name, sizes
from hetlava.fixedpoint import DECAY_BITS
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedPopulation, QuantisedProjection

FULL = 1 << DECAY_BITS
SUMS = "a weighted sum without neurons, which netx gives to an integrator that never forgets"


def average_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read the mean over groups of neurons, here their sum."""
    check_keys(group, {"type"}, {"shape"})
    if "shape" not in group.keys():
        raise UnsupportedError(
            f"{group.where('shape')}: missing; lava-dl fails as it writes an average and leaves "
            "out into how many groups; add it to the file as [groups, 1, 1]"
        )
    n_out, n_in = prod(sizes(group)), signal.size
    if n_in is None or n_in % n_out:
        raise FormatError(
            f"{group.where('shape')}: {n_out} groups of {n_in or 'an unknown number of'} neurons"
        )
    groups = np.repeat(np.eye(n_out, dtype=np.int16), n_in // n_out, axis=1)
    with in_file(group):
        projection = QuantisedProjection(
            source=signal.source,
            target=layer_name(group),
            weights=groups,
            delays=signal.delays,
            message_bits=signal.message_bits or 0,
        )
    change = f"{group.name}: an average, which netx does not load"
    return SlayerLayer(
        memoryless(group, n_out), (projection,), Signal(layer_name(group), (n_out,)), (change,)
    )


def memoryless(group: Group, n: int) -> QuantisedPopulation:
    """Return integrators whose voltage is what arrives in the step, times 64."""
    full = np.full(n, FULL, np.int32)
    zero = np.zeros(n, np.int32)
    registers = CubaRegisters(
        du=full - np.int32(1), dv=full, vth=zero, bias_mant=zero, bias_exp=zero, spiking=False
    )
    return QuantisedPopulation(name=layer_name(group), registers=registers)
