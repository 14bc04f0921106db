"""Counts of work: by hand on small networks, and NeuroBench's own metrics as the judge."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI2
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantisation import dequantise
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import floating, reference
from hetlava.sparse_synapses import from_matrix
from hetlava.work import (
    connection_sparsity,
    count,
    footprint,
    join,
    kind_of,
    membrane_updates,
    n_synapses,
    neuron_bits,
)

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


def test_floats_are_counted_as_the_integers_that_they_are_rounded_to(
    rng: np.random.Generator, random_convolution: Callable[..., QuantisedConvolution]
) -> None:
    q = random_convolution(rng)
    thin = QuantisedProjection(
        source="p0",
        target="out",
        weights=(2 * rng.integers(-9, 9, (4, q.shape[0])) * (rng.random((4, 1)) < 0.6)).astype(
            np.int16
        ),
    )
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=q.shape[1],
        n_steps=30,
        populations=(
            QuantisedPopulation(name="p0", registers=lasting(q.shape[0]), scale=64.0),
            QuantisedPopulation(name="out", registers=lasting(4), scale=64.0),
        ),
        projections=(q, from_matrix(thin)),
        output="out",
    )
    floats = dequantise(net)
    for a, b in zip(floats.projections, net.projections, strict=True):
        assert (kind_of(a), n_synapses(a)) == (kind_of(b), n_synapses(b))
    assert [kind_of(a) for a in floats.projections] == ["kernel", "sparse"]
    assert n_synapses(q) == np.count_nonzero(replace(q, weights=np.ones_like(q.weights)).matrix())
    assert connection_sparsity(floats) == connection_sparsity(net)
    # 8 bytes a weight, 2 bits for each listed target of 4, 7 numbers of 8 bytes for a neuron
    listed = net.projections[1].weights.size
    expected = 8 * (q.weights.size + listed + 7 * (q.shape[0] + 4)) + listed / 4
    assert footprint(floats) == expected


def lasting(n: int) -> CubaRegisters:
    """Return neurons with a memory, which floats can have."""
    return replace(registers(n), du=np.full(n, 400, np.int32), dv=np.full(n, 300, np.int32))


def registers(n: int, vth: int = 10) -> CubaRegisters:
    words = {"du": 4095, "dv": 4096, "vth": vth, "bias_mant": 0, "bias_exp": 0}
    return CubaRegisters(**{name: np.full(n, word, np.int32) for name, word in words.items()})


@pytest.fixture
def small() -> tuple[QuantisedNetwork, Events]:
    """Return neurons without memory: 2 inputs, 3 hidden, 1 out, and three steps of spikes."""
    weights = {
        ("input", "hidden"): [[12, 0], [12, 12], [0, 2]],
        ("hidden", "out"): [[12, 0, 0]],
    }
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=2,
        n_steps=4,
        populations=(
            QuantisedPopulation(name="hidden", registers=registers(3)),
            QuantisedPopulation(name="out", registers=registers(1)),
        ),
        projections=tuple(
            QuantisedProjection(source=a, target=b, weights=np.array(w, np.int16))
            for (a, b), w in weights.items()
        ),
        output="out",
    )
    spikes = np.zeros((4, 1, 2), bool)
    spikes[0, 0] = (True, False)
    spikes[1, 0] = (False, True)
    return net, from_dense(spikes)


def test_a_small_run_counted_by_hand(small: tuple) -> None:
    net, inputs = small
    work = count(net, inputs, reference.run(net, inputs, probes=("v",)))
    # the first input meets 2 weights, the second 2; neurons 0 and 1 spike at step 1, 1 at step 2
    assert work.synops.tolist() == [[4], [1]]
    assert work.dense.tolist() == [6 * 4, 3 * 4]
    assert work.spikes.tolist() == [[3], [1]]
    # 3 at the first step; resets to 0 change nothing, but neuron 2 goes to 128 and back to 0
    assert work.updates.tolist() == [[5], [1]]
    assert work.kinds == ("dense", "sparse")
    assert work.fan.tolist() == [1, 0] and not work.graded.any()
    assert work.activation_sparsity == 1 - 4 / 16
    assert connection_sparsity(net) == 4 / 9


def test_the_footprint_is_that_of_the_chips_widths(small: tuple) -> None:
    net, _ = small
    # two decays of 12, a threshold of 17, a bias of 13 and 4, u and v of 24 bits
    assert neuron_bits(net.populations[0].registers, LOIHI2) == 2 * 12 + 17 + 17 + 48
    assert footprint(net) == (4 * 106 + 9 * 8) / 8
    late = replace(net.projections[0], delays=np.array([0, 5], np.int16), weight_bits=4)
    # 3 bits hold a delay of 5, of each of two sources
    assert footprint(replace(net, projections=(late, net.projections[1]))) == (
        (4 * 106 + 6 * 4 + 3 * 8 + 2 * 3) / 8
    )
    # and of each of six synapses
    by_synapse = np.arange(6, dtype=np.int8).reshape(late.shape)
    late = replace(late, delays=None, synaptic_delays=by_synapse)
    assert footprint(replace(net, projections=(late, net.projections[1]))) == (
        (4 * 106 + 6 * 4 + 3 * 8 + 6 * 3) / 8
    )


def test_the_footprint_of_floats_is_that_of_double_precision(small: tuple) -> None:
    net, _ = small
    slower = {"du": np.int32(99), "dv": np.int32(99)}
    scaled = [
        replace(
            p,
            scale=64.0,
            registers=replace(
                p.registers, **{k: getattr(p.registers, k) - x for k, x in slower.items()}
            ),
        )
        for p in net.populations
    ]
    floats = dequantise(replace(net, populations=tuple(scaled)))
    assert footprint(floats) == 8 * (9 + 4 * (5 + 2))


def test_kernels_count_synapses_at_the_edge_once(
    rng: np.random.Generator, random_convolution: Callable[..., QuantisedConvolution]
) -> None:
    kernel = random_convolution(rng)
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=kernel.shape[1],
        n_steps=3,
        populations=(QuantisedPopulation(name="p0", registers=registers(kernel.shape[0])),),
        projections=(kernel,),
        output="p0",
    )
    inputs = from_dense(np.ones((3, 2, kernel.shape[1]), bool))
    work = count(net, inputs, reference.run(net, inputs, probes=("v",)))
    every = replace(kernel, weights=np.ones_like(kernel.weights)).matrix()
    assert work.kinds == ("kernel",)
    assert work.dense.tolist() == [3 * int(every.sum())]
    assert work.synops.tolist() == [[3 * int(np.count_nonzero(kernel.matrix()))] * 2]


def test_counts_of_parts_join_to_those_of_the_whole(
    rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, _ = random_network(rng)
    inputs = from_dense(rng.random((net.n_steps, 5, net.n_inputs)) < 0.3)

    def counted(events: Events):
        return count(net, events, reference.run(net, events, probes=("v",)))

    assert join([counted(inputs.samples(0, 2)), counted(inputs.samples(2, 5))]) == counted(inputs)


def test_float_networks_are_counted_too(
    rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(rng, readout=False)
    scaled = tuple(replace(p, scale=2.0**14) for p in net.populations)
    floats = dequantise(replace(net, populations=scaled))
    recording = floating.run(floats, inputs, probes=("v",))
    work = count(floats, inputs, recording)
    assert np.array_equal(work.synops.sum(axis=0), recording.synops)


def test_without_voltages_there_is_nothing_to_count(small: tuple) -> None:
    with pytest.raises(ValidationError, match="run with the probe 'v'"):
        count(*small, reference.run(*small))


def test_graded_messages_make_multiplications(small: tuple) -> None:
    net, inputs = small
    wide = replace(net.projections[0], message_bits=8)
    net = replace(net, projections=(wide, net.projections[1]))
    for size, expected in ((2, [True, False]), (-1, [False, False])):
        graded = from_dense(inputs.to_dense().astype(np.int32) * size)
        work = count(net, graded, reference.run(net, graded, probes=("v",)))
        assert work.graded.tolist() == expected


@pytest.mark.parametrize("seed", range(5))
def test_neurobench_counts_the_same(seed: int, random_network: RandomNetwork) -> None:
    """NeuroBench's own metrics over torch layers that are handed the same spikes and voltages."""
    torch = pytest.importorskip("torch")
    snn = pytest.importorskip("snntorch")
    reason = "neurobench is not installed: pip install --no-deps neurobench==2.3.0"
    workload = pytest.importorskip("neurobench.metrics.workload", reason=reason)
    from neurobench.blocks.layer import STATELESS_LAYERS
    from neurobench.hooks.layer import LayerHook
    from neurobench.hooks.neuron import NeuronHook
    from neurobench.metrics.static import ConnectionSparsity

    class Replay(snn.SpikingNeuron):
        """Neurons whose voltages and spikes are known."""

        def forward(self, v, s):
            self.mem = v
            return s

    net, inputs = random_network(np.random.default_rng(seed))
    recording = reference.run(net, inputs, probes=("v",))
    work = count(net, inputs, recording)
    sent = {"input": inputs, **dict(zip(recording.names, recording.spikes, strict=True))}
    model = torch.nn.Module()
    layers = []
    for q in net.projections:
        layer = torch.nn.Linear(*reversed(q.shape), bias=False, dtype=torch.float64)
        layer.weight.data = torch.tensor(q.weights.astype(np.float64))
        assert isinstance(layer, STATELESS_LAYERS)
        layers.append(layer)
    neurons = [Replay(init_hidden=True) for _ in net.populations]
    for layer in neurons:
        layer.mem = torch.zeros(1)  # as snntorch's own have it before the first step
    model.layers, model.neurons = torch.nn.ModuleList(layers), torch.nn.ModuleList(neurons)
    model.__net__ = lambda: model
    model.connection_hooks = [LayerHook(layer) for layer in layers]
    model.activation_hooks = [NeuronHook(layer) for layer in neurons]
    for t in range(inputs.n_steps):
        for q, layer in zip(net.projections, layers, strict=True):
            layer(torch.tensor(sent[q.source].to_dense()[t].astype(np.float64)))
        for v, events, layer in zip(recording.v, recording.spikes, neurons, strict=True):
            layer(torch.tensor(v[t]), torch.tensor(events.to_dense()[t].astype(np.float64)))
    data = (torch.zeros(inputs.n_samples, 1), None)
    synops = workload.SynapticOperations()(model, None, data)
    assert synops["Effective_ACs"] == work.synops.sum() / work.n_samples
    assert synops["Effective_MACs"] == 0
    assert synops["Dense"] == work.dense.sum()
    updates = workload.MembraneUpdates()(model, None, data)
    assert updates == work.updates.sum() / work.n_samples
    assert workload.ActivationSparsity()(model, None, data) == work.activation_sparsity
    assert ConnectionSparsity()(model) == round(connection_sparsity(net), 4)


def test_an_update_is_a_change() -> None:
    v = np.array([[[1, 1]], [[1, 2]], [[1, 2]], [[0, 3]]])
    assert membrane_updates(v).tolist() == [2 + 1 + 0 + 2]
