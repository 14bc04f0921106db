"""Lava's DelayDense and DelaySparse judge delays of synapses, in u, v and spikes at every step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution
from hetlava.events import from_dense
from hetlava.export.lava_lists import SparsePart
from hetlava.export.lava_models import DensePart
from hetlava.export.lava_synapses import ConvPart, all_lava_synapses
from hetlava.quantised import QuantisedNetwork, QuantisedProjection
from hetlava.recording import Recording
from hetlava.sparse_synapses import from_matrix
from hetlava.synapses import QuantisedSynapses

pytestmark = pytest.mark.lava

Wired = Callable[..., QuantisedNetwork]
Agree = Callable[..., Recording]
STEPS = 20


def late(rng: np.random.Generator, q: QuantisedSynapses, longest: int) -> QuantisedSynapses:
    delays = rng.integers(0, longest, q.weights.shape, endpoint=True).astype(np.int8)
    return replace(q, synaptic_delays=delays)


def dense(
    rng: np.random.Generator, source: str, target: str, shape: tuple[int, int], **fields: int
) -> QuantisedProjection:
    weights = (2 * rng.integers(-128, 128, shape)).astype(np.int16)
    return QuantisedProjection(source=source, target=target, weights=weights, **fields)


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize(("longest", "weight_exp"), [(3, 0), (62, 2), (5, -3)])
def test_delays_of_synapses_agree(
    longest: int,
    weight_exp: int,
    lists: bool,
    rng: np.random.Generator,
    wired: Wired,
    assert_lava_agrees: Agree,
) -> None:
    chain = [
        late(rng, dense(rng, "input", "a", (6, 5), weight_exp=weight_exp), longest),
        late(rng, dense(rng, "a", "a", (6, 6), weight_exp=weight_exp), longest),
        late(rng, dense(rng, "a", "b", (3, 6), weight_exp=weight_exp), longest),
    ]
    if lists:
        chain = [from_matrix(q) for q in chain]  # type: ignore[arg-type]
    net = wired(rng, chain)
    inputs = from_dense(rng.random((70 if longest > 9 else STEPS, 3, 5)) < 0.3)
    assert assert_lava_agrees(net, inputs).spikes[1].n_events > 10
    kind = SparsePart if lists else DensePart
    for q in net.projections:
        # Lava's own process, also where the exponent rounds: it rounds each delay by itself
        (held,) = all_lava_synapses(q)
        assert held.inside and held.delays is q.synaptic_delays
        assert all(isinstance(part, kind) for part in held.parts)


@pytest.mark.parametrize("lists", [False, True])
def test_odd_weights_of_both_signs_agree(
    lists: bool, rng: np.random.Generator, wired: Wired, assert_lava_agrees: Agree
) -> None:
    chain = []
    for source, target, shape, most in (("input", "a", (5, 4), 127), ("a", "b", (3, 5), 255)):
        weights = rng.integers(-most, most, shape, endpoint=True).astype(np.int16)
        q = QuantisedProjection(source=source, target=target, weights=weights, weight_exp=-1)
        chain.append(late(rng, q, 4))
    net = wired(rng, [from_matrix(q) for q in chain] if lists else chain)  # type: ignore[arg-type]
    assert_lava_agrees(net, from_dense(rng.random((STEPS, 2, 4)) < 0.4))


@pytest.mark.parametrize("weight_exp", [0, 9, -4])
def test_graded_messages_agree(
    weight_exp: int, rng: np.random.Generator, wired: Wired, assert_lava_agrees: Agree
) -> None:
    first = dense(rng, "input", "a", (4, 5), weight_exp=weight_exp, message_bits=24)
    net = wired(rng, [late(rng, first, 3), late(rng, dense(rng, "a", "b", (3, 4)), 2)])
    x = rng.integers(-(1 << 23), 1 << 23, (STEPS, 2, 5)) * (rng.random((STEPS, 2, 5)) < 0.5)
    assert_lava_agrees(net, from_dense(x.astype(np.int32)))
    # sums may leave 32 bits, which shows once they are rounded
    assert (len(all_lava_synapses(net.projections[0])) > 1) == (weight_exp < 0)


def test_delays_of_the_weights_of_a_kernel_agree(
    rng: np.random.Generator, wired: Wired, assert_lava_agrees: Agree
) -> None:
    q = QuantisedConvolution(
        source="input",
        target="a",
        weights=(2 * rng.integers(-60, 120, (3, 1, 3, 2))).astype(np.int16),
        input_shape=(1, 5, 6),
        stride=(1, 2),
    )
    net = wired(rng, [late(rng, q, 6)])
    parts = [part for held in all_lava_synapses(net.projections[0]) for part in held.parts]
    assert len(parts) > 2 and all(isinstance(part, ConvPart) for part in parts)
    recording = assert_lava_agrees(net, from_dense(rng.random((STEPS, 3, net.n_inputs)) < 0.3))
    assert recording.spikes[0].n_events > 100


@pytest.mark.parametrize("lists", [False, True])
def test_levels_keep_the_delays_of_their_synapses(
    lists: bool,
    rng: np.random.Generator,
    wired: Wired,
    few_levels: Callable[..., QuantisedNetwork],
    assert_lava_agrees: Agree,
) -> None:
    chain = [late(rng, dense(rng, *ends, (6, 6)), 4) for ends in (("input", "a"), ("a", "b"))]
    net = wired(rng, [from_matrix(q) for q in chain] if lists else chain)  # type: ignore[arg-type]
    inputs = from_dense(rng.random((STEPS, 2, 6)) < 0.3)
    assert_lava_agrees(few_levels(net, rng), inputs, "levels")
