"""``read(write(net)) == net`` for every network; what cannot be written leaves the old file."""

import errno
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

from hetlava.errors import DataError, ValidationError
from hetlava.events import Events
from hetlava.export.net_hdf5 import netx_differences, read, stored_differences, write
from hetlava.quantised import QuantisedNetwork

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]

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


def test_what_older_formats_lack_is_kept(
    rng: np.random.Generator, random_network: RandomNetwork, tmp_path: Path
) -> None:
    net, _ = random_network(rng)
    first = replace(net.populations[0], reset_interval=8, reset_offset=3)
    graded = replace(net.projections[0], message_bits=24)
    net = replace(
        net,
        populations=(first, *net.populations[1:]),
        projections=(graded, *net.projections[1:]),
    )
    write(tmp_path / "a.net", net)
    assert read(tmp_path / "a.net") == net
