"""What ``hetlava export --finetune`` does and shows while it trains; loaded on demand."""

from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hetlava.chip_spec import ChipSpec
from hetlava.datasets import load
from hetlava.hardware.core_sharing import Sharing, quantise_sharing
from hetlava.network import Network
from hetlava.parity import Parity, compare
from hetlava.quantised import QuantisedNetwork
from hetlava.scaling import Precision
from hetlava.sim import engine, floating
from hetlava.train.checkpoint import read_checkpoint
from hetlava.train.codebook_finetune import FineTuning, finetune, tuned_config
from hetlava.train.metrics import EpochMetrics
from hetlava.train.rebuild import config_of


class FineTuned(NamedTuple):
    """A network after fine-tuning, in floats and in integers, and what it lost on held-out data.

    ``lost``: of the network as it came to the one that shares, before and after fine-tuning.
    """

    network: Network
    quantised: QuantisedNetwork
    lost: tuple[Parity, Parity]


def finetune_with_progress(
    net: Network,
    chip: ChipSpec,
    rounding: tuple[Precision, Sharing],
    data: str | None,
    tuning: FineTuning,
    console: Console,
) -> FineTuned:
    """Share decays, train on with them, and measure both on the held-out samples."""
    config = config_of(net)
    shared = quantise_sharing(net, chip, *rounding)
    train, test = (load(data or config.dataset, split) for split in ("train", "test"))
    done = 0
    if tuning.resume and tuning.checkpoint is not None:
        done = read_checkpoint(tuning.checkpoint, tuned_config(config, tuning)).epoch
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        every = progress.add_task("fine-tuning", total=tuning.epochs, completed=done)
        inside = progress.add_task("batches", total=None)

        def on_epoch(metrics: EpochMetrics) -> None:
            progress.update(every, advance=1)
            text = f"epoch {metrics.epoch:3d}  loss {metrics.loss:.3f}"
            progress.console.print(
                f"{text}  train {100 * metrics.train_accuracy:5.1f} %", highlight=False
            )

        def on_batch(batch: int, n_batches: int) -> None:
            progress.update(inside, completed=batch, total=n_batches)

        tuned = finetune(net, shared, train, tuning, on_batch=on_batch, on_epoch=on_epoch)
    quantised = quantise_sharing(tuned, chip, *rounding)
    spikes = test.binned(net.dt, net.n_steps)
    reference = floating.run(net, spikes)
    lost = tuple(
        compare(reference, engine.run(q, spikes), test.labels, name=name)
        for q, name in ((shared, "shared decays"), (quantised, "fine-tuned"))
    )
    return FineTuned(tuned, quantised, (lost[0], lost[1]))


def finetuned_path(model: Path) -> Path:
    """Return where the fine-tuned network of ``model.pt`` goes: ``model-finetuned.pt``."""
    return model.with_name(f"{model.stem}-finetuned.pt")
