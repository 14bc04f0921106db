"""Bad input on the command line: one message, exit code 2, nothing half-written."""

import os
import pickle
import subprocess
import sys
import zipfile

import pytest

from hetlava.cli import COMMANDS


def assert_refused(outcome, *words):
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def test_unknown_data_set(hetlava, net_file):
    assert_refused(hetlava("run", net_file, "--data", "cifar"), "cifar", "digits", "nmnist")


def test_unknown_split(hetlava, net_file):
    assert_refused(hetlava("run", net_file, "--split", "validation"), "validation", "test")


def test_unknown_chip(hetlava, model):
    assert_refused(hetlava("export", model, "--target", "loihi3"), "loihi3", "loihi2")
    assert not model.with_suffix(".net").exists()


def test_graded_input_for_a_chip_of_plain_spikes(hetlava, model, digits_network):
    from dataclasses import replace

    from hetlava.train.model_file import write_model

    first, *others = digits_network.projections
    graded = (replace(first, message_bits=8), *others)
    write_model(model, replace(digits_network, projections=graded))
    outcome = hetlava("export", model, "--target", "loihi1")
    assert_refused(outcome, "spikes of loihi1 carry no numbers", "mnist:rate", "or choose loihi2")
    assert not model.with_suffix(".net").exists()
    assert hetlava("export", model, "--target", "loihi2").code == 0
    moved = hetlava("run", model.with_suffix(".net"), "--chip", "loihi1")
    assert_refused(moved, "spikes of loihi1 carry no numbers")


def test_unknown_target(hetlava, net_file):
    assert_refused(hetlava("run", net_file, "--target", "tpu"), "tpu", "loihi2-sim", "lava-cpu")


def test_unknown_format(hetlava, model):
    assert_refused(hetlava("export", model, "--format", "onnx"), "onnx", "net")


def test_unknown_probe(hetlava, net_file, tmp_path):
    saved = tmp_path / "o.npz"
    assert_refused(hetlava("run", net_file, "--probe", "w", "--save", saved), "'w'", "u, v")
    assert not saved.exists()


def test_probe_without_a_file(hetlava, net_file):
    assert_refused(hetlava("run", net_file, "--probe", "v"), "--save")


def test_another_data_set_than_the_network_takes(hetlava, model, monkeypatch):
    from hetlava.datasets import load

    digits = load("digits", "test")
    from dataclasses import replace

    wide = replace(digits, n_channels=65)
    monkeypatch.setattr("hetlava.datasets.load", lambda name, split: wide)
    assert_refused(hetlava("verify", model), "65 channels", "takes 64")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_files_that_are_no_networks(hetlava, tmp_path, content):
    path = tmp_path / "x.net"
    path.write_bytes(content)
    assert_refused(hetlava("run", path), "x.net")
    assert_refused(hetlava("inspect", path), "x.net")


def test_a_truncated_network(hetlava, net_file):
    net_file.write_bytes(net_file.read_bytes()[:3000])
    assert_refused(hetlava("run", net_file), "model.net")


def test_missing_files(hetlava, tmp_path):
    for command in ("inspect", "export", "run", "verify"):
        assert_refused(hetlava(command, tmp_path / "none"), "none")


def test_a_pickle_bomb_does_not_go_off(hetlava, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
        archive.writestr("archive/version", "3")
    for command in ("inspect", "export", "verify"):
        assert_refused(hetlava(command, path), "model.pt")
    assert not (tmp_path / "boom").exists()


def test_an_output_folder_that_is_not_there(hetlava, model, tmp_path):
    outcome = hetlava("export", model, "--out", tmp_path / "no" / "model.net")
    assert_refused(outcome, "does not exist")


@pytest.mark.parametrize("option", ["--out", "--json"])
@pytest.mark.parametrize("name", ["", "folder", "pipe", "x" * 300, "nowhere/x"])
def test_outputs_that_cannot_be_written_are_refused_before_anything_runs(
    hetlava, net_file, monkeypatch, option, name
):
    folder = net_file.parent
    monkeypatch.chdir(folder)
    monkeypatch.setattr("hetlava.streaming.run_blocks", None)  # running would fail
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    assert_refused(hetlava("run", net_file, option, name))
    assert sorted(p.name for p in folder.iterdir()) == ["folder", "model.net", "pipe"]


def test_an_empty_argument_is_not_taken_for_a_default(hetlava, model):
    assert_refused(hetlava("export", model, "--chip", ""), "an argument is empty")
    assert not model.with_suffix(".net").exists()


def test_more_samples_than_memory_holds(hetlava, model):
    outcome = hetlava("export", model, "--format", "lava", "--samples", 1 << 60)
    assert_refused(outcome, "samples: ", "GiB are free")
    assert [p.name for p in model.parent.iterdir()] == ["model.pt"]


def test_a_bound_that_is_no_percentage(hetlava, model):
    for above in ("nan", "-1", "101"):
        assert_refused(hetlava("yield", model, "--above", above), "--above")


def test_a_recording_does_not_take_the_place_of_its_network(hetlava, net_file):
    before = net_file.read_bytes()
    assert_refused(hetlava("run", net_file, "--out", net_file), "is the network")
    assert net_file.read_bytes() == before


def test_a_folder_in_place_of_a_file_is_called_one(hetlava, tmp_path):
    for command in ("export", "run", "verify", "doctor", "place", "import", "calibrate", "tune"):
        assert_refused(hetlava(command, tmp_path), f"{tmp_path.name}: is a folder")


def test_a_name_that_no_file_can_have(hetlava):
    for command in ("inspect", "export", "run", "verify", "doctor"):
        assert_refused(hetlava(command, "x" * 300), "name too long")


def test_more_steps_than_a_word_counts(hetlava, net_file):
    outcome = hetlava("run", net_file, "--reset-interval", 1 << 64)
    assert_refused(outcome, str(1 << 64), f"to {(1 << 31) - 1} steps")


@pytest.mark.parametrize("text", ["gamma:-20ms,shape=3", "gamma:20,shape=3", "weibull:20ms"])
def test_impossible_time_constants(hetlava, tmp_path, text):
    out = tmp_path / "m.pt"
    outcome = hetlava("train", "--slayer", "digits", "--tau-mem", text, "--out", out)
    assert_refused(outcome)
    assert not out.exists()


@pytest.mark.parametrize("args", [["--help"], ["run", "--help"], ["train", "--help"]])
def test_help_starts_without_heavy_libraries(args):
    code = (
        "import atexit, sys; from hetlava.cli import main; atexit.register(lambda: print("
        "[m for m in ('torch','numpy','lava','numba','h5py','tonic','sklearn','rich','pydantic')"
        " if m in sys.modules])); main()"
    )
    call = [sys.executable, "-c", code, *args]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: hetlava") and "--help" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_list_of_commands_names_each_of_them(hetlava):
    outcome = hetlava("--help")
    assert outcome.code == 0
    assert all(f"\n  {name} " in outcome.out for name in COMMANDS)


@pytest.mark.parametrize(
    ("args", "said"),
    [(["rn"], "Did you mean 'run'"), (["run", "--hlp"], "--help"), (["place"], "'file'")],
)
def test_calls_that_cannot_be_read_say_what_is_wrong(hetlava, args, said):
    outcome = hetlava(*args)
    assert outcome.code == 2
    assert outcome.err.startswith("Usage: hetlava") and said in outcome.err


def test_a_full_disk_keeps_the_old_file(hetlava, model):
    net = model.with_suffix(".net")
    assert hetlava("export", model).code == 0
    before = net.read_bytes()
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from hetlava.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "export", model], capture_output=True, text=True
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert net.read_bytes() == before
    assert sorted(p.name for p in model.parent.iterdir()) == ["model.net", "model.pt"]


@pytest.mark.parametrize("command", [["inspect"], ["export"], ["verify"]])
def test_without_torch_the_line_that_installs_it_is_named(model, command):
    hidden = (
        "import importlib.util, sys; real = importlib.util.find_spec;"
        "importlib.util.find_spec = lambda n, *a: None if n == 'torch' else real(n, *a);"
        "sys.modules['torch'] = None;"
        "from hetlava.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden, *command, str(model)], capture_output=True, text=True
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert 'pip install "hetlava[train]"' in done.stderr
