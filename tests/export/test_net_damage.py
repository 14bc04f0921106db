"""Damaged ``.net`` files, and files that lie: one clear error each, no crash, no other network."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.net_hdf5 import read, write
from hetlava.export.net_header import FORMAT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedPopulation

FUZZ = Path(__file__).with_name("fuzz.py")
MANY = pytest.param(3000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change the JSON header of a file."""
    with h5py.File(path, "r+") as file:
        header = json.loads(file["hetlava/header"][()].tobytes())
        change(header)
        del file["hetlava/header"]
        file["hetlava/header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update(n_inputs=10**12), "n_inputs 1000000000000 is not"),
        (lambda h: h.update(n_inputs=1), "shape .*, expected"),
        (lambda h: h.update(n_steps=10**12), "n_steps 1000000000000 is not"),
        (lambda h: h.update(n_steps=True), "n_steps is a bool, expected int"),
        (lambda h: h.update(dt=float("nan")), "dt is nan s"),
        (lambda h: h.update(dt=-1.0), "dt is -1.0 s"),
        (lambda h: h.update(chip="tpu"), "chip 'tpu' is unknown"),
        (lambda h: h.update(output="nowhere"), "output 'nowhere'"),
        (lambda h: h.update(spare=1), "spare"),
        (lambda h: h.pop("reset"), "expected .*reset"),
        (lambda h: h["populations"].append(h["populations"][0]), "expected .'0', '1', '2'."),
        (lambda h: h["populations"][0].update(name="p1"), "leads to no population"),
        (lambda h: h["projections"][0].update(source="p9"), "leads to no population"),
        (lambda h: h["projections"][0].update(weight_exp=99), "weight_exp 99 outside"),
        (lambda h: h["projections"][0].update(weight_exp=1), "layer"),
        (lambda h: h["projections"].clear(), "projections"),
        (lambda h: h.update(netx_differences=["changed my mind"]), "unfit for netx"),
    ],
)
def test_a_header_that_lies_is_named(
    change: Callable[[dict[str, object]], object], message: str, net_file: Path
) -> None:
    edit(net_file, change)
    with pytest.raises(FormatError, match=f"a.net.*{message}"):
        read(net_file)


def test_a_newer_format_is_named(net_file: Path) -> None:
    edit(net_file, lambda h: h.update(format=FORMAT + 1, new_key=1))
    message = f"format {FORMAT + 1}, this hetlava reads up to {FORMAT}"
    with pytest.raises(UnsupportedError, match=message):
        read(net_file)


@pytest.mark.parametrize(
    "text", [b"", b"[" * 10**6, b"{}", b"\xff\xfe", b'{"format": "1"}', b"9" * 10**5]
)
def test_a_header_that_is_no_json_of_ours_is_refused(text: bytes, net_file: Path) -> None:
    with h5py.File(net_file, "r+") as file:
        del file["hetlava/header"]
        file["hetlava/header"] = np.frombuffer(text, np.uint8)
    with pytest.raises(FormatError, match="a.net: hetlava/header: "):
        read(net_file)


def test_a_header_beyond_reason_is_refused_unread(net_file: Path) -> None:
    with h5py.File(net_file, "r+") as file:
        del file["hetlava/header"]
        file["hetlava/header"] = np.full(9 << 20, ord(" "), np.uint8)
    with pytest.raises(FormatError, match="at most 8388608 bytes"):
        read(net_file)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hetlava/populations/0/dv", np.zeros(1, np.int64)),
        ("hetlava/populations/0/dv", np.full(99, 5, np.int32)),
        ("hetlava/populations/0/dv", np.float64(5)),
        ("hetlava/populations/0/du", np.zeros((2, 2), np.int32)),
        ("hetlava/projections/0/weights", np.zeros((3, 3), np.int16)),
        ("hetlava/projections/0/weights", np.array(["a"], object)),
        ("hetlava/extra", np.zeros(1)),
        ("hetlava/populations/0/extra", np.zeros(1)),
        ("layer/1/extra", np.zeros(1)),
        ("layer/1/type", np.array([b"dense_rec"])),
        ("layer/1/neuron/refDelay", np.array(2)),
        ("simulation/Ts", np.array(2.0)),
        ("extra", np.zeros(1)),
    ],
)
def test_a_part_that_does_not_fit_is_named(key: str, value: object, net_file: Path) -> None:
    with h5py.File(net_file, "r+") as file:
        if key in file:
            del file[key]
        file[key] = value
    with pytest.raises(FormatError, match="a.net"):
        read(net_file)


def test_a_file_edited_in_one_place_only_is_refused(net_file: Path) -> None:
    with h5py.File(net_file, "r+") as file:
        file["layer/1/neuron/iDecay"][0] += 1
    with pytest.raises(FormatError, match="layer/1/neuron/iDecay: disagrees with the group"):
        read(net_file)


def test_weights_may_be_edited_where_both_layouts_share_them(net_file: Path) -> None:
    with h5py.File(net_file, "r+") as file:
        file["layer/1/weight"][0, 0] = 2
    assert read(net_file).projections[0].weights[0, 0] == 2


@pytest.mark.parametrize("key", ["layer", "simulation", "hetlava/populations/1/vth"])
def test_a_missing_part_is_named(key: str, net_file: Path) -> None:
    with h5py.File(net_file, "r+") as file:
        del file[key]
    with pytest.raises(FormatError, match=f"a.net.*{key.rpartition('/')[2]}"):
        read(net_file)


def test_every_truncation_is_refused(net_file: Path) -> None:
    data = net_file.read_bytes()
    for length in range(0, len(data), 211):
        net_file.write_bytes(data[:length])
        with pytest.raises(FormatError, match="a.net"):
            read(net_file)


def fuzz(path: Path, count: int) -> dict[str, int]:
    """Return how often damaged copies gave an error, the same network, and another one."""
    done = subprocess.run(
        [sys.executable, FUZZ, path, "0", str(count)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.mark.parametrize("count", [200, MANY])
def test_damage_is_found_whatever_byte_it_hits(net_file: Path, count: int) -> None:
    counts = fuzz(net_file, count)
    assert counts["error"] > 0.9 * count and "other" not in counts


@pytest.mark.parametrize("count", [100, MANY])
@pytest.mark.parametrize("of_synapses", [False, True])
def test_damage_of_kernels_and_delays_is_found(
    rng: np.random.Generator,
    random_convolution: Callable[..., QuantisedConvolution],
    net_file: Path,
    of_synapses: bool,
    count: int,
) -> None:
    q = random_convolution(rng)
    if of_synapses:
        late = rng.integers(0, 63, q.weights.shape).astype(np.int8)
        q = replace(q, synaptic_delays=late)
    else:
        q = replace(q, delays=rng.integers(0, 63, q.shape[1]).astype(np.int16))
    (n, _), net = q.shape, read(net_file)
    zero = np.zeros(n, np.int32)
    registers = CubaRegisters(du=zero, dv=zero, vth=zero, bias_mant=zero, bias_exp=zero)
    population = QuantisedPopulation(name="p0", registers=registers)
    net = replace(
        net, n_inputs=q.shape[1], populations=(population,), projections=(q,), output="p0"
    )
    write(net_file, net)
    counts = fuzz(net_file, count)
    assert counts["error"] > 0.9 * count and "other" not in counts


@pytest.mark.parametrize("count", [200, MANY])
def test_damage_of_a_file_without_checksums_does_no_harm(
    net_file: Path, tmp_path: Path, count: int
) -> None:
    with h5py.File(net_file) as ours, h5py.File(tmp_path / "b.net", "w") as file:
        for key in ("layer", "simulation"):
            ours.copy(key, file)
        del file["layer/1/neuron/type"]
        # lava-dl writes this text with variable length
        file["layer/1/neuron/type"] = "CUBA"
    counts = fuzz(tmp_path / "b.net", count)
    assert set(counts) <= {"error", "same", "other"} and counts["error"] > 0.1 * count
