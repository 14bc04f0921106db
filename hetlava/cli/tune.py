"""``hetlava tune``: train a network on for one chip, or on a new die in every batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.options import MismatchSet, ModelFile, writable

if TYPE_CHECKING:
    from rich.console import Console

    from hetlava.train.metrics import EpochMetrics


def tune(
    model: ModelFile,
    target: Annotated[str, typer.Option(help="bss2-sim or dynapse2-like.")] = "bss2-sim",
    chip_seed: Annotated[
        int | None,
        typer.Option(help="The die in the loop. Default: a new one in every batch.", min=0),
    ] = None,
    mismatch: Annotated[
        str, typer.Option(help="Preset or TOML file. Default: the target's own.")
    ] = "",
    mismatch_set: MismatchSet = None,
    data: Annotated[
        str | None, typer.Option(help="Data set. Default: what the network was trained on.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Times through the data.", min=1)] = 5,
    lr: Annotated[
        float | None, typer.Option(help="Adam's rate [V]. Default: 0.3 of the data set's.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples per step of the optimiser.", min=1)] = 32,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn.", min=0)] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Default: MODEL.tuned.pt.", callback=writable)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint, OUT.ckpt.")
    ] = False,
) -> None:
    """Train the weights of a network on for a chip; time constants and thresholds stay."""
    from rich.console import Console

    from hetlava.datasets import load
    from hetlava.files import to_write
    from hetlava.hardware.yields import Dies
    from hetlava.train.mismatch_tune import Tuning
    from hetlava.train.mismatch_tune import tune as train_on
    from hetlava.train.model_file import read_model, write_model

    dies = Dies(target=target, mismatch=mismatch, changes=tuple(mismatch_set or ()))
    net = read_model(model)
    path = out or model.with_name(f"{model.stem}.tuned.pt")
    to_write(path)
    dataset = data or str(net.metadata.get("dataset") or "digits")
    sets = load(dataset, "train"), load(dataset, "test")
    where = dies.found() if chip_seed is None else dies.at(chip_seed)
    tuning = Tuning(
        epochs=epochs,
        lr=lr,
        batch=batch,
        seed=seed,
        checkpoint=path.with_name(path.name + ".ckpt"),
        resume=resume,
    )
    console = Console()
    with _bars(epochs, console) as (on_batch, on_epoch):
        tuned = train_on(
            net, where, sets[0], tuning, test=sets[1], on_batch=on_batch, on_epoch=on_epoch
        )
    write_model(path, tuned)
    console.print(f"wrote {path}; next: hetlava yield {path}", markup=False, soft_wrap=True)


@contextmanager
def _bars(
    epochs: int, console: "Console"
) -> "Iterator[tuple[Callable[[int, int], None], Callable[[EpochMetrics], None]]]":
    """Show bars for epochs and batches and a line per epoch; give what they follow."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        every, inside = (
            progress.add_task(n, total=t) for n, t in (("epochs", epochs), ("batches", None))
        )

        def on_batch(done: int, n_batches: int) -> None:
            progress.update(inside, completed=done, total=n_batches)

        def on_epoch(m: "EpochMetrics") -> None:
            progress.update(every, completed=m.epoch)
            tested = "" if m.test_accuracy is None else f"  test {100 * m.test_accuracy:5.1f} %"
            progress.console.print(
                f"epoch {m.epoch:3d}  loss {m.loss:.3f}  train {100 * m.train_accuracy:5.1f} %"
                f"{tested}  {m.seconds:.1f} s",
                highlight=False,
            )

        yield on_batch, on_epoch
