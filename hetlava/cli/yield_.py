"""``hetlava yield``: the accuracy of networks over many virtual dies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.options import Dask, Limit, MismatchSet, Split, Workers, writable

if TYPE_CHECKING:
    from rich.console import Console

    from hetlava.arrays import Int64
    from hetlava.events import Events
    from hetlava.hardware.yields import Dies
    from hetlava.network import Network


def yields(
    models: Annotated[list[Path], typer.Argument(help="Trained networks, model.pt.")],
    target: Annotated[str, typer.Option(help="bss2-sim or dynapse2-like.")] = "bss2-sim",
    dies: Annotated[int, typer.Option(help="Number of dies.", min=1)] = 100,
    first_die: Annotated[int, typer.Option(help="Chip seed of the first.", min=0)] = 0,
    mismatch: Annotated[
        str, typer.Option(help="Preset or TOML file. Default: the target's own.")
    ] = "",
    mismatch_set: MismatchSet = None,
    data: Annotated[
        str | None, typer.Option(help="Data set. Default: what the network was trained on.")
    ] = None,
    split: Split = "test",
    limit: Limit = None,
    above: Annotated[
        float, typer.Option(help="Accuracy that a good die reaches [%].", min=0, max=100)
    ] = 90.0,
    seed: Annotated[int, typer.Option(help="Seed of the noise of a trial.", min=0)] = 0,
    workers: Workers = 1,
    dask: Dask = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="Keep finished dies here; the same command again skips them.", callback=writable
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write all accuracies as JSON.", callback=writable)
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the distributions, .png.", callback=writable)
    ] = None,
) -> None:
    """Run networks on many dies: percentiles of the accuracy, share of dies above a bound."""
    import numpy as np
    from rich.console import Console

    from hetlava.cli.samples import load_samples
    from hetlava.hardware.yields import Dies
    from hetlava.report.yields import YieldRow, draw_yield, write_yield, yield_table
    from hetlava.sim import floating
    from hetlava.train.model_file import read_model

    asked = Dies(
        target=target,
        mismatch=mismatch,
        changes=tuple(mismatch_set or ()),
        first=first_die,
        count=dies,
        seed=seed,
    )
    networks = [read_model(path) for path in models]
    dataset = data or str(networks[0].metadata.get("dataset") or "digits")
    _check_alike(networks, models)
    inputs, labels = load_samples(networks[0], dataset, split, limit)
    console = Console()
    accuracies = _accuracies(networks, (inputs, labels), asked, log, (workers, dask), console)
    rows = []
    for k, (net, path) in enumerate(zip(networks, models, strict=True)):
        right = floating.run(net, inputs).predictions == labels
        of_dies = [accuracies[k, s] for s in asked.seeds]
        rows.append(
            YieldRow(path.stem, np.array(of_dies), 100 * float(right.mean()), tuple(asked.seeds))
        )
    title = f"{target}, {asked.found().name}, {dies} dies, {labels.size} samples of {dataset}"
    if json is not None:
        run = {"target": target, "mismatch": asked.found().name, "changes": list(asked.changes)}
        write_yield(json, rows, above, {**run, "data": dataset, "split": split, "seed": seed})
    if figure is not None:
        draw_yield(figure, rows, above, title)
    console.print(yield_table(rows, above, title))


def _check_alike(networks: "list[Network]", paths: list[Path]) -> None:
    from hetlava.errors import ValidationError

    first = networks[0]
    for net, path in zip(networks, paths, strict=True):
        if (net.dt, net.n_steps, net.n_inputs) != (first.dt, first.n_steps, first.n_inputs):
            raise ValidationError(
                f"{path}: {net.n_steps} steps of {net.dt:g} s and {net.n_inputs} inputs, "
                f"{paths[0]} has {first.n_steps} of {first.dt:g} s and {first.n_inputs}; "
                "compare networks of one kind"
            )


def _accuracies(
    networks: "list[Network]",
    samples: "tuple[Events, Int64]",
    dies: "Dies",
    log: Path | None,
    where: tuple[int, str | None],
    console: "Console",
) -> dict[tuple[int, int], float]:
    """Return the accuracy [%] of each (network, chip seed), showing a bar while dies run."""
    from rich.progress import Progress

    from hetlava.hardware.yield_log import YieldLog, fingerprint
    from hetlava.hardware.yields import run_dies

    kept = None if log is None else YieldLog(log, fingerprint(networks, *samples, dies))
    done = kept.done if kept else ()
    found = {(o.network, o.chip_seed): o.accuracy for o in done}
    with Progress(console=console, transient=True) as progress:
        total = len(networks) * dies.count
        have = sum((k, s) in found for k in range(len(networks)) for s in dies.seeds)
        bar = progress.add_task("dies", total=total, completed=have)
        outcomes = run_dies(networks, *samples, dies, done=done, workers=where[0], dask=where[1])
        for outcome in outcomes:
            if kept is not None:
                kept.add(outcome)
            found[outcome.network, outcome.chip_seed] = outcome.accuracy
            progress.advance(bar)
    return found
