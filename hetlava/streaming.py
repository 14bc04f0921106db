"""A data set run block by block: streamed, shared among workers, kept or only summed up."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zlib import crc32

from hetlava.datasets.recordings import Recordings
from hetlava.events import Events
from hetlava.executor import map_over
from hetlava.hardware.interface import Target
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.tally import Tally, tally
from hetlava.work import count
from hetlava.worker_pools import threads_each


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every worker needs to run blocks.

    Attributes
    ----------
    net : Network or QuantisedNetwork
    target : str or None
        Name of the target; None for the simulator of the network's chip, of a float one ``float``.
    device : str or None
        A device of the torch engine instead of the target.
    engine : str
        How hetlava's engine runs layers, see :func:`hetlava.sim.engine.prepare`.
    lava_python : path, optional
    lava_patience : float
        As for :func:`hetlava.hardware.lava_elsewhere.located`.
    probes : tuple of str
    threads : int or None
        Threads of each worker.
    seed : int
        Of what differs from run to run, on targets with noise.
    counts : bool
        Whether the work is counted, which takes traces of v for the while.
    keep : bool
        Whether recordings are wanted, or only what they sum up to.
    """

    net: Network | QuantisedNetwork
    target: str | None = None
    device: str | None = None
    engine: str = "auto"
    lava_python: Path | None = None
    lava_patience: float = 300.0
    probes: tuple[str, ...] = ()
    threads: int | None = None
    seed: int = 0
    counts: bool = False
    keep: bool = False

    def located(self) -> Target:
        """Return the target; errors as for :func:`hetlava.hardware.targets.target`."""
        if self.device is not None:
            from hetlava.hardware.torch_simulator import torch_target

            return torch_target(self.device)
        from hetlava.hardware.targets import target_of

        if self.engine != "auto":
            from hetlava.hardware.simulators import in_mode

            return in_mode(target_of(self.net), self.engine)
        if self.target is None and self.lava_python is None:
            return target_of(self.net)
        from hetlava.hardware.lava_elsewhere import located

        return located(
            [self.target or target_of(self.net).name], self.lava_python, self.lava_patience
        )[0]


def blocks(recordings: Recordings, dt: float, n_steps: int, size: int) -> Iterator[Events]:
    """Yield consecutive samples in steps of ``dt`` [s], so many at a time."""
    for start in range(0, recordings.n, size):
        stop = min(start + size, recordings.n)
        yield recordings.take(range(start, stop)).binned(dt, n_steps)


def run_blocks(
    job: Job,
    inputs: Iterable[Events],
    *,
    workers: int = 1,
    dask: str | None = None,
    executor: Executor | None = None,
) -> Generator[tuple[Tally, Recording | None], None, None]:
    """Run blocks of samples and yield what each gave, in their order.

    The results depend neither on the blocks nor on who runs them. Only the blocks that workers run
    or wait for are in memory.

    Parameters
    ----------
    job : Job
    inputs : iterable of Events
    workers, dask, executor
        Who runs them, see :func:`hetlava.executor.map_over`.
    """
    threads = job.threads or (threads_each(workers) if workers > 1 else None)
    return map_over(
        _run_block,
        inputs,
        setup=partial(_ready, job, threads),
        workers=workers,
        dask=dask,
        executor=executor,
    )


Ready = Callable[[Events], tuple[Tally, Recording | None]]


def _ready(job: Job, threads: int | None) -> Ready:
    target, warm = job.located(), False

    def run(inputs: Events) -> tuple[Tally, Recording | None]:
        nonlocal warm
        if not warm:
            # the first run of a process loads or compiles what such spikes need, and measures
            # when to multiply, which is not the network's time
            target.run(job.net, inputs.samples(0, 1), threads=threads)
            warm = True
        probes = {*job.probes, "v"} if job.counts else job.probes
        # a block has noise of its own, whoever runs it: by what is in it
        seed = crc32(inputs.index.tobytes(), job.seed)
        recording = target.run(job.net, inputs, seed=seed, probes=probes, threads=threads)
        work = count(job.net, inputs, recording) if job.counts else None
        if "v" not in job.probes:
            recording = replace(recording, v=())
        return tally(recording, work), recording if job.keep else None

    return run


def _run_block(run: Ready, inputs: Events) -> tuple[Tally, Recording | None]:
    return run(inputs)
