"""``read(write(net)) == net`` for every network; damage and lies give one clear error."""

import errno
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hetlava.errors import DataError, FormatError, UnsupportedError, ValidationError
from hetlava.events import Events
from hetlava.export.net_hdf5 import netx_differences, read, stored_differences, write
from hetlava.quantised import QuantisedNetwork

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]
FUZZ = Path(__file__).with_name("fuzz.py")

# NaN is left out: it differs from itself, so that no network with one equals its copy
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.lists(
    st.text(min_size=1).filter(lambda name: "/" not in name and name != "input"),
    min_size=4,
    max_size=4,
    unique=True,
)


def renamed(net: QuantisedNetwork, names: list[str]) -> QuantisedNetwork:
    new = {p.name: name for p, name in zip(net.populations, names, strict=False)}
    new["input"] = "input"
    return replace(
        net,
        populations=tuple(replace(p, name=new[p.name]) for p in net.populations),
        projections=tuple(
            replace(p, source=new[p.source], target=new[p.target]) for p in net.projections
        ),
        output=new[net.output],
    )


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 1 << 32),
    extreme=st.booleans(),
    names=NAMES,
    provenance=st.dictionaries(st.text(), PLAIN, max_size=4),
    dt=st.floats(1e-300, 1.0),
    scale=st.floats(allow_nan=False),
)
def test_every_network_comes_back(
    random_network: RandomNetwork,
    tmp_path: Path,
    seed: int,
    extreme: bool,
    names: list[str],
    provenance: dict[str, object],
    dt: float,
    scale: float,
) -> None:
    net, _ = random_network(np.random.default_rng(seed), extreme=extreme, max_neurons=6)
    net = replace(renamed(net, names), provenance=provenance, dt=dt)
    first = replace(net.populations[0], scale=scale)
    net = replace(net, populations=(first, *net.populations[1:]))
    write(tmp_path / "a.net", net)
    assert read(tmp_path / "a.net") == net
    assert stored_differences(tmp_path / "a.net") == netx_differences(net)


@pytest.fixture
def chain_net(rng: np.random.Generator, random_network: RandomNetwork) -> QuantisedNetwork:
    """A network that netx can represent."""
    while True:
        net, _ = random_network(rng, loops=False, readout=False, max_neurons=8)
        n = len(net.populations)
        net = replace(
            net,
            projections=tuple(replace(p, weight_exp=0) for p in net.projections[:n]),
            populations=tuple(
                replace(p, registers=replace(p.registers, bias_exp=np.full(p.registers.n, 6, "i4")))
                for p in net.populations
            ),
        )
        if n == 2 and not netx_differences(net):
            return net


@pytest.fixture
def net_file(chain_net: QuantisedNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "a.net"
    write(path, chain_net)
    return path


def test_the_same_network_gives_the_same_bytes(chain_net: QuantisedNetwork, tmp_path: Path) -> None:
    write(tmp_path / "a.net", replace(chain_net, provenance={"a": 1, "b": 2}))
    # HDF5's own time stamps would count seconds
    time.sleep(1.1)
    write(tmp_path / "b.net", replace(chain_net, provenance={"b": 2, "a": 1}))
    assert (tmp_path / "a.net").read_bytes() == (tmp_path / "b.net").read_bytes()


def test_the_layers_share_the_arrays_of_the_network(net_file: Path) -> None:
    with h5py.File(net_file) as file:
        assert file["layer/1/weight"] == file["hetlava/projections/0/weights"]
        assert file["layer/1/neuron/vDecay"] == file["hetlava/populations/0/dv"]


@pytest.mark.parametrize(
    "bad", [{"a": (1, 2)}, {"a": {1: 2}}, {"a": np.float32(1)}, {"a": float("nan")}, {"a": set()}]
)
def test_a_provenance_that_would_come_back_changed_is_refused(
    bad: dict[str, object], chain_net: QuantisedNetwork, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match="provenance"):
        write(tmp_path / "a.net", replace(chain_net, provenance=bad))
    assert not list(tmp_path.iterdir())


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
    edit(net_file, lambda h: h.update(format=2, new_key=1))
    with pytest.raises(UnsupportedError, match="format 2, this hetlava reads up to 1"):
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


def test_options_may_repeat_but_not_contradict_the_file(net_file: Path) -> None:
    net = read(net_file)
    assert read(net_file, dt=net.dt, n_steps=net.n_steps) == net
    with pytest.raises(ValidationError, match="dt is 0.001 in the file, 0.002"):
        read(net_file, dt=2e-3)


def test_a_full_disk_leaves_the_old_file(net_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = read(net_file)

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left"):
        write(net_file, replace(old, n_steps=999))
    assert read(net_file) == old and list(net_file.parent.iterdir()) == [net_file]


def test_a_disk_that_fills_up_midway_leaves_the_old_file(net_file: Path) -> None:
    """The limit of the file size stands for a disk that takes the beginning and no more."""
    old = net_file.read_bytes()
    code = (
        "import resource, signal, sys\n"
        "from dataclasses import replace\n"
        "from hetlava.errors import DataError\n"
        "from hetlava.export.net_hdf5 import read, write\n"
        "net = read(sys.argv[1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write(sys.argv[1], replace(net, n_steps=999))\n"
        "except DataError as error:\n"
        "    sys.stdout.write(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(net_file)], capture_output=True, text=True, check=True
    )
    assert "the old file stays" in done.stdout
    assert net_file.read_bytes() == old and list(net_file.parent.iterdir()) == [net_file]


def fuzz(path: Path, count: int) -> dict[str, int]:
    """Return how often damaged copies gave an error, the same network, and another one."""
    done = subprocess.run(
        [sys.executable, FUZZ, path, "0", str(count)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damage_is_found_whatever_byte_it_hits(net_file: Path, count: int) -> None:
    counts = fuzz(net_file, count)
    assert counts["error"] > 0.9 * count and "other" not in counts


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
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
