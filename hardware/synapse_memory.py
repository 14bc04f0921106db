"""How many bits the synapses of a source take on a core, by the encodings that Loihi has.

Dense: a weight for every neuron of the core from one source, without indices. Sparse: index and
weight of each synapse. Lists that sources share, as convolutions can, are counted in
:mod:`hetlava.hardware.kernel_packing`.
"""

import numpy as np

from hetlava.arrays import Int64
from hetlava.chips import ChipSpec
from hetlava.synapses import QuantisedSynapses

NO_SUCH_WEIGHT = 7  # bits: Loihi's codes skip it, 8 are used


def axon_bits(chip: ChipSpec, bits: int, most: int) -> Int64:
    """Return the memory [bit] of 0 .. ``most`` synapses of one source, ``bits`` each."""
    k = np.arange(most + 1, dtype=np.int64)
    blocks, rest = np.divmod(k, chip.synapse_block)
    full = _words(chip, chip.synapse_block * bits)
    y: Int64 = blocks * full + np.where(rest > 0, _words(chip, rest * bits), 0)
    return y


def _words(chip: ChipSpec, payload: "Int64 | int") -> Int64:
    y: Int64 = -(-(np.asarray(payload) + chip.synapse_header) // chip.memory_word)
    return y * chip.memory_word


def synapse_bits(synapses: QuantisedSynapses) -> int:
    """Return the bits of one synapse without an index: its weight, and its delay if it has one."""
    weight = synapses.weight_bits + (synapses.weight_bits == NO_SUCH_WEIGHT)
    return weight + synapses.longest_delay.bit_length()


def encodings(chip: ChipSpec, synapses: QuantisedSynapses, most: int) -> tuple[Int64, Int64]:
    """Return the memory of one source by neurons on the core (dense), by synapses (sparse).

    Both (most + 1,) int64 [bit].
    """
    bits = synapse_bits(synapses)
    index = max(chip.index_bits_min, (chip.neurons_per_core - 1).bit_length())
    return axon_bits(chip, bits, most), axon_bits(chip, bits + index, most)
