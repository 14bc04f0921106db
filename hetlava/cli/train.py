"""``hetlava train``: from recordings to a float network with time constants per neuron."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from hetlava.datasets.recordings import Recordings
    from hetlava.network import Network
    from hetlava.train.config import TrainConfig
    from hetlava.train.metrics import EpochMetrics

TAU = (
    "constant:20ms, gamma:20ms,shape=3, lognormal:20ms,sigma=0.5, uniform:5ms,35ms, levels:1ms,2ms"
)


def train(
    slayer: Annotated[
        str | None,
        typer.Option(
            help="Train the blocks of lava-dl's SLAYER on this data set: digits, nmnist..."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the network goes.")] = Path("model.pt"),
    tau_mem: Annotated[
        str | None, typer.Option(help=f"Membrane time constants, drawn per neuron: {TAU}.")
    ] = None,
    tau_syn: Annotated[
        str | None, typer.Option(help="Synaptic time constants, written alike.")
    ] = None,
    learn_tau: Annotated[
        str | None,
        typer.Option(help="Learn time constants per neuron, one factor per layer, or none."),
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(help="Neurons of the hidden layers: 128 or 256,128.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Firing threshold [V].")] = None,
    epochs: Annotated[int | None, typer.Option(help="Times through the data.")] = None,
    batch: Annotated[int | None, typer.Option(help="Samples per step of the optimiser.")] = None,
    lr: Annotated[float | None, typer.Option(help="Adam's rate for the weights.")] = None,
    lr_tau: Annotated[
        float | None, typer.Option(help="Adam's rate for the logarithms of the time constants.")
    ] = None,
    shift: Annotated[
        int | None, typer.Option(help="Move training images by up to this many pixels.")
    ] = None,
    drop: Annotated[
        float | None, typer.Option(help="Share of the hidden neurons dropped in training.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn.")] = 0,
    dt: Annotated[str | None, typer.Option(help="Length of a step: 1ms.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps per sample.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[
        int, typer.Option(help="Threads of the CPU; another number rounds apart.")
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint, OUT.ckpt.")
    ] = False,
) -> None:
    """Train a spiking network; Ctrl-C leaves a checkpoint that --resume goes on from.

    What is not given is the data set's preset. Metrics go to metrics.jsonl beside OUT.
    """
    from hetlava.errors import ValidationError
    from hetlava.train.config import config_for
    from hetlava.units import parse_time

    if slayer is None:
        raise ValidationError("name the data set to train on: hetlava train --slayer digits")
    config = config_for(
        slayer,
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        learn_tau=learn_tau,
        hidden=None if hidden is None else _sizes(hidden),
        threshold=threshold,
        epochs=epochs,
        batch=batch,
        lr=lr,
        lr_tau=lr_tau,
        shift=shift,
        drop=drop,
        seed=seed,
        dt=None if dt is None else parse_time(dt),
        n_steps=steps,
        device=device,
        threads=threads,
    )
    _train(config, out, resume)


def _sizes(text: str) -> tuple[int, ...]:
    from hetlava.errors import ValidationError

    try:
        return tuple(int(n) for n in text.split(","))
    except ValueError:
        raise ValidationError(
            f"hidden is {text!r}, expected sizes of layers such as 128 or 256,128"
        ) from None


def _train(config: "TrainConfig", out: Path, resume: bool) -> None:
    from rich.console import Console

    from hetlava.datasets import load
    from hetlava.errors import DataError
    from hetlava.train.model_file import write_model

    console = Console()
    if not out.parent.is_dir():
        raise DataError(f"{out}: the folder {out.parent} does not exist; make it first")
    recordings = load(config.dataset, "train"), load(config.dataset, "test")
    checkpoint = out.with_name(out.name + ".ckpt")
    try:
        network, last = _fit(config, recordings, checkpoint, resume, console)
    except KeyboardInterrupt:
        console.print(f"stopped; {checkpoint} is kept, go on with --resume", markup=False)
        raise
    write_model(out, network)
    console.print(_summary(network, last))
    console.print(f"wrote {out}; next: hetlava export {out}", markup=False, soft_wrap=True)


def _fit(
    config: "TrainConfig",
    recordings: "tuple[Recordings, Recordings]",
    checkpoint: Path,
    resume: bool,
    console: "Console",
) -> "tuple[Network, EpochMetrics | None]":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from hetlava.train.checkpoint import read_checkpoint
    from hetlava.train.metrics import MetricsLog
    from hetlava.train.slayer import fit

    done = read_checkpoint(checkpoint, config).epoch if resume else 0
    log, columns = (
        MetricsLog(checkpoint.parent, after=done),
        (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
    )
    last: EpochMetrics | None = None
    with Progress(*columns, console=console) as progress:
        every = progress.add_task("epochs", total=config.epochs, completed=done)
        inside = progress.add_task("batches", total=None)

        def on_epoch(metrics: "EpochMetrics") -> None:
            nonlocal last
            last = metrics
            log.add(metrics)
            progress.update(every, advance=1)
            progress.console.print(_line(metrics), highlight=False)

        def on_batch(batch: int, n_batches: int) -> None:
            progress.update(inside, completed=batch, total=n_batches)

        try:
            network = fit(
                config,
                *recordings,
                checkpoint=checkpoint,
                resume=resume,
                on_batch=on_batch,
                on_epoch=on_epoch,
            )
        finally:
            log.close()
    return network, last


def _line(metrics: "EpochMetrics") -> str:
    tested = "" if metrics.test_accuracy is None else f"  test {100 * metrics.test_accuracy:5.1f} %"
    return (
        f"epoch {metrics.epoch:3d}  loss {metrics.loss:.3f}  "
        f"train {100 * metrics.train_accuracy:5.1f} %{tested}  {metrics.seconds:.1f} s"
    )


def _summary(network: "Network", metrics: "EpochMetrics | None") -> "Table":
    from hetlava.report.tables import table

    rates = metrics.rates if metrics else ()
    title = "Trained" if metrics is None else _line(metrics)
    rows = []
    for i, population in enumerate(network.populations):
        mem, syn = population.neurons.tau_mem, population.neurons.tau_syn
        rows.append(
            (
                population.name,
                population.neurons.n,
                *(
                    f"{1e3 * t.mean():.1f} ({1e3 * t.min():.1f} .. {1e3 * t.max():.1f})"
                    for t in (mem, syn)
                ),
                f"{rates[i] / network.dt:.1f}" if rates else "-",
            )
        )
    columns = ("population", "n", "tau_mem [ms]", "tau_syn [ms]", "spikes/s of a neuron")
    return table(title, columns, rows)
