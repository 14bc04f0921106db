"""``hetlava run``: the same bytes from any number of threads, workers, blocks and interruptions."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from hetlava.recording_file import read_recording


def partial_of(out):
    return out.with_name(f"{out.name}.partial")


@pytest.fixture
def recorded(hetlava, net_file, tmp_path):
    """``recorded("--threads", 2)`` runs 40 samples and returns the bytes of the recording."""

    def call(*options: object) -> bytes:
        out = tmp_path / "out.npz"
        outcome = hetlava("run", net_file, "--limit", 40, "--out", out, *options)
        assert outcome.code == 0, outcome.err
        assert not partial_of(out).exists()
        return out.read_bytes()

    return call


def test_the_file_depends_on_neither_threads_nor_blocks(recorded):
    whole = recorded()
    assert recorded("--threads", 1) == recorded("--threads", 3) == whole
    assert recorded("--batch", 7) == recorded("--batch", 1000) == whole
    assert recorded("--engine", "events") == recorded("--engine", "dense") == whole


def test_the_file_does_not_depend_on_the_workers(recorded):
    assert recorded("--workers", 2, "--batch", 9) == recorded()


@pytest.mark.slow
def test_the_file_is_the_same_from_a_dask_cluster(recorded):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        assert recorded("--dask", address, "--batch", 9) == recorded()


@pytest.mark.slow
def test_torch_gives_the_same_spikes(hetlava, net_file, tmp_path):
    pytest.importorskip("torch")
    found = []
    for name, options in (("engine", ()), ("torch", ("--device", "cpu", "--threads", 1))):
        out = tmp_path / f"{name}.npz"
        ran = hetlava("run", net_file, "--limit", 9, "--out", out, "--probe", "u,v", *options)
        assert ran.code == 0, ran.err
        found.append(read_recording(out))
    a, b = found
    assert a.spikes == b.spikes and np.array_equal(a.synops, b.synops)
    assert all(np.array_equal(x, y) for x, y in zip(a.u + a.v, b.u + b.v, strict=True))
    assert b.target == "torch-cpu"


def test_a_run_that_broke_off_goes_on_to_the_same_bytes(hetlava, net_file, tmp_path, recorded):
    whole, out = recorded("--batch", 8), tmp_path / "out.npz"
    out.unlink()
    stop_at_block(3, hetlava, net_file, out)
    assert not out.exists() and len(list(partial_of(out).glob("*.npz"))) == 3
    assert recorded("--batch", 8, "--resume") == whole


def stop_at_block(k, hetlava, net_file, out):
    """Run until the block ``k`` is to be kept, which the disk refuses."""
    from hetlava.errors import DataError
    from hetlava.partial_run import PartialRun

    def put(self, block, recording):
        if block == k:
            raise DataError("the disk is full")
        keep(self, block, recording)

    keep = PartialRun.put
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PartialRun, "put", put)
        options = ["--limit", 40, "--batch", 8, "--out", out]
        assert hetlava("run", net_file, *options).code == 2


@pytest.mark.parametrize(
    ("changed", "named"),
    [(["--batch", 4], "batch"), (["--limit", 39], "samples"), (["--probe", "v"], "probes"),
     (["--target", "reference"], "target")],
)  # fmt: skip
def test_blocks_of_another_run_are_refused(hetlava, net_file, tmp_path, changed, named):
    out = tmp_path / "out.npz"
    stop_at_block(1, hetlava, net_file, out)
    options = {"--limit": 40, "--batch": 8} | {changed[0]: changed[1]}
    given = [part for pair in options.items() for part in pair]
    outcome = hetlava("run", net_file, "--out", out, "--resume", *given)
    assert outcome.code == 2 and f"another {named};" in outcome.err
    assert hetlava("run", net_file, "--out", out, *given).code == 0  # anew


def test_a_damaged_list_of_blocks_is_refused(hetlava, net_file, tmp_path):
    out = tmp_path / "out.npz"
    stop_at_block(1, hetlava, net_file, out)
    (partial_of(out) / "run.json").write_text("[")
    outcome = hetlava("run", net_file, "--out", out, "--resume", "--limit", 40, "--batch", 8)
    assert outcome.code == 2 and "damaged" in outcome.err


def test_resume_without_blocks_begins(recorded):
    assert recorded("--resume") == recorded()


def test_no_recording_is_held_unless_it_is_kept(hetlava, net_file, monkeypatch):
    from hetlava import streaming

    kept = []

    def watched(*args, **options):
        for part, recording in run_blocks(*args, **options):
            kept.append(recording)
            yield part, recording

    run_blocks = streaming.run_blocks
    monkeypatch.setattr(streaming, "run_blocks", watched)
    assert hetlava("run", net_file, "--limit", 30, "--batch", 10).code == 0
    assert kept == [None] * 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--resume"], ["--resume", "--out"]),
        (["--device", "gpu"], ["'gpu'", "cpu, cuda, cuda:N"]),
        (["--device", "cuda:77"], ["cuda:77", "sees"]),
        (["--device", "cpu", "--target", "reference"], ["--device", "--target"]),
        (["--engine", "dense", "--device", "cpu"], ["--engine", "--device"]),
        (["--engine", "fast"], ["'fast'", "auto, events, dense"]),
        (["--profile", "--device", "cpu"], ["--profile", "--device"]),
        (["--workers", 2, "--dask", "tcp://host.invalid:9"], ["not several"]),
        (["--workers", 0], ["--workers"]),
        (["--threads", 0], ["--threads"]),
        (["--batch", 0], ["--batch"]),
    ],
)
def test_bad_options_are_refused(hetlava, net_file, options, words):
    outcome = hetlava("run", net_file, *options)
    assert outcome.code == 2 and all(word in outcome.err for word in words), outcome.err


def test_a_profile_names_every_layer(hetlava, net_file):
    outcome = hetlava("run", net_file, "--limit", 5, "--profile")
    assert outcome.code == 0, outcome.err
    table = outcome.out[outcome.out.index("Profile of 5 samples") :]
    assert "hidden" in table and "out" in table and "of the limit" in table


SLOW = """
import time
from dataclasses import replace
import hetlava.hardware.simulators as simulators
from hetlava.cli import main

def slowly(net, inputs, **options):
    if inputs.n_samples > 1 and TIMES.pop():
        time.sleep(600)
    return fast(net, inputs, **options)

TIMES = [True, False, False, False]
fast = simulators.REFERENCE.runner
simulators.REFERENCE = replace(simulators.REFERENCE, runner=slowly)
main()
"""


def test_ctrl_c_stops_within_a_second_and_leaves_no_half_file(net_file, tmp_path, recorded):
    out = tmp_path / "out.npz"
    arguments = ["run", net_file, "--limit", 40, "--batch", 10, "--target", "reference"]
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW, *map(str, arguments), "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(list(partial_of(out).glob("0*.npz"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, err = child.communicate(timeout=60)  # 600 s if it waited for the block
    assert child.returncode == 130 and "stopped after 30 of 40 samples" in err
    assert not out.exists() and "Traceback" not in err
    assert time.monotonic() - start < 30
    left = sorted(path.name for path in partial_of(out).iterdir())
    assert left == ["000000.npz", "000001.npz", "000002.npz", "run.json"]
    again = recorded("--batch", 10, "--target", "reference", "--resume")
    assert again == recorded("--batch", 10, "--target", "reference")
    assert os.listdir(tmp_path).count("out.npz") == 1
