"""``hetlava run``: quantised inference over a data set."""

from pathlib import Path
from typing import Annotated

import typer

from hetlava.cli.options import Chip, Data, LavaPython, LavaTimeout, Limit, NetFile, Split, Threads

CHUNK = 256  # samples between two movements of the progress bar


def run(
    net: NetFile,
    data: Data = "digits",
    split: Split = "test",
    limit: Limit = None,
    save: Annotated[Path | None, typer.Option(help="Write the recording, .npz.")] = None,
    probe: Annotated[str, typer.Option(help="Traces to save: u, v or u,v.")] = "",
    target: Annotated[str | None, typer.Option(help="What runs it; see: hetlava targets.")] = None,
    chip: Chip = None,
    threads: Threads = None,
    lava_python: LavaPython = None,
    lava_timeout: LavaTimeout = 300.0,
) -> None:
    """Run a quantised network over a data set: accuracy, spikes, synaptic operations, time."""
    from rich.console import Console

    from hetlava.cli.chips import as_on
    from hetlava.cli.samples import load_samples
    from hetlava.errors import ValidationError
    from hetlava.export.net_hdf5 import read
    from hetlava.hardware.lava_elsewhere import located
    from hetlava.hardware.targets import target_of
    from hetlava.parity import wilson
    from hetlava.recording import join
    from hetlava.recording_file import write_recording
    from hetlava.report.tables import recording_tables

    probes = tuple(filter(None, probe.split(",")))
    if probes and save is None:
        raise ValidationError("--probe keeps traces in a file; name it with --save out.npz")
    quantised = as_on(read(net), chip)
    if target is None and lava_python is None:
        runner = target_of(quantised)
    else:
        (runner,) = located([target or quantised.chip], lava_python, lava_timeout)
    inputs, labels = load_samples(quantised, data, split, limit)
    console = Console()
    from rich.progress import track

    # the first run of a process loads or compiles kernels, which is not the network's time
    runner.run(quantised, inputs.samples(0, 1), threads=threads)
    starts = range(0, inputs.n_samples, CHUNK)
    recording = join(
        [
            runner.run(quantised, inputs.samples(i, i + CHUNK), probes=probes, threads=threads)
            for i in track(starts, "running", console=console, transient=True)
        ]
    )
    if save is not None:
        write_recording(save, recording)
    accuracy = wilson(int((recording.predictions == labels).sum()), labels.size)
    dense = sum(q.shape[0] * q.fan_in for q in quantised.projections) * inputs.n_steps
    for made in recording_tables(recording, accuracy, dense, inputs.n_steps):
        console.print(made)
