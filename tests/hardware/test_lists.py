"""Lists of synapses and the matrices of the same weights ask the same of chips."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.bounds import bounds
from hetlava.chips import LOIHI2
from hetlava.doctor import examine
from hetlava.export.net_hdf5 import netx_differences
from hetlava.hardware.placement import place
from hetlava.rules import violations
from hetlava.sim import engine
from hetlava.sparse_synapses import from_matrix
from hetlava.work import connection_sparsity, count


@pytest.fixture
def both(random_network):
    """A network of lists, the same of matrices, and an input."""
    rng = np.random.default_rng(0)
    net, inputs = random_network(rng)
    projections = [
        replace(q, weights=(q.weights * (rng.random(q.shape) < 0.3)).astype(np.int16))
        for q in net.projections
    ]
    net = replace(net, projections=tuple(projections), chip="loihi2")
    return replace(net, projections=tuple(map(from_matrix, projections))), net, inputs


def test_lists_are_placed_checked_and_bounded_as_matrices_are(both):
    lists, net, _ = both
    assert place(lists, LOIHI2) == place(net, LOIHI2)
    assert bounds(lists) == bounds(net)
    assert examine(lists, LOIHI2) == examine(net, LOIHI2)
    assert violations(lists, LOIHI2) == violations(net, LOIHI2)
    assert len(netx_differences(lists)) >= len(lists.projections)


def test_a_run_of_lists_is_counted_as_one_of_matrices(both):
    lists, net, inputs = both
    recording = engine.run(net, inputs, probes=("v",))
    assert count(lists, inputs, recording) == count(net, inputs, recording)
    assert connection_sparsity(lists) == connection_sparsity(net)
