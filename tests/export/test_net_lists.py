"""Lists of synapses and large weights in ``.net`` files: round trips, maps, and lies."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hetlava.arrays import AnyArray
from hetlava.errors import FormatError
from hetlava.export.hdf5_image import Image
from hetlava.export.net_hdf5 import read, stored_differences, write
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.sparse_synapses import QuantisedSparse, from_matrix
from hetlava.synapses import QuantisedProjection, QuantisedSynapses

MIN = "hetlava.export.net_storage.MAPPED_MIN"


def network(*projections: QuantisedSynapses) -> QuantisedNetwork:
    populations = []
    for q in projections:
        zero = np.zeros(q.shape[0], np.int32)
        registers = CubaRegisters(du=zero, dv=zero, vth=zero, bias_mant=zero, bias_exp=zero + 6)
        populations.append(QuantisedPopulation(name=q.target, registers=registers))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=projections[0].shape[1],
        n_steps=5,
        populations=tuple(populations),
        projections=projections,
        output=projections[-1].target,
    )


def matrix(
    rng: np.random.Generator, shape: tuple[int, int], *, share: float = 1.0
) -> QuantisedProjection:
    """Draw weights that fit a byte, whose halves do, or neither."""
    weights = rng.integers(-256, 256, shape)
    weights = (weights // 2, weights // 2 * 2, weights)[rng.integers(3)]
    weights[rng.random(shape) > share] = 0
    delays = rng.integers(0, 9, shape[1]).astype(np.int16)
    return QuantisedProjection(
        source="input",
        target="a",
        weights=weights.astype(np.int16),
        delays=delays if rng.random() < 0.5 else None,
        message_bits=int(rng.integers(0, 3)),
    )


def is_mapped(array: AnyArray) -> bool:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return isinstance(array.base, memoryview)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(seed=52300, lists=True, large=False, compact=False)  # a list without synapses
@given(
    seed=st.integers(0, 2**32 - 1), lists=st.booleans(), large=st.booleans(), compact=st.booleans()
)
def test_lists_and_large_weights_are_read_as_written(
    seed: int, lists: bool, large: bool, compact: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    q: QuantisedSynapses = matrix(rng, tuple(rng.integers(1, 40, 2)), share=rng.random())
    net, path = network(from_matrix(q) if lists else q), tmp_path / "a.net"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MIN, 2 if large else 1 << 30)
        write(path, net, compact=compact)
    found = read(path)
    assert found == net and type(found.projections[0]) is type(net.projections[0])
    assert is_mapped(found.projections[0].weights) == (
        large and found.projections[0].weights.size > 0
    )
    if lists:
        assert "lists of sparse synapses" in stored_differences(path)[0]
    # once more, from the map
    write(tmp_path / "b.net", found)
    assert read(tmp_path / "b.net") == net


@pytest.fixture
def large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A matrix in halves of bytes and lists, both in one piece."""
    rng, path = np.random.default_rng(1), tmp_path / "a.net"
    monkeypatch.setattr(MIN, 2)
    even = (2 * rng.integers(-128, 128, (9, 11))).astype(np.int16)
    first = QuantisedProjection(source="input", target="a", weights=even)
    lists = replace(from_matrix(matrix(rng, (7, 9), share=0.4)), source="a", target="b")
    write(path, network(first, lists))
    return path


def test_weights_take_a_byte_each_in_the_file(large_file: Path) -> None:
    with h5py.File(large_file) as file:
        stored = file["hetlava/projections/0/weights"]
        assert stored.dtype == np.int8 and stored.chunks is None
        header = json.loads(file["hetlava/header"][()].tobytes())
    assert header["format"] == 4 and header["projections"][0]["halved"]
    net = read(large_file)
    assert net.projections[0].weights.dtype == np.int8
    assert not net.projections[0].weights.flags.writeable


def test_what_netx_loads_keeps_whole_weights_unless_told_otherwise(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MIN, 2)
    even = (2 * rng.integers(-128, 128, (9, 11))).astype(np.int16)
    net, path = (
        network(QuantisedProjection(source="input", target="a", weights=even)),
        tmp_path / "a.net",
    )
    write(path, net)
    assert stored_differences(path) == []
    with h5py.File(path) as file:
        assert file["layer/1/weight"] == file["hetlava/projections/0/weights"]
        assert np.array_equal(file["layer/1/weight"], even)
    assert read(path) == net
    write(path, net, compact=True)
    assert "in bytes" in stored_differences(path)[0]
    with h5py.File(path) as file:
        assert "layer" not in file
    # and back: netx reads what was compact
    write(path, read(path))
    with h5py.File(path) as file:
        assert np.array_equal(file["layer/1/weight"], even)


def test_a_file_is_replaced_under_its_own_map(large_file: Path) -> None:
    net = read(large_file)
    write(large_file, replace(net, n_steps=9))
    assert read(large_file) == replace(net, n_steps=9)


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    with h5py.File(path, "r+") as file:
        header = json.loads(file["hetlava/header"][()].tobytes())
        change(header["projections"])
        del file["hetlava/header"]
        file["hetlava/header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda q: q[0]["checksums"].update(weights=1), "weights: damaged: its checksum"),
        (lambda q: q[0]["checksums"].update(weights=True), "checksums .* are none"),
        (lambda q: q[0]["checksums"].update(more=1), "checksums .* are none"),
        (lambda q: q[0].update(halved=1), "halved is a int, expected bool"),
        (lambda q: q[0].pop("halved"), "expected .*halved"),
        (lambda q: q[1].update(n_synapses=10**15), "shape .* expected"),
        (lambda q: q[1].update(n_synapses=True), "n_synapses is a bool"),
        (lambda q: q[1].update(n_synapses=-1), "shape .* expected"),
        (lambda q: q[1].update(source="input"), "indptr: shape"),
    ],
)
def test_a_header_that_lies_of_them_is_named(
    change: Callable[[object], object], message: str, large_file: Path
) -> None:
    edit(large_file, change)
    with pytest.raises(FormatError, match=f"a.net.*({message})"):
        read(large_file)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("post", np.zeros(3, np.int32), "shape"),
        ("post", None, "expected .*post"),
        ("indptr", np.zeros(10), "indptr of shape .* float64"),
        ("indptr", np.zeros(10, np.int64), "indptr must begin with 0"),
        ("more", np.zeros(1), "more"),
    ],
)
def test_lists_that_cannot_be_are_named(
    name: str, value: AnyArray | None, message: str, large_file: Path
) -> None:
    edit(large_file, lambda q: q[1]["checksums"].clear())
    with h5py.File(large_file, "r+") as file:
        if name in file["hetlava/projections/1"]:
            del file[f"hetlava/projections/1/{name}"]
        if value is not None:
            file[f"hetlava/projections/1/{name}"] = value
    with pytest.raises(FormatError, match=f"a.net.*{message}"):
        read(large_file)


def test_any_damage_of_arrays_in_one_piece_is_found(large_file: Path) -> None:
    with h5py.File(large_file) as file:
        places = [
            (d.id.get_offset(), d.id.get_storage_size())
            for k in "01"
            for d in file[f"hetlava/projections/{k}"].values()
            if d.chunks is None and d.ndim
        ]
    data = large_file.read_bytes()
    assert len(places) >= 4
    for offset, size in places:
        for at in range(offset, offset + size, 7):
            large_file.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
            with pytest.raises(FormatError, match="damaged: its checksum"):
                read(large_file)
        large_file.write_bytes(data[: offset + size // 2])
        with pytest.raises(FormatError, match="a.net"):
            read(large_file)


@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.binary(min_size=1, max_size=9000)), max_size=8)
)
def test_an_image_holds_what_was_written(writes: list[tuple[int, bytes]]) -> None:
    image, expected = Image(), bytearray()
    for start, data in writes:
        expected.extend(bytes(max(0, start + len(data) - len(expected))))
        expected[start : start + len(data)] = data
        image.seek(start)
        image.write(data)
    image.seek(0)
    assert image.read(len(expected) + 5) == expected


MANY = pytest.param(3000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])


@pytest.mark.parametrize("count", [150, MANY])
def test_damage_anywhere_gives_an_error_or_the_same_network(large_file: Path, count: int) -> None:
    assert isinstance(read(large_file).projections[1], QuantisedSparse)
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("fuzz.py"), large_file, "0", str(count)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counts = json.loads(done.stdout)
    assert counts["error"] > 0.5 * count and "other" not in counts
