"""Delays in volts: run as a queue says, rounded and written with the rest, or refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.delays import by_delay
from hetlava.errors import FormatError, RuleError, UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.float_synapses import Convolution, Projection, Sparse
from hetlava.hardware import xylo
from hetlava.hardware.targets import target
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantisation import dequantise, quantise
from hetlava.sim import engine, floating
from hetlava.synapse_forms import as_lists, as_matrix, sparse

SEEDS = st.integers(0, 2**32 - 1)
UNIT = 1 / 64  # multiples are summed exactly in any order


def lif(rng, n):
    return CubaLIF(
        tau_mem=rng.uniform(5e-3, 30e-3, n),
        tau_syn=rng.uniform(3e-3, 10e-3, n),
        v_leak=np.zeros(n),
        v_threshold=np.ones(n),
        v_reset=np.zeros(n),
    )


def network(rng, *, n_in=6, sizes=(9, 4), late="synapses", lists=False):
    """Return a chain with a loop around its first population."""
    names = [f"p{k}" for k in range(len(sizes))]
    size = dict(zip(["input", *names], [n_in, *sizes], strict=True))
    projections = []
    for a, b in [*zip(["input", *names], names, strict=False), ("p0", "p0")]:
        shape = size[b], size[a]
        q = Projection(source=a, target=b, weights=UNIT * rng.integers(-20, 40, shape))
        if late == "synapses":
            q = replace(q, synaptic_delays=rng.integers(0, 8, shape).astype(np.int8))
        elif late == "sources":
            q = replace(q, delays=rng.integers(0, 8, size[a]).astype(np.int16))
        projections.append(as_lists(q) if lists else q)
    return Network(
        dt=1e-3,
        n_inputs=n_in,
        n_steps=40,
        populations=tuple(Population(name=n, neurons=lif(rng, size[n])) for n in names),
        projections=tuple(projections),
        output=names[-1],
    )


def queued(q, x):
    """Return what arrives at every step, by a loop over spikes and synapses."""
    weights = q.matrix()
    late = np.broadcast_to(0 if q.delays is None else q.delays, q.shape)
    late = q.synaptic_delays if q.synaptic_delays is not None else late
    found = np.zeros((len(x), q.shape[0]))
    for t, j in np.argwhere(x):
        for i in range(q.shape[0]):
            at = t + 1 + late[i, j]
            if at < len(x):
                found[at, i] += weights[i, j]
    return found


@settings(max_examples=20)
@given(SEEDS, st.booleans(), st.sampled_from(["sources", "synapses"]))
def test_floats_arrive_when_a_queue_says(seed, lists, late):
    rng = np.random.default_rng(seed)
    net = network(rng, sizes=(5,), late=late)
    first = net.projections[0]
    # a threshold that is never reached, so that u is the filtered input alone
    neurons = replace(net.populations[0].neurons, v_threshold=np.full(5, 1e9))
    held = as_lists(first) if lists else first
    net = replace(
        net, populations=(Population(name="p0", neurons=neurons),), projections=(held,), output="p0"
    )
    x = rng.random((40, 2, 6)) < 0.3
    u = floating.run(net, from_dense(x), probes=("u",)).u[0]
    for sample in range(2):
        given, expected = queued(first, x[:, sample]), np.zeros(5)
        for t in range(40):
            expected = np.exp(-net.dt / neurons.tau_syn) * expected + given[t]
            assert np.array_equal(u[t, sample], expected)


@given(SEEDS)
def test_lists_matrices_and_parts_are_the_same_synapses(seed):
    rng = np.random.default_rng(seed)
    q = network(rng).projections[0]
    q = replace(q, weights=q.weights * (rng.random(q.shape) < rng.random()))
    lists = as_lists(q)
    there = q.weights != 0
    if lists.synaptic_delays is not None:
        assert np.array_equal(as_matrix(lists).synaptic_delays[there], q.synaptic_delays[there])
    for parts in (by_delay(q), by_delay(q, lists=False), by_delay(lists)):
        assert np.array_equal(sum(part.matrix() for part in parts), q.weights)


def test_lists_are_made_with_a_delay_of_each_synapse():
    q = sparse(
        source="input", target="a", shape=(2, 2), post=[1, 0, 1], pre=[1, 0, 0],
        weights=[1.0, 2.0, 3.0], delays=[4, 5, 6],
    )  # fmt: skip
    assert isinstance(q, Sparse) and q.synaptic_delays.tolist() == [5, 6, 4]


def test_impossible_delays_of_floats_are_refused():
    q = Projection(source="input", target="a", weights=np.ones((2, 3)))
    with pytest.raises(ValidationError, match=r"input -> a: delays.*outside \[0, 62\]"):
        replace(q, delays=np.full(3, 63, np.int16))
    with pytest.raises(ValidationError, match="one per weight"):
        replace(q, synaptic_delays=np.ones((3, 2), np.int8))
    kernel = Convolution(
        source="input", target="a", weights=np.ones((1, 1, 2, 2)), input_shape=(1, 3, 3),
        synaptic_delays=np.arange(4, dtype=np.int8).reshape(1, 1, 2, 2),
    )  # fmt: skip
    assert [part.longest_delay for part in by_delay(kernel)] == [0, 1, 2, 3]
    with pytest.raises(UnsupportedError, match="delays of the weights of a kernel"):
        as_matrix(kernel)


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("late", ["sources", "synapses"])
def test_delays_are_rounded_with_the_rest_and_come_back(late, lists, rng):
    net = network(rng, late=late, lists=lists)
    made = quantise(net, LOIHI2)
    for q, float_q in zip(made.projections, net.projections, strict=True):
        assert np.array_equal(q.all_delays, float_q.all_delays)
    back = dequantise(made)
    assert quantise(back, LOIHI2).projections == made.projections
    inputs = from_dense(rng.random((40, 8, 6)) < 0.3)
    counts = [
        sum(s.n_events for s in recording.spikes)
        for recording in (floating.run(back, inputs), engine.run(made, inputs))
    ]
    # rounding the states moves a spike here and there, an error of a step would move all
    assert counts[0] > 200 and abs(counts[0] - counts[1]) < 0.05 * counts[0]


def test_a_chip_with_shorter_delays_refuses_them(rng):
    with pytest.raises(RuleError, match=r"delays_fit: input -> p0.delays: .* outside \[0, 3\]"):
        quantise(network(rng), replace(LOIHI1, delay_max=3))


@pytest.mark.parametrize("lists", [False, True])
def test_a_model_keeps_its_delays(rng, tmp_path, lists):
    pytest.importorskip("torch")
    from hetlava.train.model_file import read_model, write_model

    for late in ("sources", "synapses", "none"):
        net = network(rng, late=late, lists=lists)
        write_model(tmp_path / "a.pt", net)
        assert read_model(tmp_path / "a.pt") == net


def test_damaged_delays_of_a_model_are_refused(rng, tmp_path):
    torch = pytest.importorskip("torch")
    from hetlava.train.model_file import FORMAT, VERSION, read_model, write_model
    from hetlava.train.torch_file import read_torch, write_torch

    path = tmp_path / "a.pt"
    for damaged, message in (
        (torch.full((9, 6), 63, dtype=torch.int8), "synaptic_delays"),
        (torch.ones((6, 9), dtype=torch.int8), "one per weight"),
        (3, "synaptic_delays is a int"),
    ):
        write_model(path, network(rng))
        content = dict(read_torch(path, FORMAT, VERSION))
        content["network"]["projections"][0]["synaptic_delays"] = damaged
        write_torch(path, FORMAT, VERSION, {k: content[k] for k in ("network", "extras")})
        with pytest.raises(FormatError, match=f"a.pt.*{message}"):
            read_model(path)


@pytest.mark.parametrize("late", ["sources", "synapses"])
def test_what_has_no_delays_says_so(rng, late, tmp_path):
    net, inputs = network(rng, late=late), from_dense(np.zeros((40, 1, 6), bool))
    with pytest.raises(UnsupportedError, match="input -> p0: delays.*an analog chip has none"):
        target("bss2-sim").run(net, inputs)
    with pytest.raises(UnsupportedError, match="input -> p0: delays.*xylo2 has none"):
        xylo.quantise(net)


def test_a_trainer_does_not_go_on_with_delays(rng):
    pytest.importorskip("torch")
    from hetlava.train.mismatch_tune import FixedNet
    from hetlava.train.qat_net import check_chain

    with pytest.raises(UnsupportedError, match="input -> p0: delays"):
        FixedNet(network(rng))
    with pytest.raises(UnsupportedError, match="input -> p0: delays.*quantisation-aware training"):
        check_chain(network(rng))
