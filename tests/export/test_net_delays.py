"""Delays of single synapses in files: round trips, what cannot be, and netx and Lava as judges."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hetlava.convolution import QuantisedConvolution
from hetlava.errors import FormatError, UnsupportedError
from hetlava.events import from_dense
from hetlava.export.lava_folder import write_folder
from hetlava.export.net_hdf5 import read, stored_differences, write
from hetlava.export.netx_rules import netx_differences
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.sim import reference
from hetlava.sparse_synapses import from_matrix
from hetlava.synapses import QuantisedProjection, QuantisedSynapses

STEPS = 25
RunNetx = Callable[..., list[np.ndarray]]


def network(rng: np.random.Generator, projections: list[QuantisedSynapses]) -> QuantisedNetwork:
    words = {"du": (400, 3000), "dv": (50, 1000), "vth": (20, 200), "bias_mant": (-1, 2)}
    populations = []
    for name, n in {q.target: q.shape[0] for q in projections}.items():
        drawn = {word: rng.integers(*ends, n).astype(np.int32) for word, ends in words.items()}
        registers = CubaRegisters(**drawn, bias_exp=np.full(n, 6, np.int32))
        populations.append(QuantisedPopulation(name=name, registers=registers))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=projections[0].shape[1],
        n_steps=STEPS,
        populations=tuple(populations),
        projections=tuple(projections),
        output=projections[-1].target,
    )


def dense(
    rng: np.random.Generator, source: str, target: str, shape: tuple[int, int], **fields: object
) -> QuantisedProjection:
    weights = (2 * rng.integers(-128, 128, shape)).astype(np.int16)
    return QuantisedProjection(source=source, target=target, weights=weights, **fields)  # type: ignore[arg-type]


def late(rng: np.random.Generator, q: QuantisedSynapses, longest: int = 9) -> QuantisedSynapses:
    delays = rng.integers(0, longest, q.weights.shape, endpoint=True).astype(np.int8)
    return replace(q, synaptic_delays=delays)


def header(path: Path) -> dict[str, object]:
    with h5py.File(path) as file:
        return dict(json.loads(file["hetlava/header"][()].tobytes()))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), kind=st.integers(0, 2), large=st.booleans())
def test_delays_of_synapses_are_read_as_written(
    seed: int,
    kind: int,
    large: bool,
    random_convolution: Callable[..., QuantisedConvolution],
    tmp_path: Path,
) -> None:
    rng, path = np.random.default_rng(seed), tmp_path / "a.net"
    q: QuantisedSynapses = random_convolution(rng)
    if kind:
        matrix = dense(rng, "input", "p0", tuple(rng.integers(1, 30, 2)))
        q = from_matrix(matrix) if kind == 2 else matrix
    net = network(rng, [late(rng, q, 62)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hetlava.export.net_storage.MAPPED_MIN", 2 if large else 1 << 30)
        write(path, net)
    assert read(path) == net
    assert stored_differences(path) == netx_differences(net)
    # once more, from the map
    write(tmp_path / "b.net", read(path))
    assert read(tmp_path / "b.net") == net


def test_only_what_an_older_hetlava_cannot_read_says_so(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    plain = from_matrix(dense(rng, "input", "a", (3, 4)))
    for q, expected in ((plain, 4), (late(rng, plain), 5)):
        write(tmp_path / "a.net", network(rng, [q]))
        assert header(tmp_path / "a.net")["format"] == expected


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: np.full_like(d, 63), r"are outside \[0, 62\], first 63 at 0"),
        (lambda d: -d, r"are outside \[0, 62\]"),
        (lambda d: d[1:], "synaptic_delays"),
        (lambda d: d.astype(np.int32), "int32"),
    ],
)
def test_delays_that_cannot_be_are_refused(
    lists: bool,
    change: Callable[[np.ndarray], np.ndarray],
    message: str,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    q, path = late(rng, dense(rng, "input", "a", (7, 6))), tmp_path / "a.net"
    write(path, network(rng, [from_matrix(q) if lists else q]))  # type: ignore[arg-type]
    with h5py.File(path, "r+") as file:
        # netx has the same array a second time
        for where in ("hetlava/projections/0/synaptic_delays", "layer/1/delay"):
            if where in file:
                changed = change(file[where][()])
                del file[where]
                file[where] = changed
    with pytest.raises(FormatError, match=f"a.net.*{message}"):
        read(path)


def test_both_kinds_of_delays_are_refused(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    write(path, network(rng, [late(rng, dense(rng, "input", "a", (7, 6)))]))
    with h5py.File(path, "r+") as file:
        file["hetlava/projections/0/delays"] = np.ones(6, np.int16)
    with pytest.raises(FormatError, match="a.net.*delays both of sources and of synapses"):
        read(path)


@pytest.mark.lava
def test_netx_gives_the_spikes_of_late_synapses(
    rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    """Small weights, which netx scales up; and as many sources as neurons, each with a delay."""
    small = replace(
        dense(rng, "input", "a", (6, 5)), weights=rng.integers(-12, 20, (6, 5)).astype(np.int16)
    )
    of_sources = dense(rng, "a", "b", (6, 6), delays=rng.integers(0, 9, 6).astype(np.int16))
    last = late(rng, dense(rng, "b", "c", (4, 6)))
    net = network(rng, [late(rng, small), of_sources, last])
    assert netx_differences(net) == []
    write(tmp_path / "a.net", net)
    assert read(tmp_path / "a.net") == net
    x = rng.random((STEPS, 5)) < 0.5
    expected = reference.run(net, from_dense(x[:, None])).spikes
    for events, spikes in zip(expected, run_netx(tmp_path / "a.net", x), strict=True):
        assert np.array_equal(events.to_dense()[:, 0], spikes)
        assert spikes.sum() > 10


@pytest.mark.parametrize("as_netx", [False, True])
def test_a_matrix_of_delays_in_a_file_of_lava_dl_is_read(
    as_netx: bool, rng: np.random.Generator, tmp_path: Path
) -> None:
    net = network(rng, [late(rng, dense(rng, "input", "a", (6, 5)))])
    write(tmp_path / "a.net", net)
    with h5py.File(tmp_path / "a.net") as ours, h5py.File(tmp_path / "b.net", "w") as file:
        for key in ("layer", "simulation"):
            ours.copy(key, file)
    found = read(tmp_path / "b.net", as_netx=as_netx)
    late_then = found.projections[0].synaptic_delays
    assert late_then is not None
    assert np.array_equal(late_then, net.projections[0].synaptic_delays)
    x = from_dense(rng.random((STEPS, 2, 5)) < 0.5)
    assert reference.run(found, x).spikes == reference.run(net, x).spikes
    with h5py.File(tmp_path / "b.net", "r+") as file:
        del file["layer/1/delay"]
        file["layer/1/delay"] = np.full((6, 5), 200.0)
    with pytest.raises(FormatError, match="layer/1: delay: 30 of 30 values do not fit int8"):
        read(tmp_path / "b.net", as_netx=as_netx)


def test_netx_is_told_apart_where_it_takes_delays_otherwise(rng: np.random.Generator) -> None:
    first = dense(rng, "input", "a", (3, 3))
    looped = network(rng, [first, late(rng, dense(rng, "a", "a", (3, 3)))])
    assert "delays in a layer with a loop" in netx_differences(looped)[0]
    kernel = QuantisedConvolution(
        source="input",
        target="a",
        weights=np.full((1, 1, 2, 2), 8, np.int16),
        input_shape=(1, 2, 3),
    )
    late_kernel = replace(kernel, synaptic_delays=np.arange(4, dtype=np.int8).reshape(1, 1, 2, 2))
    assert "netx drops those of kernels" in netx_differences(network(rng, [late_kernel]))[0]


@pytest.mark.lava
@pytest.mark.parametrize("lists", [False, True])
def test_lava_alone_gives_the_spikes_of_late_synapses(
    lists: bool,
    rng: np.random.Generator,
    tmp_path: Path,
    lava_python: Path,
    few_levels: Callable[..., QuantisedNetwork],
) -> None:
    chain = [late(rng, dense(rng, *ends, (6, 6)), 5) for ends in (("input", "a"), ("a", "b"))]
    net = network(rng, [from_matrix(q) for q in chain] if lists else chain)  # type: ignore[arg-type]
    inputs = from_dense(rng.random((STEPS, 2, 6)) < 0.3)
    expected = write_folder(tmp_path / "out", few_levels(net, rng), inputs)
    assert min(spikes.n_events for spikes in expected.spikes) > 10
    for options in ((), ("--lif", "levels")):
        done = subprocess.run(
            [lava_python, tmp_path / "out/graph.py", *options],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.stdout.endswith("spikes, 0 differences\n"), done.stderr


def test_a_folder_holds_no_delays_of_the_weights_of_a_kernel(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    kernel = QuantisedConvolution(
        source="input",
        target="a",
        weights=np.full((1, 1, 2, 2), 8, np.int16),
        input_shape=(1, 2, 3),
    )
    net = network(rng, [late(rng, kernel)])
    with pytest.raises(UnsupportedError, match="delays of single weights of a kernel"):
        write_folder(tmp_path / "out", net, from_dense(np.zeros((STEPS, 1, 6), bool)))
    assert not (tmp_path / "out").exists()
