"""``hetlava run``: quantised inference over a data set."""

import hashlib
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.dies import (
    CalibrationFile,
    ChipSeed,
    DieOptions,
    MismatchName,
    Seed,
    Trials,
    ran_on_die,
)
from hetlava.cli.options import (
    AsNetx,
    Chip,
    Dask,
    Data,
    Dt,
    LavaPython,
    LavaTimeout,
    Limit,
    MismatchSet,
    ReadOut,
    Split,
    Steps,
    Threads,
    Workers,
    writable,
)

if TYPE_CHECKING:
    from hetlava.datasets.recordings import Recordings
    from hetlava.network import Plain
    from hetlava.partial_run import PartialRun
    from hetlava.quantised import QuantisedNetwork
    from hetlava.recording import Recording
    from hetlava.streaming import Job
    from hetlava.tally import Tally

    Results = Generator[tuple[Tally, Recording | None], None, None]

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "--save",
        callback=writable,
        help="Write the recording, .npz; unfinished blocks lie beside it.",
    ),
]
Resume = Annotated[bool, typer.Option(help="Go on with the finished blocks beside --out.")]
Batch = Annotated[int, typer.Option(help="Samples run at a time; memory grows with it.", min=1)]
Device = Annotated[
    str | None, typer.Option(help="Run on torch instead: cpu, cuda or cuda:N; the same integers.")
]
Engine = Annotated[
    str,
    typer.Option(
        help="How layers run: auto (by activity), events, dense, numpy; the same integers."
    ),
]

ResetInterval = Annotated[
    int | None,
    typer.Option(help="Set all neurons to rest every so many steps, layer after layer.", min=1),
]
ResetOffset = Annotated[
    int, typer.Option(help="Step of the first reset, where netx counts from 1.", min=0)
]
Profile = Annotated[
    bool, typer.Option(help="Also time every layer of the first batch, against memory's limit.")
]
Energy = Annotated[
    str | None,
    typer.Option(help="Estimate energy by the constants of: davies2018, loihi1-board, ..."),
]
Json = Annotated[
    Path | None, typer.Option(help="Write what came of it as JSON.", callback=writable)
]


def run(
    net: Annotated[
        Path, typer.Argument(help="A quantised network, model.net; for targets of floats model.pt.")
    ],
    data: Data = "digits",
    split: Split = "test",
    limit: Limit = None,
    out: Out = None,
    resume: Resume = False,
    probe: Annotated[str, typer.Option(help="Traces to save: u, v or u,v.")] = "",
    target: Annotated[str | None, typer.Option(help="What runs it; see: hetlava targets.")] = None,
    chip: Chip = None,
    device: Device = None,
    engine: Engine = "auto",
    batch: Batch = 256,
    threads: Threads = None,
    workers: Workers = 1,
    dask: Dask = None,
    profile: Profile = False,
    dt: Dt = None,
    steps: Steps = None,
    readout: ReadOut = None,
    as_netx: AsNetx = False,
    energy: Energy = None,
    json: Json = None,
    reset_interval: ResetInterval = None,
    reset_offset: ResetOffset = 0,
    chip_seed: ChipSeed = None,
    mismatch: MismatchName = None,
    mismatch_set: MismatchSet = None,
    calibration: CalibrationFile = None,
    seed: Seed = 0,
    trials: Trials = 1,
    lava_python: LavaPython = None,
    lava_timeout: LavaTimeout = 300.0,
) -> None:
    """Run a network over a data set: accuracy, spikes, synaptic operations, time."""
    from hetlava.cli.chips import read_to_run
    from hetlava.cli.estimates import show_estimate
    from hetlava.cli.net_files import NetOptions
    from hetlava.cli.samples import load_recordings
    from hetlava.errors import ValidationError
    from hetlava.hardware.energy_presets import energy_preset
    from hetlava.partial_run import PartialRun
    from hetlava.quantised import QuantisedNetwork
    from hetlava.streaming import Job

    probes = tuple(filter(None, probe.split(",")))
    if probes and out is None:
        raise ValidationError("--probe keeps traces in a file; name it with --save out.npz")
    die = DieOptions(
        chip_seed=chip_seed,
        mismatch=mismatch,
        changes=tuple(mismatch_set or ()),
        calibration=calibration,
        seed=seed,
        trials=trials,
    )
    if energy is not None:
        energy_preset(energy)  # before hours of running
    others = {"--resume": resume, "--device": device, "--profile": profile, "--chip": chip}
    ran = ran_on_die(
        net, target, die, (data, split, limit), others,
        out=out, probes=probes, threads=threads, counts=energy is not None,
    )  # fmt: skip
    if ran is not None:
        show_estimate(ran.whole, ran.net, ran.labels, energy, json)
        return
    if out is not None and out.resolve() == net.resolve():
        raise ValidationError(f"--out {out} is the network; name another file")
    if resume and out is None:
        raise ValidationError("--resume goes on with blocks beside a file; name it with --out")
    if device is not None and (target or lava_python):
        raise ValidationError("--device is the torch engine; leave out --target and --lava-python")
    _check_own(engine, profile, others=bool(device or target or lava_python))
    if energy is not None and resume:
        raise ValidationError("--energy counts while it runs; leave out --resume")
    options = NetOptions(dt, steps, readout, as_netx, reset_interval, reset_offset)
    network = read_to_run(net, chip, options)
    if profile and not isinstance(network, QuantisedNetwork):
        raise ValidationError("--profile times the engine of integers; give a .net file")
    job = Job(
        net=network,
        target=target,
        device=device,
        engine=engine,
        lava_python=lava_python,
        lava_patience=lava_timeout,
        probes=probes,
        threads=threads,
        counts=energy is not None,
        keep=out is not None,
    )
    name = job.located().name
    recordings = load_recordings(network, data, split, limit)
    identity: dict[str, Plain] = {
        "network": hashlib.sha256(net.read_bytes()).hexdigest(),
        "samples": _fingerprint(recordings),
        "target": name,
        "probes": ",".join(sorted(probes)),
        "batch": batch,
        "resets": [reset_interval or 0, reset_offset],
    }
    partial = None if out is None else PartialRun(out, identity, resume=resume)
    whole = _run(job, recordings, batch, partial, workers=workers, dask=dask)
    show_estimate(whole, job.net, recordings.labels, energy, json)
    if profile and isinstance(network, QuantisedNetwork):
        _profile(network, recordings, batch)


def _check_own(engine: str, profile: bool, *, others: bool) -> None:
    """Check options of hetlava's own engine: that they exist and it is the one that runs."""
    from hetlava.errors import ValidationError
    from hetlava.sim.modes import checked_mode

    if checked_mode(engine) != "auto" and others:
        raise ValidationError("--engine is hetlava's own; leave out --device and --target")
    if profile and others:
        raise ValidationError("--profile times hetlava's engine; leave out --device and --target")


def _fingerprint(recordings: "Recordings") -> str:
    """Return a digest of every event of the samples."""
    digest = hashlib.sha256()
    for array in (recordings.indptr, recordings.times, recordings.channels, recordings.labels):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _run(
    job: "Job",
    recordings: "Recordings",
    batch: int,
    partial: "PartialRun | None",
    *,
    workers: int,
    dask: str | None,
) -> "Tally":
    """Run what is not finished, show how it goes, and print and write what came of it."""
    from rich.console import Console

    from hetlava.parity import wilson
    from hetlava.report.running import tally_tables
    from hetlava.streaming import blocks, run_blocks
    from hetlava.tally import add, tally

    tallies = [tally(recording) for recording in partial.finished()] if partial else []
    done = sum(part.n_samples for part in tallies)
    left = recordings.take(range(done, recordings.n))
    inputs = blocks(left, job.net.dt, job.net.n_steps, batch)
    arrivals: list[tuple[float, int]] = []
    # in a thread of its own, since compiled loops do not hear of Ctrl-C
    with ThreadPoolExecutor(1) as thread:
        executor = thread if workers == 1 and dask is None else None
        results = run_blocks(job, inputs, workers=workers, dask=dask, executor=executor)
        try:
            with closing(results), closing(_shown(results, done, recordings.n)) as shown:
                for part, recording in shown:
                    if partial and recording:
                        partial.put(len(tallies), recording)
                    tallies.append(part)
                    arrivals.append((time.perf_counter(), part.n_samples))
        except KeyboardInterrupt:
            _stop(sum(part.n_samples for part in tallies), recordings.n, partial)
    if partial:
        partial.complete()
    whole = add(tallies)
    accuracy = wilson(int((whole.predictions == recordings.labels).sum()), recordings.n)
    for made in tally_tables(whole, accuracy, job.net, _throughput(arrivals)):
        Console().print(made)
    return whole


def _throughput(arrivals: list[tuple[float, int]]) -> float:
    """Return samples per second since the first block came, NaN for fewer than two blocks.

    The first comes with what a process needs to begin with, such as compiled loops.
    """
    if len(arrivals) < 2:
        return float("nan")
    samples = sum(n for _, n in arrivals[1:])
    return samples / max(arrivals[-1][0] - arrivals[0][0], 1e-9)


def _profile(net: "QuantisedNetwork", recordings: "Recordings", batch: int) -> None:
    """Print where the time of the first batch goes."""
    from rich.console import Console

    from hetlava.report.running import profile_table
    from hetlava.sim.profiling import profile
    from hetlava.streaming import blocks

    inputs = next(blocks(recordings, net.dt, net.n_steps, batch))
    Console().print(profile_table(profile(net, inputs), inputs.n_samples))


def _stop(done: int, n: int, partial: "PartialRun | None") -> None:
    """Say how far it came and leave at once, without waiting for threads."""
    import os

    cure = "go on with --resume" if partial else "nothing was kept; --out would keep it"
    typer.echo(f"hetlava: stopped after {done} of {n} samples; {cure}", err=True)
    os._exit(130)


def _shown(results: "Results", done: int, n: int) -> "Results":
    """Pass results on, with a bar and the throughput on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("running"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=n, completed=done, rate="")
        arrivals, synops = [], []
        for part, recording in results:
            arrivals.append((time.perf_counter(), part.n_samples))
            synops.append(part.synops.sum() / part.n_samples)
            if len(arrivals) > 1:
                speed = _throughput(arrivals)
                rate = f"{speed:,.0f} samples/s, {speed * sum(synops) / len(synops):.2g} synops/s"
                progress.update(task, rate=rate)
            progress.update(task, advance=part.n_samples)
            yield part, recording
