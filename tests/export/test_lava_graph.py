"""A network as a Lava process graph: what is asked for, what is refused, what can be reached."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import Events, from_dense
from hetlava.export import lava_graph, net_hdf5
from hetlava.export.lava_import import netx
from hetlava.export.lava_runtime import shared, supervise
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


@pytest.fixture
def small(rng: np.random.Generator, random_network: RandomNetwork) -> tuple:
    return random_network(rng, max_neurons=6)


@pytest.mark.lava
def test_traces_are_kept_only_where_asked_for(small: tuple) -> None:
    net, inputs = small
    recording = lava_graph.run(net, inputs, probes=("v",))
    assert recording.u == ()
    assert [v.shape[2] for v in recording.v] == [p.registers.n for p in net.populations]
    assert (recording.target, recording.provenance) == ("lava-cpu", "emulated")
    assert recording.details == {"lava-nc": "0.10.0", "lif": "stock"}


@pytest.mark.lava
def test_populations_that_nothing_joins_run_too(small: tuple) -> None:
    net, inputs = small
    net = replace(net, projections=())
    assert lava_graph.run(net, inputs).spikes == reference.run(net, inputs).spikes


@pytest.mark.lava
def test_samples_of_a_batch_know_nothing_of_each_other(small: tuple) -> None:
    net, _ = small
    inputs = from_dense(np.ones((8, 3, net.n_inputs), bool))
    output = lava_graph.run(net, inputs).of(net.output)
    first, *others = (output.samples(i, i + 1) for i in range(3))
    assert all(other == first for other in others)


@pytest.mark.lava
def test_an_empty_batch_gives_an_empty_recording(small: tuple) -> None:
    net, _ = small
    inputs = from_dense(np.zeros((5, 0, net.n_inputs), bool))
    recording = lava_graph.run(net, inputs)
    assert recording.scores.shape == (0, net.population(net.output).registers.n)


def test_connected_parts_follow_projections_in_both_directions(small: tuple) -> None:
    net, _ = small
    joined = {frozenset(part) for part in lava_graph.connected_parts(net)}
    alone = lava_graph.connected_parts(replace(net, projections=()))
    assert joined == {frozenset(p.name for p in net.populations)}
    assert alone == [(p.name,) for p in net.populations]


def test_bad_requests_are_refused_before_lava_is_needed(
    small: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, inputs = small
    monkeypatch.setattr(lava_graph, "enable_lava", lambda: pytest.fail("Lava was asked for"))
    with pytest.raises(
        ValidationError, match="lif 'float' is unknown; known: stock, vector, levels"
    ):
        lava_graph.run(net, inputs, lif="float")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="probe 'w' is unknown"):
        lava_graph.run(net, inputs, probes=("w",))
    with pytest.raises(ValidationError, match="channels, the network takes"):
        lava_graph.run(net, from_dense(np.zeros((2, 1, net.n_inputs + 1), bool)))


def test_weights_that_lava_cannot_hold_are_refused_before_it_is_started(
    small: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, inputs = small
    monkeypatch.setattr(lava_graph, "enable_lava", lambda: pytest.fail("Lava was asked for"))
    weights = np.full_like(net.projections[0].weights, 255)
    weights.flat[0] = -255
    odd = replace(net.projections[0], weights=weights, weight_exp=-9)
    with pytest.raises(UnsupportedError, match="cannot hold odd weights"):
        lava_graph.run(replace(net, projections=(odd,)), inputs)


@pytest.mark.lava
def test_registers_of_the_vector_lif_can_be_read_and_set_between_runs() -> None:
    seen = shared((3, 2), np.int64)

    def work() -> None:
        from hetlava.export.lava_import import enable_lava

        enable_lava()
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg

        from hetlava.export.lava_processes.lif import VectorLIF

        config = Loihi2SimCfg(select_tag="fixed_pt")
        lif = VectorLIF(shape=(2,), du=[-1, 7], dv=[0, 4096], vth=100, bias_mant=5)
        lif.run(RunSteps(num_steps=2), run_cfg=config)
        seen[0] = lif.dv.get()
        lif.dv.set(np.array([2048, 0]))
        lif.run(RunSteps(num_steps=1), run_cfg=config)
        seen[1], seen[2] = lif.v.get(), lif.du.get()
        lif.stop()

    supervise(work, shared((1,), np.int64), patience=60)
    # neuron 0 holds 10, halves it and takes 5; neuron 1 forgets, holds 5, and keeps it
    assert seen.tolist() == [[0, 4096], [10, 10], [-1, 7]]


@pytest.mark.lava
def test_the_vector_lif_takes_populations_of_any_shape() -> None:
    voltage = shared((2, 1, 3), np.int64)

    def work() -> None:
        from hetlava.export.lava_import import enable_lava

        enable_lava()
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg

        from hetlava.export.lava_processes.lif import VectorLIF

        lif = VectorLIF(shape=(2, 1, 3), dv=np.array([0, 2048, 4096]), vth=1000, bias_mant=8)
        lif.run(RunSteps(num_steps=2), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        voltage[:] = lif.v.get()
        lif.stop()

    supervise(work, shared((1,), np.int64), patience=60)
    assert voltage.tolist() == [[[16, 12, 8]], [[16, 12, 8]]]


@pytest.mark.lava
def test_netx_runs_with_the_vector_lif_in_place_of_its_own(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    words = {"du": (400, 900), "dv": (100, 400), "vth": (900, 1000)}
    drawn = {name: rng.integers(*ends, 5).astype(np.int32) for name, ends in words.items()}
    registers = CubaRegisters(
        **drawn, bias_mant=np.zeros(5, np.int32), bias_exp=np.full(5, 6, np.int32)
    )
    weights = (rng.integers(-20, 45, (5, 3)) * 2).astype(np.int16)
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=3,
        n_steps=20,
        populations=(QuantisedPopulation(name="p", registers=registers),),
        projections=(QuantisedProjection(source="input", target="p", weights=weights),),
        output="p",
    )
    net_hdf5.write(tmp_path / "model.net", net)
    seen = shared((2, 5), np.int64)

    def work() -> None:
        hdf5 = netx().hdf5
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg
        from lava.proc.io.source import RingBuffer

        from hetlava.export.lava_processes.lif import VectorLIF

        hdf5.LIF = VectorLIF
        network = hdf5.Network(net_config=str(tmp_path / "model.net"))
        source = RingBuffer(data=np.ones((3, 20), np.int32))
        source.s_out.connect(network.inp)
        network.run(RunSteps(num_steps=20), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        seen[0] = network.layers[0].neuron.du.get()
        seen[1] = network.layers[0].neuron.v.get()
        network.stop()

    supervise(work, shared((1,), np.int64), patience=60)
    expected = reference.run(net, from_dense(np.ones((20, 1, 3), bool)), probes=("v",))
    assert np.any(expected.v[0][-1, 0])
    assert seen.tolist() == [registers.du.tolist(), expected.v[0][-1, 0].tolist()]
