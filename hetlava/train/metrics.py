"""What training measures: a record per epoch, kept as JSON lines and for TensorBoard."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hetlava.files import replacing


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """An epoch of training.

    Attributes
    ----------
    epoch : int
        From 1.
    loss, train_accuracy : float
        Mean over the epoch's batches, while the weights move and with augmentation.
    test_accuracy : float or None
        Of the weights at the end of the epoch; None when there was no test set.
    lr : float
        Rate of the weights.
    rates : tuple of float
        Mean spikes per neuron and step of each layer.
    tau_mem, tau_syn : tuple of float
        Mean time constants of each layer at the end of the epoch [s].
    seconds : float
        Wall time, test included.
    """

    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float | None
    lr: float
    rates: tuple[float, ...]
    tau_mem: tuple[float, ...]
    tau_syn: tuple[float, ...]
    seconds: float


class MetricsLog:
    """Writes an epoch's metrics as a line of JSON, and as TensorBoard events where it is installed.

    Parameters
    ----------
    folder : Path
        Gets ``metrics.jsonl`` and, with TensorBoard, ``tensorboard/``.
    after : int
        Epochs up to this one are kept from an earlier run, later ones dropped; 0 starts afresh.
    """

    def __init__(self, folder: Path, after: int = 0) -> None:
        self.path = folder / "metrics.jsonl"
        kept = _lines_until(self.path, after) if after else []
        with replacing(self.path) as temporary:
            temporary.write_text("".join(kept))
        self._board = _tensorboard(folder / "tensorboard", after)

    def add(self, metrics: EpochMetrics) -> None:
        """Append an epoch."""
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(metrics)) + "\n")
        if self._board is not None:
            for name, value in _scalars(metrics).items():
                self._board.add_scalar(name, value, metrics.epoch)

    def close(self) -> None:
        """Flush what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()


def _scalars(metrics: EpochMetrics) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in asdict(metrics).items():
        if isinstance(value, tuple):
            flat |= {f"{name}/{layer}": v for layer, v in enumerate(value)}
        elif value is not None and name != "epoch":
            flat[name] = value
    return flat


def _lines_until(path: Path, epoch: int) -> list[str]:
    if not path.is_file():
        return []
    kept = []
    for line in path.read_text().splitlines(keepends=True):
        try:
            if json.loads(line)["epoch"] <= epoch:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            continue  # the line that a killed run left half-written
    return kept


def _tensorboard(folder: Path, after: int):  # type: ignore[no-untyped-def]  # an optional package
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=after + 1 if after else None)
