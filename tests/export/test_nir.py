"""NIR: what is written is read again, nir's own reader agrees, and what is not NIR's is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.delays import by_delay
from hetlava.errors import DataError, FormatError, UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.export.nir_file import read_nir, write_nir
from hetlava.float_synapses import Convolution, FloatSynapses, Projection
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim import floating
from hetlava.synapse_forms import as_lists, as_matrix, sum_pool

ASKED = {
    "dt": 1e-3,
    "n_steps": 30,
    "unit": "s",
    "discretisation": "euler",
    "readout": "spike-count",
}


def lif(n: int, rng: np.random.Generator) -> CubaLIF:
    return CubaLIF(
        tau_mem=rng.uniform(0.005, 0.05, n),
        tau_syn=rng.uniform(0.002, 0.02, n),
        v_leak=rng.uniform(-0.1, 0.1, n),
        v_threshold=rng.uniform(0.8, 1.5, n),
        v_reset=rng.uniform(-0.3, 0.0, n),
    )


@pytest.fixture(params=["exponential", "euler"])
def net(request: pytest.FixtureRequest, rng: np.random.Generator) -> Network:
    """A convolution, pooling, a matrix, and a loop; every neuron its own."""
    conv = Convolution(
        source="input",
        target="zebra",
        weights=rng.normal(0.1, 0.2, (4, 1, 3, 2)),
        input_shape=(2, 7, 6),
        stride=(1, 2),
        padding=((1, 1), (0, 0)),
        groups=2,
    )
    pool = sum_pool("zebra", "small", 0.4, conv.output_shape, (2, 1))
    n = pool.shape[0]
    wires: tuple[FloatSynapses, ...] = (
        Projection(
            source="small", target="output", weights=rng.normal(0.05, 0.1, (5, n)), grid=0.25
        ),
        conv,
        pool,
        Projection(source="output", target="output", weights=rng.normal(0, 0.1, (5, 5))),
    )
    sizes = {q.target: q.shape[0] for q in wires}
    return Network(
        dt=1e-3,
        n_inputs=conv.shape[1],
        n_steps=30,
        populations=tuple(
            Population(name=name, neurons=lif(sizes[name], rng))
            for name in ("zebra", "small", "output")
        ),
        projections=wires,
        output="output",
        discretisation=request.param,
    )


def plain(net: Network) -> Network:
    return replace(net, metadata={})


def test_what_is_written_is_read_equal(net: Network, tmp_path: Path) -> None:
    write_nir(tmp_path / "a.nir", net)
    assert plain(read_nir(tmp_path / "a.nir")) == net


def test_equal_networks_are_equal_bytes(net: Network, tmp_path: Path) -> None:
    for name in ("a.nir", "b.nir"):
        write_nir(tmp_path / name, net)
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()


def test_lists_are_written_as_matrices(net: Network, tmp_path: Path) -> None:
    first, *others = net.projections
    listed = replace(net, projections=(as_lists(first), *others))
    write_nir(tmp_path / "a.nir", listed)
    assert read_nir(tmp_path / "a.nir").projections[0] == as_matrix(as_lists(first))


def test_delays_of_sources_are_written_and_read(
    net: Network, rng: np.random.Generator, tmp_path: Path
) -> None:
    wires = [
        replace(q, delays=rng.integers(0, 63, q.shape[1]).astype(np.int16)) for q in net.projections
    ]
    net = replace(net, projections=tuple(wires))
    write_nir(tmp_path / "a.nir", net)
    assert plain(read_nir(tmp_path / "a.nir")) == net
    nir = pytest.importorskip("nir")
    graph = nir.read(tmp_path / "a.nir", type_check=False)
    (late,) = (node for name, node in graph.nodes.items() if name == "small-output-0-delay")
    assert isinstance(late, nir.Delay) and np.allclose(late.delay.ravel(), wires[0].delays * 1e-3)


def test_delays_of_synapses_become_a_way_for_each(
    net: Network, rng: np.random.Generator, tmp_path: Path
) -> None:
    first, *others = net.projections
    late = replace(first, synaptic_delays=rng.integers(0, 3, first.shape).astype(np.int8))
    net = replace(net, projections=(late, *others))
    write_nir(tmp_path / "a.nir", net)
    found = read_nir(tmp_path / "a.nir")
    assert found.projections[:3] == by_delay(late, lists=False)
    inputs = from_dense(rng.random((30, 3, net.n_inputs)) < 0.3)
    assert floating.run(found, inputs).spikes == floating.run(net, inputs).spikes


def test_delays_behind_weights_are_those_of_their_targets(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    ones = np.ones(2)
    neurons = nir.CubaLIF(
        tau_mem=0.02 * ones, tau_syn=0.01 * ones, r=ones, v_leak=0 * ones, v_threshold=ones
    )
    graph = nir.NIRGraph.from_list(
        nir.Input(input_type=np.array([2])),
        nir.Delay(delay=np.array([0.0, 2e-3])),
        nir.Linear(weight=weights),
        nir.Delay(delay=np.array([1e-3, 5e-3])),
        neurons,
        nir.Output(output_type=np.array([2])),
    )
    nir.write(tmp_path / "a.nir", graph)
    (q,) = read_nir(tmp_path / "a.nir", **ASKED).projections
    assert q.synaptic_delays.tolist() == [[1, 3], [5, 7]]


def test_integrators_are_read_by_their_voltage(net: Network, tmp_path: Path) -> None:
    last = net.population("output").neurons
    silent = CubaLI(tau_mem=last.tau_mem, tau_syn=last.tau_syn, v_leak=last.v_leak)
    read_out = replace(
        net,
        populations=(*net.populations[:2], Population(name="output", neurons=silent)),
        readout="max-voltage",
    )
    write_nir(tmp_path / "a.nir", read_out)
    assert plain(read_nir(tmp_path / "a.nir")) == read_out


def test_nir_itself_reads_the_parameters(net: Network, tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    write_nir(tmp_path / "a.nir", net)
    # nir 1.0.8 infers shapes of kernels without groups only
    graph = nir.read(tmp_path / "a.nir", type_check=False)
    node = graph.nodes["zebra"]
    neurons = net.population("zebra").neurons
    assert isinstance(node, nir.CubaLIF) and node.tau_mem.shape == (4, 7, 3)
    for name in ("tau_mem", "tau_syn", "v_leak", "v_threshold", "v_reset"):
        assert np.array_equal(getattr(node, name).ravel(), getattr(neurons, name))
    kept = 1e-3 / neurons.tau_mem
    kept = kept if net.discretisation == "euler" else -np.expm1(-kept)
    assert np.allclose(node.r.ravel() * kept, 1, rtol=1e-12)
    conv = graph.nodes["input-zebra-1"]
    assert np.array_equal(conv.weight, net.projections[1].weights) and conv.groups == 2
    assert isinstance(graph.nodes["zebra-small-2"], nir.SumPool2d)
    assert graph.metadata["dt"] == 1e-3 and len(graph.edges) == 11


def test_what_nir_writes_is_read(net: Network, tmp_path: Path, rng: np.random.Generator) -> None:
    nir = pytest.importorskip("nir")
    write_nir(tmp_path / "a.nir", net)
    nir.write(tmp_path / "b.nir", nir.read(tmp_path / "a.nir", type_check=False))
    again = read_nir(tmp_path / "b.nir")
    assert plain(again) == net
    inputs = from_dense(rng.random((30, 2, net.n_inputs)) < 0.3)
    spikes = floating.run(again, inputs).spikes
    assert spikes == floating.run(net, inputs).spikes and spikes[2].n_events > 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of nirtorch
def test_norse_spikes_as_the_float_reference_does(tmp_path: Path, rng: np.random.Generator) -> None:
    """Norse steps by Euler's method without a delay, so that two layers lag by two steps."""
    nir, norse = pytest.importorskip("nir"), pytest.importorskip("norse.torch")
    import torch

    conv = Convolution(
        source="input",
        target="a",
        weights=rng.normal(0.1, 0.2, (4, 1, 3, 3)),
        input_shape=(1, 6, 6),
        padding=((1, 1), (1, 1)),
    )
    last = Projection(source="a", target="b", weights=rng.normal(0.02, 0.05, (5, 144)))
    # norse resets to 0
    neurons = (replace(lif(n, rng), v_reset=np.zeros(n)) for n in (144, 5))
    net = Network(
        dt=1e-3,
        n_inputs=36,
        n_steps=50,
        populations=tuple(
            Population(name=k, neurons=v) for k, v in zip("ab", neurons, strict=True)
        ),
        projections=(conv, last),
        output="b",
        discretisation="euler",
    )
    x = rng.random((50, 1, 36)) < 0.2
    write_nir(tmp_path / "a.nir", net)
    theirs, state, outputs = norse.from_nir(nir.read(tmp_path / "a.nir"), dt=1e-3), None, []
    with torch.no_grad():
        for frame in x:
            y, state = theirs(torch.tensor(frame.reshape(1, 1, 6, 6), dtype=torch.float32), state)
            outputs.append(y.numpy().reshape(5) > 0)
    ours = floating.run(net, from_dense(x)).spikes[1].to_dense()[:, 0]
    # theirs are float32: of these voltages none comes so near to its threshold
    assert np.array_equal(np.array(outputs)[:-2], ours[2:]) and ours.sum() > 100


def foreign(path: Path, **changes) -> Path:
    """Write a chain of NIR's nodes as other tools do, without metadata."""
    nir = pytest.importorskip("nir")
    n = 3
    values = {
        "tau_syn": np.full(n, 0.005),
        "tau_mem": np.array([0.01, 0.02, 0.04]),
        "r": np.full(n, 2.0),
        "v_leak": np.zeros(n),
        "v_threshold": np.ones(n),
    }
    weight = np.arange(6.0).reshape(n, 2)
    node = changes.pop("node", None) or nir.CubaLIF(**values | changes)
    linear = nir.Affine(weight=weight, bias=np.zeros(n))
    nir.write(path, nir.NIRGraph.from_list(linear, node))
    return path


def test_gains_of_foreign_graphs_go_into_the_weights(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.nir", w_in=np.array([1.0, 2.0, 3.0]))
    net = read_nir(path, **ASKED)
    gain = np.array([1, 2, 3]) * 0.2 * 2.0 * (1e-3 / np.array([0.01, 0.02, 0.04]))
    assert np.allclose(net.projections[0].weights, np.arange(6.0).reshape(3, 2) * gain[:, None])
    exact = read_nir(path, **ASKED | {"discretisation": "exponential"})
    ratio = exact.projections[0].weights[1:] / net.projections[0].weights[1:]
    short, long = (1 - np.exp(-x) for x in (0.2, np.array([0.05, 0.025])))
    assert np.allclose(ratio, (short / 0.2 * long / [0.05, 0.025])[:, None])


def test_neurons_without_a_synaptic_current_are_euler_s(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    three = {"r": np.full(3, 10.0), "v_leak": np.zeros(3), "v_threshold": np.ones(3)}
    node = nir.LIF(tau=np.full(3, 0.01), **three)
    path = foreign(tmp_path / "a.nir", node=node)
    net = read_nir(path, **ASKED)
    x = np.zeros((6, 1, 2), bool)
    x[0, 0, 1] = True
    v = floating.run(net, from_dense(x), probes=("v",)).v[0]
    # a weight of 1, then 3 and 5: spikes of the last two at once; the first decays by 0.9 a step
    assert np.allclose(v[1:5, 0, 0], 0.9 ** np.arange(4)) and not v[1:, 0, 1:].any()
    with pytest.raises(UnsupportedError, match="exact by Euler's method only"):
        read_nir(path, **ASKED | {"discretisation": "exponential"})


def test_units_and_steps_are_asked_for(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.nir", tau_mem=np.full(3, 10.0), tau_syn=np.full(3, 5.0))
    with pytest.raises(
        ValidationError, match="does not say dt, n_steps, unit, .*give --dt, --steps, --unit"
    ):
        read_nir(path)
    assert read_nir(path, **ASKED | {"unit": "ms"}).populations[0].neurons.tau_mem[0] == 0.01
    with pytest.raises(ValidationError, match="unit 'us' is unknown; known: s, ms"):
        read_nir(path, **ASKED | {"unit": "us"})


def test_what_the_file_says_cannot_be_overruled(net: Network, tmp_path: Path) -> None:
    write_nir(tmp_path / "a.nir", net)
    with pytest.raises(ValidationError, match="dt is 0.001 in the file, asked: 0.002"):
        read_nir(tmp_path / "a.nir", dt=2e-3)


def test_what_nir_has_no_word_for_is_not_written(net: Network, tmp_path: Path) -> None:
    conv = net.projections[1]
    assert isinstance(conv, Convolution)
    path = tmp_path / "a.nir"
    lopsided = replace(conv, padding=((1, 1), (0, 1)), stride=(1, 1))
    n = lopsided.shape[0]
    back = Projection(source="output", target="zebra", weights=np.ones((conv.shape[0], 5)))
    sole = replace(
        net,
        populations=(Population(name="zebra", neurons=lif(n, np.random.default_rng(0))),),
        projections=(lopsided,),
        output="zebra",
    )
    graded = replace(net, projections=(replace(conv, message_bits=8), *net.projections[::2]))
    for wrong, reason in (
        (sole, "one number for both sides of an axis"),
        (replace(net, projections=(*net.projections, back)), "makes an image of the row"),
        (graded, "NIR takes spikes only"),
    ):
        with pytest.raises(UnsupportedError, match=reason):
            write_nir(path, wrong)
        assert not path.exists()


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda nir: nir.Affine(weight=np.ones((3, 2)), bias=np.ones(3)), "fold it into v_leak"),
        (lambda nir: nir.Linear(weight=np.ones((4, 2))), "sizes do not fit"),
        (lambda nir: nir.Delay(delay=np.full(2, 1.5e-3)), "delays that are no whole steps"),
        (lambda nir: nir.Delay(delay=np.full(2, 63e-3)), "delays of 63 to 63 steps, possible are"),
    ],
)
def test_nodes_that_networks_cannot_hold_are_refused(tmp_path: Path, build, reason: str) -> None:
    nir = pytest.importorskip("nir")
    values = {k: np.full(3, 0.01) for k in ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold")}
    nodes = {
        "in": nir.Input(input_type=np.array([2])),
        "w": build(nir),
        "n": nir.CubaLIF(**values),
        "out": nir.Output(output_type=np.array([3])),
    }
    edges = [("in", "w"), ("w", "n"), ("n", "out")]
    nir.write(tmp_path / "a.nir", nir.NIRGraph(nodes, edges, type_check=False))
    with pytest.raises((UnsupportedError, FormatError), match=f"a.nir: .*{reason}"):
        read_nir(tmp_path / "a.nir", **ASKED)


def test_gains_that_share_a_kernel_are_refused(net: Network, tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    write_nir(tmp_path / "a.nir", net)
    graph = nir.read(tmp_path / "a.nir", type_check=False)
    graph.nodes["zebra"].r.ravel()[3] *= 2
    nir.write(tmp_path / "b.nir", graph)
    with pytest.raises(UnsupportedError, match="share a kernel have other gains"):
        read_nir(tmp_path / "b.nir")


def test_flipped_bytes_give_a_network_or_an_error_that_says_so(
    net: Network, tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "a.nir"
    write_nir(path, net)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    refused = 0
    for _ in range(150):
        damaged = whole.copy()
        damaged[rng.integers(whole.size, size=3)] ^= rng.integers(1, 256, 3).astype(np.uint8)
        path.write_bytes(damaged.tobytes())
        try:
            read_nir(path)
        except (FormatError, UnsupportedError, ValidationError):
            refused += 1
    assert refused > 50


def test_a_missing_file_and_another_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_nir(tmp_path / "a.nir")
    (tmp_path / "a.nir").write_bytes(b"hello")
    with pytest.raises(FormatError, match="not an HDF5 file"):
        read_nir(tmp_path / "a.nir")
