"""What ``hetlava train`` shows while it trains and when it is done; loaded on demand."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hetlava.datasets.cache import Cache
from hetlava.datasets.recordings import Recordings
from hetlava.errors import ValidationError
from hetlava.network import Network
from hetlava.report.tables import table
from hetlava.train.checkpoint import config_of, read_checkpoint, read_config
from hetlava.train.config import TrainConfig, config_for
from hetlava.train.config_file import merged, read_config_file
from hetlava.train.distributed import ALONE, Team
from hetlava.train.fit import fit
from hetlava.train.metrics import EpochMetrics, MetricsLog
from hetlava.train.model_file import initial_extras, is_model, read_model


def chosen_config(
    datasets: Mapping[str, str | None],
    start: Path | None,
    checkpoint: Path,
    resume: bool,
    file: Path | None = None,
    **line: Any,
) -> tuple[TrainConfig, Path | None, bool]:
    """Return the configuration, what to begin with, and whether the checkpoint is resumed.

    Parameters
    ----------
    datasets : mapping of a trainer to the data set that was named for it, if one was
    file : TOML file of values of the configuration
    line : the command line's; None is the file's, the preset, or that of the run gone on from

    Raises
    ------
    ValidationError
        If no data set is named, or more than one, or the options do not go together.
    """
    named = [(trainer, dataset) for trainer, dataset in datasets.items() if dataset is not None]
    asked = merged({} if file is None else read_config_file(file), line)
    said = asked.pop("trainer", "slayer"), asked.pop("dataset", None)
    if not named and said[1] is not None:
        named = [said]
    qat = asked.get("qat", False)
    if start is not None and not (resume and qat):
        raise ValidationError(f"{start}: a network is gone on from with --resume and --qat, both")
    begin = start
    if begin is None and resume and qat and not read_config(checkpoint).qat:
        begin = checkpoint
    if len(named) > 1 or (begin is None and not named):
        raise ValidationError(
            "name the data set to train on, once: hetlava train --slayer digits, or --norse "
            'digits, or write dataset = "digits" in the file of --config'
        )
    if begin is None:
        return config_for(named[0][1], trainer=named[0][0], **asked), None, resume
    before = asdict(_config_behind(begin))
    known = dict(asked)
    if named and named[0] != (before["trainer"], before["dataset"]):
        known |= {"trainer": named[0][0], "dataset": named[0][1]}
    return TrainConfig(**before | known), begin, False


def _config_behind(path: Path) -> TrainConfig:
    """Return the configuration of the run that wrote a model or a checkpoint."""
    if is_model(path):
        return config_of(path, read_model(path).metadata.get("config"))
    return read_config(path)


def what_was_drawn(started: list[Network], config: TrainConfig, resume: bool) -> dict[str, Any]:
    """Return what a model file keeps of the network before training, empty if that is not known."""
    # a resumed run cannot tell whether it began with another network
    return {} if not started or (resume and config.qat) else initial_extras(started[0])


def network_or_checkpoint(path: Path) -> Network | Path:
    """Return the network of a model file; a checkpoint as it is."""
    return read_model(path) if is_model(path) else path


def fit_with_progress(
    config: TrainConfig,
    recordings: tuple[Recordings, Recordings],
    checkpoint: Path,
    console: Console,
    *,
    start: Path | None = None,
    resume: bool = False,
    team: Team = ALONE,
    cache: Cache | None = None,
    on_start: Callable[[Network], None] = lambda network: None,
) -> tuple[Network, EpochMetrics | None]:
    """Train with bars for epochs and batches, a line per epoch and metrics.jsonl.

    Of a team only the first shows and writes them, and gets metrics back.
    """
    begin = None if start is None else network_or_checkpoint(start)
    if not team.writes:
        return fit(
            config,
            *recordings,
            start=begin,
            checkpoint=checkpoint,
            resume=resume,
            team=team,
            cache=cache,
        ), None
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
                start=begin,
                checkpoint=checkpoint,
                resume=resume,
                on_batch=on_batch,
                on_epoch=on_epoch,
                on_start=on_start,
                team=team,
                cache=cache,
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
