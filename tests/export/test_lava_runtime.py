"""Whatever Lava does, its supervisor ends in a result or an error, and leaves nobody behind."""

import os
import signal
import time

import numpy as np
import pytest

from hetlava.errors import RuleError, TargetError
from hetlava.export.lava_runtime import run_graphs, shared, supervise


def test_results_of_the_child_are_seen_by_the_caller() -> None:
    result = shared((2, 3), np.int32)

    def work() -> None:
        result[:] = np.arange(6).reshape(2, 3)

    supervise(work, shared((1,), np.int64))
    assert result.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_error_of_hetlava_arrives_as_itself() -> None:
    def work() -> None:
        raise RuleError("too large")

    with pytest.raises(RuleError, match="too large"):
        supervise(work, shared((1,), np.int64))


def test_any_other_error_arrives_with_traceback_and_output() -> None:
    def work() -> None:
        os.write(1, b"about to divide")
        1 / 0  # noqa: B018

    with pytest.raises(TargetError, match="(?s)ZeroDivisionError.*about to divide"):
        supervise(work, shared((1,), np.int64))


def test_a_child_that_dies_is_named_with_its_signal() -> None:
    with pytest.raises(TargetError, match="died with exit code -9"):
        supervise(lambda: os.kill(os.getpid(), signal.SIGKILL), shared((1,), np.int64))


def test_a_child_without_progress_is_ended_with_its_family() -> None:
    family = shared((1,), np.int64)
    steps_done = shared((1,), np.int64)

    def work() -> None:
        steps_done[0] = 7
        family[0] = os.fork()
        time.sleep(600)

    with pytest.raises(TargetError, match="no step for 0.2 s after step 7"):
        supervise(work, steps_done, patience=0.2)
    assert not is_running(int(family[0]))


def is_running(pid: int) -> bool:
    """Whether a process is alive; one that nobody reaped yet is not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_progress_keeps_a_slow_child_alive() -> None:
    steps_done = shared((1,), np.int64)

    def work() -> None:
        for step in range(1, 7):
            time.sleep(0.2)
            steps_done[0] = step

    supervise(work, steps_done, patience=0.8)
    assert steps_done[0] == 6


@pytest.mark.lava
def test_the_traceback_of_a_failing_lava_process_is_shown() -> None:
    def work() -> None:
        from hetlava.export.lava_import import enable_lava

        enable_lava()
        from lava.proc.io.source import RingBuffer

        from hetlava.export.lava_processes.lif import VectorLIF

        source = RingBuffer(data=np.ones((2, 5), np.int32))
        lif = VectorLIF(shape=(2,), dv=5000)
        source.s_out.connect(lif.a_in)
        run_graphs([lif], 5)

    with pytest.raises(TargetError, match=r"(?s)_read_registers.*dv: 2 of 2 are outside"):
        supervise(work, shared((1,), np.int64), patience=60)


@pytest.mark.lava
def test_a_lava_process_that_is_killed_is_noticed() -> None:
    def work() -> None:
        from hetlava.export.lava_import import enable_lava

        enable_lava()
        from hetlava.export.lava_processes import lif

        # only in this child: the model's first step is its last
        lif.PyVectorLIF.run_spk = lambda model: os.kill(os.getpid(), signal.SIGKILL)
        run_graphs([lif.VectorLIF(shape=(2,))], 5)

    with pytest.raises(TargetError, match="a Lava process died with exit code -9"):
        supervise(work, shared((1,), np.int64), patience=60)
