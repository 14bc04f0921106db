"""Packing neurons into cores, against every partition of small layers."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.chips import LOIHI1
from hetlava.hardware.demand import by_target
from hetlava.hardware.packing import Layer, Limits, cut, fans, lower_bounds, misfits, pack
from hetlava.hardware.packing_orders import orders
from hetlava.hardware.synapse_memory import axon_bits


def layer_from(rng: np.random.Generator, n: int, decays: int, vths: int, density: float) -> Layer:
    """A layer with two projections of random synapses."""
    rows = []
    for n_pre in (4, 3):
        wired = rng.random((n_pre, n)) < density
        post = np.nonzero(wired)[1].astype(np.int32)
        rows.append((np.concatenate([[0], np.cumsum(wired.sum(axis=1))]), post))
    indptr, source = by_target(n, rows)
    projection = np.repeat(np.arange(2, dtype=np.int32), [4, 3])
    return Layer(
        profile=np.unique(rng.integers(0, decays, n), return_inverse=True)[1].astype(np.int32),
        threshold=np.unique(rng.integers(0, vths, n), return_inverse=True)[1].astype(np.int32),
        axons=rng.integers(0, 3, n).astype(np.int64),
        indptr=indptr,
        source=source,
        projection=projection,
        fan=fans(indptr, source, projection, 2),
        dense=np.stack([axon_bits(LOIHI1, b, n) for b in (8, 30)]),
        sparse=np.stack([axon_bits(LOIHI1, b + 10, n) for b in (8, 30)]),
    )


def used(layer: Layer, members: np.ndarray) -> np.ndarray:
    """What neurons need together on a core, counted from scratch."""
    incoming = [layer.source[layer.indptr[i] : layer.indptr[i + 1]] for i in members]
    k = np.bincount(np.concatenate(incoming), minlength=layer.projection.size)
    memory = 0
    for p in range(len(layer.dense)):
        mine = k[(layer.projection == p) & (k > 0)]
        memory += min(mine.size * layer.dense[p, len(members)], layer.sparse[p, mine].sum())
    return np.array(
        [
            len(members),
            len({*layer.profile[members].tolist()}),
            len({*layer.threshold[members].tolist()}),
            memory,
            np.count_nonzero(k),
            layer.axons[members].sum(),
        ]
    )


def fits(layer: Layer, members: np.ndarray, limits: Limits) -> bool:
    return bool(np.all(used(layer, members) <= limits.values()))


def partitions(n: int) -> Iterator[list[list[int]]]:
    """Every way to divide 0 .. n - 1."""
    if n == 0:
        yield []
        return
    for rest in partitions(n - 1):
        yield [*rest, [n - 1]]
        for i in range(len(rest)):
            yield [*rest[:i], [*rest[i], n - 1], *rest[i + 1 :]]


def fewest_cores(layer: Layer, limits: Limits) -> int:
    """The optimum, by looking at every partition."""
    good: dict[tuple[int, ...], bool] = {}

    def known(members: list[int]) -> bool:
        key = tuple(members)
        if key not in good:
            good[key] = fits(layer, np.array(members), limits)
        return good[key]

    found = (len(parts) for parts in partitions(layer.n) if all(map(known, parts)))
    return min(found, default=0)


small_limits = st.builds(
    Limits,
    neurons=st.integers(1, 7),
    profiles=st.integers(0, 4),
    thresholds=st.integers(0, 3),
    memory=st.sampled_from([0, 500, 800, 1200, 3000]),
    inputs=st.sampled_from([0, 4, 6]),
    outputs=st.sampled_from([0, 3, 6]),
)
layers = st.builds(
    lambda seed, *shape: layer_from(np.random.default_rng(seed), *shape),
    st.integers(0, 2**32 - 1),
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.3, 0.8, 1.0]),
)


@given(layer=layers, limits=small_limits)
@settings(max_examples=60)
def test_the_best_of_every_partition_lies_between_the_bound_and_the_packing(layer, limits):
    alone = all(fits(layer, np.array([i]), limits) for i in range(layer.n))
    assert alone == (not misfits(layer, limits).any())
    if alone:
        best = fewest_cores(layer, limits)
        assert lower_bounds(layer, limits).max() <= best <= pack(layer, limits).n_cores


def test_most_packings_of_small_layers_are_the_best_there_is():
    equal = []
    for seed in range(250):
        rng = np.random.default_rng(seed)
        layer = layer_from(rng, 6, int(rng.integers(1, 7)), int(rng.integers(1, 4)), 0.5)
        limits = Limits(
            neurons=int(rng.integers(2, 6)),
            profiles=int(rng.integers(0, 5)),
            thresholds=int(rng.integers(0, 4)),
            memory=int(rng.choice([0, 800, 1200, 3000])),
        )
        if not misfits(layer, limits).any():
            equal.append(pack(layer, limits).n_cores == fewest_cores(layer, limits))
    # 95 % of 7000 random layers of 7 neurons under all six limits
    assert len(equal) > 150 and np.mean(equal) > 0.9


@given(layer=layers, limits=small_limits)
@settings(max_examples=100)
def test_no_core_exceeds_a_limit_and_use_is_told_truly(layer, limits):
    if misfits(layer, limits).any():
        return
    packing = pack(layer, limits)
    assert np.array_equal(np.unique(packing.core), np.arange(packing.n_cores))
    for core in range(packing.n_cores):
        members = np.flatnonzero(packing.core == core)
        assert np.array_equal(used(layer, members), packing.usage[core])
        assert fits(layer, members, limits)


@given(layer=layers, limits=small_limits, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_no_other_cuts_of_an_order_give_fewer_cores(layer, limits, seed):
    if misfits(layer, limits).any():
        return
    order = np.random.default_rng(seed).permutation(layer.n)
    # fewest cores of the first i neurons
    least = [0] + [layer.n] * layer.n
    for stop in range(1, layer.n + 1):
        for start in range(stop):
            if fits(layer, order[start:stop], limits):
                least[stop] = min(least[stop], least[start] + 1)
    packing = cut(layer, order, limits)
    assert packing.n_cores == least[-1]
    assert np.all(np.diff(packing.core[order]) >= 0)


@given(layer=layers, limits=small_limits)
@settings(max_examples=60)
def test_a_core_is_closed_by_a_limit_that_the_next_neuron_breaks(layer, limits):
    if misfits(layer, limits).any():
        return
    order = np.arange(layer.n)
    packing = cut(layer, order, limits)
    assert packing.closed_by[-1] == -1
    for core, resource in enumerate(packing.closed_by[:-1]):
        members = np.flatnonzero(packing.core == core)
        more = used(layer, np.append(members, members[-1] + 1))
        assert more[resource] > limits.values()[resource]


@given(layer=layers)
def test_reach_counts_the_cores_of_every_source(layer):
    packing = cut(layer, np.arange(layer.n), Limits(2))
    target = np.repeat(np.arange(layer.n), np.diff(layer.indptr))
    pairs = {*zip(layer.source.tolist(), packing.core[target].tolist(), strict=True)}
    expected = np.bincount([s for s, _ in pairs], minlength=layer.projection.size)
    assert np.array_equal(packing.reach, expected)


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    profiles=st.integers(1, 8),
    room=st.integers(1, 40),
)
def test_orders_are_permutations(sizes, profiles, room):
    profile = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    threshold = (np.arange(profile.size) % 3).astype(np.int32)
    for _, order in orders(profile, threshold, profiles, room):
        assert np.array_equal(np.sort(order), np.arange(profile.size))


def bare(profile: np.ndarray) -> Layer:
    """A layer without synapses."""
    n = profile.size
    return Layer(
        profile=profile.astype(np.int32),
        threshold=np.zeros(n, np.int32),
        axons=np.zeros(n, np.int64),
        indptr=np.zeros(n + 1, np.int64),
        source=np.zeros(0, np.int32),
        projection=np.zeros(0, np.int32),
        fan=np.zeros((0, n), np.int64),
        dense=np.zeros((0, n + 1), np.int64),
        sparse=np.zeros((0, n + 1), np.int64),
    )


def test_rare_decays_beside_a_frequent_one_fill_cores_that_sorting_leaves_empty():
    # 6 cores of 10 neurons and 4 decays: 54 neurons of one decay, 6 of one each, in between
    profile = np.concatenate([[0, 1, 2], np.full(54, 3), [4, 5, 6]])
    limits = Limits(10, profiles=2)
    sorted_cores = cut(bare(profile), np.argsort(profile, kind="stable"), limits).n_cores
    packing = pack(bare(profile), limits)
    assert (packing.order, packing.n_cores) == ("balanced", 6) and sorted_cores > 6


def test_profiles_of_sorted_decays_add_up_over_cores(rng):
    profile = np.unique(rng.integers(0, 500, 2000), return_inverse=True)[1]
    packing = pack(bare(profile), Limits(1024, profiles=31))
    assert packing.n_cores == -(-np.unique(profile).size // 31)


def test_the_same_layer_is_packed_the_same(rng):
    layer = layer_from(rng, 60, 20, 3, 0.5)
    limits = Limits(20, profiles=5, thresholds=2, memory=4000)
    assert pack(layer, limits) == pack(layer, limits)


@pytest.mark.slow
def test_a_million_sparse_neurons_are_packed_to_the_bound():
    n, fan, reach = 1_000_000, 8, 50
    rng = np.random.default_rng(0)
    # a ring: neuron i listens to fan of its neighbours
    offsets = np.sort(rng.permuted(np.tile(np.arange(reach), (1000, 1)), axis=1)[:, :fan], axis=1)
    source = (np.arange(n)[:, None] + np.tile(offsets, (n // 1000, 1))) % n
    projection, indptr = np.zeros(n, np.int32), np.arange(n + 1) * fan
    source = source.ravel().astype(np.int32)
    layer = Layer(
        profile=rng.integers(0, 31, n).astype(np.int32),
        threshold=np.zeros(n, np.int32),
        axons=np.zeros(n, np.int64),
        indptr=indptr,
        source=source,
        projection=projection,
        fan=fans(indptr, source, projection, 1),
        dense=axon_bits(LOIHI1, 8, 1024)[None],
        sparse=axon_bits(LOIHI1, 18, 1024)[None],
    )
    limits = Limits(1024, 31, 7, LOIHI1.synapse_memory, 4096, 4096)
    packing = pack(layer, limits)
    assert packing.n_cores <= 1.01 * lower_bounds(layer, limits).max()
    assert np.all(packing.usage <= limits.values())
