"""Files of lava-dl on the command line, with what they do not say given as options."""

import json

import h5py
import numpy as np
import pytest

from hetlava.export.net_hdf5 import read
from hetlava.recording_file import read_recording


@pytest.fixture
def old_net(tmp_path, rng):
    """``old_net(vth=90, times=True)`` writes a file for digits as lava-dl does, with biases."""

    def make(vth=90, times=True, scale=1, decays=(1024, 300)):
        path = tmp_path / "old.net"
        with h5py.File(path, "w") as file:
            if times:
                file["simulation/Ts"], file["simulation/tSample"] = 1.0, 40.0
            file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
            file["layer/0/shape"] = np.array([64])
            for k, (n, n_pre) in enumerate([(32, 64), (10, 32)], start=1):
                layer = file.create_group(f"layer/{k}")
                layer.create_dataset("type", (1,), "S10", [b"dense"])
                layer["shape"] = np.array([n])
                layer["weight"] = scale * (2 * rng.integers(-10, 14, (n, n_pre)))
                layer["bias"] = rng.integers(-20, 30, n)
                layer["neuron/type"] = "CUBA"
                layer["neuron/iDecay"], layer["neuron/vDecay"] = decays
                layer["neuron/vThMant"] = vth
        return path

    return make


TIMES = ("--dt", "1ms", "--steps", 40)
DATA = ("--data", "digits", "--limit", 5)


def test_times_that_the_file_lacks_are_asked_for_and_taken(hetlava, old_net):
    path = old_net(times=False)
    outcome = hetlava("run", path, *DATA)
    assert outcome.code == 2 and "dt is not in the file" in outcome.err
    assert "--dt 1ms" in outcome.err
    outcome = hetlava("run", path, *DATA, "--dt", "1ms")
    assert outcome.code == 2 and "--steps 100" in outcome.err
    for command in (("run", *DATA), ("inspect",), ("doctor",)):
        assert hetlava(command[0], path, *command[1:], *TIMES).code == 0
    outcome = hetlava("inspect", path, *TIMES)
    assert "dt 1 ms, 40 steps, 64 inputs" in " ".join(outcome.out.split())


def test_run_takes_netxs_bits_where_asked(hetlava, old_net, tmp_path):
    path, spikes = old_net(), []
    for extra in ((), ("--as-netx",)):
        out = tmp_path / "out.npz"
        assert hetlava("run", path, *DATA, "--out", out, *extra).code == 0
        spikes.append(read_recording(out).spikes)
    assert spikes[0] != spikes[1]  # biases act a step earlier in netx


def test_verify_compares_slayer_the_integers_and_netx(hetlava, old_net, tmp_path):
    report = tmp_path / "p.json"
    options = ("--max-drop", 100, "--json", report, "--also", "reference")
    outcome = hetlava("verify", old_net(), *DATA, *options)
    assert outcome.code == 0, outcome.err
    assert "netx: biases, which act from the first step on" in outcome.out
    rungs = json.loads(report.read_text())["rungs"]
    assert [r["candidate"] for r in rungs] == ["integers", "netx", "reference"]
    assert rungs[0]["first_difference"] is None and rungs[1]["first_difference"] is not None


def test_verify_names_what_slayer_does_otherwise(hetlava, old_net, tmp_path):
    report = tmp_path / "p.json"
    options = ("--max-drop", 100, "--json", report)
    outcome = hetlava("verify", old_net(vth=1 << 17, scale=9, decays=(3, 3)), *DATA, *options)
    assert outcome.code == 0, outcome.err
    assert "SLAYER's voltage leaves 24 bits, where Lava's is clipped" in outcome.out
    found = json.loads(report.read_text())["differences"]
    assert {"layer1"} <= {one["layer"] for one in found}
    assert all(one["count"] > 0 for one in found)


def test_verify_fails_where_netx_loses_too_much(hetlava, old_net):
    path = old_net()
    with h5py.File(path, "r+") as file:
        # inhibition alone, which netx halves
        file["layer/2/weight"][...] = -4 * (file["layer/2/weight"][()] > 0)
        file["layer/2/bias"][...] = np.arange(10) * 9
    outcome = hetlava("verify", path, *DATA, "--max-drop", "-200")
    assert outcome.code == 1 and "FAILED netx: drop" in outcome.out


def test_verify_says_what_netx_does_not_load(hetlava, old_net, tmp_path):
    path, told = old_net(), tmp_path / "parity.json"
    with h5py.File(path, "r+") as file:
        file["layer/1/neuron/type"][...] = "ALIF"
        for key in ("thDecay", "refDecay", "vThStep"):
            file[f"layer/1/neuron/{key}"] = 100
    outcome = hetlava("verify", path, *DATA, "--max-drop", 100, "--json", told)
    # in the table the text is broken where the path of the file leaves no room
    assert outcome.code == 0 and "netx fails on ALIF neurons" in told.read_text()
    outcome = hetlava("verify", path, *DATA, "--as-netx")
    assert outcome.code == 2 and "netx fails on ALIF neurons" in outcome.err


def test_export_rewrites_a_file_of_lava_dl(hetlava, old_net, tmp_path):
    path, out = old_net(), tmp_path / "new.net"
    assert hetlava("export", path, "--out", out, "--as-netx").code == 0
    assert read(out).provenance == {"format": "lava-dl", "as": "netx"}
    assert read(out, as_netx=True) == read(path, as_netx=True)
    outcome = hetlava("export", path)
    assert outcome.code == 2 and "name the new file with --out" in outcome.err


@pytest.mark.lava
def test_export_hands_a_file_of_lava_dl_to_lava(hetlava, old_net, tmp_path):
    path = old_net()
    options = ("--format", "lava", "--out", tmp_path / "lava")
    outcome = hetlava("export", path, *options)
    assert outcome.code == 2 and "biases that act from step 1 on" in outcome.err
    assert hetlava("export", path, *options, "--as-netx").code == 0
    assert (tmp_path / "lava" / "graph.py").exists()


def test_a_file_of_hetlava_needs_none_of_it(hetlava, net_file, model):
    assert hetlava("run", net_file, "--limit", 2, "--as-netx").code == 0
    for command in ("verify", "export", "inspect"):
        outcome = hetlava(command, model, "--dt", "1ms")
        assert outcome.code == 2 and "are for files of lava-dl" in outcome.err
    outcome = hetlava("run", net_file, "--limit", 2, "--readout", "loudest")
    assert outcome.code == 2 and "--readout 'loudest' is unknown" in outcome.err
    outcome = hetlava("verify", net_file, "--weight-bits", 4)
    assert outcome.code == 2 and "is quantised already" in outcome.err
