"""Packing neurons into cores, against every partition of small layers."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.chips import LOIHI1
from hetlava.hardware.packing import cut, pack, reach
from hetlava.hardware.packing_bounds import lower_bounds, misfits
from hetlava.hardware.packing_demand import Demand, Incoming, Limits, Neurons, demand_of
from hetlava.hardware.packing_orders import orders
from hetlava.hardware.synapse_memory import axon_bits


def demand_from(
    rng: np.random.Generator, sizes: tuple[int, ...], decays: int, vths: int, density: float
) -> Demand:
    """Populations with two projections of random synapses each, that may share cores."""
    populations = []
    for n in sizes:
        incoming = []
        for n_pre, bits in ((4, 8), (3, 30)):
            wired = rng.random((n_pre, n)) < density
            starts = np.concatenate([[0], np.cumsum(wired.sum(axis=1))])
            post = np.nonzero(wired)[1].astype(np.int32)
            tables = (axon_bits(LOIHI1, b, n) for b in (bits, bits + 10))
            incoming.append(Incoming(starts, post, *tables))
        values = (rng.integers(0, most, n).astype(np.int32) for most in (decays, vths))
        populations.append(Neurons(*values, incoming))
    demand = demand_of(populations)
    numbered = {
        name: np.unique(getattr(demand, name), return_inverse=True)[1].astype(np.int32)
        for name in ("profile", "threshold")
    }
    return replace(demand, axons=rng.integers(0, 3, demand.n).astype(np.int64), **numbered)


def used(demand: Demand, members: np.ndarray) -> np.ndarray:
    """What neurons need together on a core, counted from scratch."""
    incoming = [demand.source[demand.indptr[i] : demand.indptr[i + 1]] for i in members]
    k = np.bincount(np.concatenate(incoming), minlength=demand.projection.size)
    memory = 0
    for q in range(demand.n_populations):
        here = np.count_nonzero(demand.population[members] == q)
        for p in range(demand.into[q], demand.into[q + 1]):
            mine = k[(demand.projection == p) & (k > 0)]
            memory += min(mine.size * demand.dense[p, here], demand.sparse[p, mine].sum())
    return np.array(
        [
            len(members),
            len({*demand.profile[members].tolist()}),
            len({*demand.threshold[members].tolist()}),
            memory,
            np.count_nonzero(k),
            demand.axons[members].sum(),
        ]
    )


def fits(demand: Demand, members: np.ndarray, limits: Limits) -> bool:
    return bool(np.all(used(demand, members) <= limits.values()))


def partitions(n: int) -> Iterator[list[list[int]]]:
    """Every way to divide 0 .. n - 1."""
    if n == 0:
        yield []
        return
    for rest in partitions(n - 1):
        yield [*rest, [n - 1]]
        for i in range(len(rest)):
            yield [*rest[:i], [*rest[i], n - 1], *rest[i + 1 :]]


def fewest_cores(demand: Demand, limits: Limits) -> int:
    """The optimum, by looking at every partition."""
    good: dict[tuple[int, ...], bool] = {}

    def known(members: list[int]) -> bool:
        key = tuple(members)
        if key not in good:
            good[key] = fits(demand, np.array(members), limits)
        return good[key]

    found = (len(parts) for parts in partitions(demand.n) if all(map(known, parts)))
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
demands = st.builds(
    lambda seed, *shape: demand_from(np.random.default_rng(seed), *shape),
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1,), (3,), (6,), (1, 5), (3, 3), (2, 1, 4)]),
    st.integers(1, 7),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.3, 0.8, 1.0]),
)


@given(demand=demands, limits=small_limits)
@settings(max_examples=60)
def test_the_best_of_every_partition_lies_between_the_bound_and_the_packing(demand, limits):
    alone = all(fits(demand, np.array([i]), limits) for i in range(demand.n))
    assert alone == (not misfits(demand, limits).any())
    if alone:
        best = fewest_cores(demand, limits)
        assert lower_bounds(demand, limits).max() <= best <= pack(demand, limits).n_cores


def test_most_packings_of_small_layers_are_the_best_there_is():
    equal = []
    for seed in range(250):
        rng = np.random.default_rng(seed)
        demand = demand_from(
            rng, (6,) if seed % 2 else (2, 4), int(rng.integers(1, 7)), int(rng.integers(1, 4)), 0.5
        )
        limits = Limits(
            neurons=int(rng.integers(2, 6)),
            profiles=int(rng.integers(0, 5)),
            thresholds=int(rng.integers(0, 4)),
            memory=int(rng.choice([0, 800, 1200, 3000])),
        )
        if not misfits(demand, limits).any():
            equal.append(pack(demand, limits).n_cores == fewest_cores(demand, limits))
    assert len(equal) > 150 and np.mean(equal) > 0.9


@given(demand=demands, limits=small_limits)
@settings(max_examples=100)
def test_no_core_exceeds_a_limit_and_use_is_told_truly(demand, limits):
    if misfits(demand, limits).any():
        return
    packing = pack(demand, limits)
    assert np.array_equal(np.unique(packing.core), np.arange(packing.n_cores))
    for core in range(packing.n_cores):
        members = np.flatnonzero(packing.core == core)
        assert np.array_equal(used(demand, members), packing.usage[core])
        assert fits(demand, members, limits)


@given(demand=demands, limits=small_limits, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_no_other_cuts_of_an_order_give_fewer_cores(demand, limits, seed):
    if misfits(demand, limits).any():
        return
    order = np.random.default_rng(seed).permutation(demand.n)
    # fewest cores of the first i neurons
    least = [0] + [demand.n] * demand.n
    for stop in range(1, demand.n + 1):
        for start in range(stop):
            if fits(demand, order[start:stop], limits):
                least[stop] = min(least[stop], least[start] + 1)
    packing = cut(demand, order, limits)
    assert packing.n_cores == least[-1]
    assert np.all(np.diff(packing.core[order]) >= 0)


@given(demand=demands, limits=small_limits)
@settings(max_examples=60)
def test_a_core_is_closed_by_a_limit_that_the_next_neuron_breaks(demand, limits):
    if misfits(demand, limits).any():
        return
    order = np.arange(demand.n)
    packing = cut(demand, order, limits)
    assert packing.closed_by[-1] == -1
    for core, resource in enumerate(packing.closed_by[:-1]):
        members = np.flatnonzero(packing.core == core)
        more = used(demand, np.append(members, members[-1] + 1))
        assert more[resource] > limits.values()[resource]


@given(demand=demands)
@settings(max_examples=40)
def test_reach_counts_the_cores_of_every_source(demand):
    packing = pack(demand, Limits(2))
    target = np.repeat(np.arange(demand.n), np.diff(demand.indptr))
    pairs = {*zip(demand.source.tolist(), packing.core[target].tolist(), strict=True)}
    expected = np.bincount([s for s, _ in pairs], minlength=demand.projection.size)
    assert np.array_equal(reach(demand, packing), expected)


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


def bare(*profiles: np.ndarray) -> Demand:
    """Populations without synapses."""
    return demand_of([Neurons(p.astype(np.int32), np.zeros(p.size, np.int32)) for p in profiles])


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


def test_the_same_populations_are_packed_the_same(rng):
    demand = demand_from(rng, (40, 20), 20, 3, 0.5)
    limits = Limits(20, profiles=5, thresholds=2, memory=4000)
    assert pack(demand, limits) == pack(demand, limits)


def test_small_populations_share_a_core():
    demand = bare(np.arange(5), np.arange(5), np.arange(3))
    packing = pack(demand, Limits(1024, profiles=5))
    assert packing.n_cores == 1 and packing.usage[0].tolist() == [13, 5, 1, 0, 0, 0]


def test_many_neurons_of_few_decays_fill_the_cores_of_few_neurons_of_many_decays():
    # apart: 3 cores bound by neurons, 3 bound by profiles
    demand = bare(np.zeros(27), np.arange(1, 10))
    packing = pack(demand, Limits(12, profiles=4))
    apart = [pack(bare(p), Limits(12, profiles=4)).n_cores for p in (np.zeros(27), np.arange(9))]
    assert apart == [3, 3] and packing.n_cores == 3
    assert np.all(packing.usage[:, :2] <= [12, 4])


@pytest.mark.slow
def test_a_million_sparse_neurons_are_packed_to_the_bound():
    n, fan, near = 1_000_000, 8, 50
    rng = np.random.default_rng(0)
    # a ring: neuron i listens to fan of its neighbours
    offsets = np.sort(rng.permuted(np.tile(np.arange(near), (1000, 1)), axis=1)[:, :fan], axis=1)
    source = ((np.arange(n)[:, None] + np.tile(offsets, (n // 1000, 1))) % n).ravel()
    starts = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n))])
    post = (np.argsort(source, kind="stable") // fan).astype(np.int32)
    tables = (axon_bits(LOIHI1, bits, 1024) for bits in (8, 18))
    profile = rng.integers(0, 31, n).astype(np.int32)
    neurons = Neurons(profile, np.zeros(n, np.int32), [Incoming(starts, post, *tables)])
    demand, limits = demand_of([neurons]), Limits(1024, 31, 7, LOIHI1.synapse_memory, 4096, 4096)
    packing = pack(demand, limits)
    assert packing.n_cores <= 1.01 * lower_bounds(demand, limits).max()
    assert np.all(packing.usage <= limits.values())
