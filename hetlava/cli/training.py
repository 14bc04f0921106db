"""What ``hetlava train`` shows while it trains and when it is done; loaded on demand."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hetlava.datasets.recordings import Recordings
from hetlava.network import Network
from hetlava.report.tables import table
from hetlava.train.checkpoint import read_checkpoint
from hetlava.train.config import TrainConfig
from hetlava.train.fit import fit
from hetlava.train.metrics import EpochMetrics, MetricsLog


def fit_with_progress(
    config: TrainConfig,
    recordings: tuple[Recordings, Recordings],
    checkpoint: Path,
    resume: bool,
    console: Console,
) -> tuple[Network, EpochMetrics | None]:
    """Train with bars for epochs and batches, a line per epoch and metrics.jsonl."""
    done = read_checkpoint(checkpoint, config).epoch if resume else 0
    log, columns = (
        MetricsLog(checkpoint.parent, after=done),
        (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
    )
    last: EpochMetrics | None = None
    with Progress(*columns, console=console) as progress:
        every = progress.add_task("epochs", total=config.epochs, completed=done)
        inside = progress.add_task("batches", total=None)

        def on_epoch(metrics: EpochMetrics) -> None:
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


def _line(metrics: EpochMetrics) -> str:
    tested = "" if metrics.test_accuracy is None else f"  test {100 * metrics.test_accuracy:5.1f} %"
    return (
        f"epoch {metrics.epoch:3d}  loss {metrics.loss:.3f}  "
        f"train {100 * metrics.train_accuracy:5.1f} %{tested}  {metrics.seconds:.1f} s"
    )


def summary(network: Network, metrics: EpochMetrics | None) -> Table:
    """Return the table of what was trained: sizes, time constants, rates."""
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
                f"{rates[i] / network.dt:.1f}" if i < len(rates) else "-",
            )
        )
    columns = ("population", "n", "tau_mem [ms]", "tau_syn [ms]", "spikes/s of a neuron")
    return table(title, columns, rows)
