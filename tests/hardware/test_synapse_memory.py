"""Memory of synapses, against the worked numbers of a Loihi core."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI1
from hetlava.hardware.synapse_memory import axon_bits, encodings, synapse_bits
from hetlava.synapses import QuantisedProjection


def projection(bits: int = 8, delays: np.ndarray | None = None) -> QuantisedProjection:
    weights = np.ones((3, 2), np.int16)
    return QuantisedProjection(
        source="input", target="out", weights=weights, weight_bits=bits, delays=delays
    )


def test_sixty_four_dense_synapses_take_nine_words():
    bits = axon_bits(LOIHI1, 8, 130)
    assert bits[[0, 1, 6, 7, 64, 65, 128, 130]].tolist() == [
        *(0, 64, 64, 128),
        *(576, 576 + 64, 2 * 576, 2 * 576 + 64),
    ]


def test_a_core_holds_the_published_numbers_of_dense_neurons():
    for sources, neurons in ((700 + 128, 134), (700 + 256, 126), (700 + 512, 94), (1724, 64)):
        memory = sources * axon_bits(LOIHI1, 8, 200)
        assert np.searchsorted(memory, LOIHI1.synapse_memory, side="right") - 1 == neurons


def test_sparse_synapses_carry_an_index_of_a_core_s_neurons():
    dense, sparse = encodings(LOIHI1, projection(), 10)
    assert np.array_equal(dense, axon_bits(LOIHI1, 8, 10))
    assert np.array_equal(sparse, axon_bits(LOIHI1, 18, 10))


@pytest.mark.parametrize(("bits", "stored"), [(1, 1), (6, 6), (7, 8), (8, 8)])
def test_seven_bits_are_stored_as_eight(bits, stored):
    assert synapse_bits(projection(bits)) == stored


def test_delays_are_stored_with_every_synapse():
    assert synapse_bits(projection(delays=np.array([0, 5], np.int16))) == 8 + 3
    late = np.array([[0, 62], [1, 2], [3, 4]], np.int8)
    by_synapse = replace(projection(), synaptic_delays=late)
    assert synapse_bits(by_synapse) == 8 + 6
