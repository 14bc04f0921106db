"""One epoch of gradient descent, and the test after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hetlava.errors import TrainingError
from hetlava.train.batches import Labelled, in_order, moved, shuffled
from hetlava.train.config import TrainConfig
from hetlava.train.nets import TrainableNet, layer_names
from hetlava.train.readouts import logits, loss
from hetlava.train.regularisers import parse_regulariser
from hetlava.train.spike_rows import SpikeRows

TEST_BATCH = 128

OnBatch = Callable[[int, int], None]


@dataclass
class Tally:
    """Sums over the samples seen so far."""

    n: int = 0
    loss: float = 0.0
    correct: int = 0
    spikes: list[float] = field(default_factory=list)

    def add(self, loss: float, scores: Tensor, labels: Tensor, spikes: list[Tensor]) -> None:
        """Count a batch in."""
        self.n += len(labels)
        self.loss += loss * len(labels)
        self.correct += int((scores.argmax(1) == labels).sum())
        sums = [float(s.detach().sum() / s[0].numel()) for s in spikes]
        self.spikes = [a + b for a, b in zip(self.spikes or [0.0] * len(sums), sums, strict=True)]

    @property
    def accuracy(self) -> float:
        """Share of the samples whose class was right."""
        return self.correct / self.n

    @property
    def rates(self) -> tuple[float, ...]:
        """Spikes per neuron and step of each layer that spikes."""
        return tuple(s / self.n for s in self.spikes)


def fade(config: TrainConfig, epoch: int) -> float:
    """Return the share of the first learning rates that is left in an epoch (from 0)."""
    share: float = 0.5 ** (epoch / config.half_life)
    return share


def train_epoch(
    net: TrainableNet,
    optimiser: torch.optim.Optimizer,
    data: Labelled,
    config: TrainConfig,
    epoch: int,
    on_batch: OnBatch,
) -> Tally:
    """Go through the data once, changing the network and the optimiser.

    Raises
    ------
    TrainingError
        If the loss or a gradient is not finite; the network keeps what it was before that batch.
    """
    rng = epoch_rng(config.seed, epoch)
    for group in optimiser.param_groups:
        group["lr"] = group["first_lr"] * fade(config, epoch)
    net.begin(epoch, config.epochs, config.qat_ramp)
    regularisers = [parse_regulariser(text) for text in config.regularise]
    tally, n_batches = Tally(), -(-data.spikes.n_samples // config.batch)
    device = next(net.parameters()).device
    rows = net.takes_rows and device.type == "cpu"
    batches = shuffled(data, config.batch, rng, rows=rows)
    for done, (x, labels) in enumerate(batches, start=1):
        if config.shift and config.image is not None:
            x = moved(x, config.image, config.shift, rng)
        x, labels = _sent_to(device, x), labels.to(device)
        outputs = net(x, config.drop, rng)
        scores = logits(net.readout, outputs[-1], net.threshold)
        cost = loss(scores, labels)
        for regulariser in regularisers:
            cost = cost + regulariser.penalty(net, net.spikes(outputs))
        optimiser.zero_grad()
        cost.backward()  # type: ignore[no-untyped-call]
        _check_finite(net, outputs, cost, config, f"epoch {epoch + 1}, batch {done}")
        optimiser.step()
        net.project()
        tally.add(float(cost.detach()), scores, labels, net.spikes(outputs))
        on_batch(done, n_batches)
    return tally


@torch.no_grad()
def evaluate(net: TrainableNet, data: Labelled) -> Tally:
    """Classify every sample by its output."""
    tally = Tally()
    device = next(net.parameters()).device
    rows = net.takes_rows and device.type == "cpu"
    for x, labels in in_order(data, TEST_BATCH, rows=rows):
        x, labels = _sent_to(device, x), labels.to(device)
        outputs = net(x)
        scores = logits(net.readout, outputs[-1], net.threshold)
        tally.add(float(loss(scores, labels)), scores, labels, net.spikes(outputs))
    return tally


def _sent_to(device: torch.device, x: Tensor | SpikeRows) -> Tensor | SpikeRows:
    return x.to(device) if isinstance(x, Tensor) else x


def epoch_rng(seed: int, epoch: int) -> torch.Generator:
    """Return the generator of an epoch; -1 is that of the first weights."""
    return torch.Generator().manual_seed((seed << 20) + epoch + 1)


def _check_finite(
    net: TrainableNet, outputs: Sequence[Tensor], cost: Tensor, config: TrainConfig, where: str
) -> None:
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    finite = [torch.isfinite(cost), *(torch.isfinite(g).all() for g in gradients)]
    if not bool(torch.stack(finite).all()):
        raise TrainingError(
            f"{where}: the loss or a gradient is not finite (loss {float(cost.detach())}), "
            f"{_culprit(net, outputs)}; the last checkpoint stays; lower lr ({config.lr}) or "
            f"lr_tau ({config.lr_tau})"
        )


def _culprit(net: TrainableNet, outputs: Sequence[Tensor]) -> str:
    """Say which layer has the first number that is not finite: forwards, then backwards."""
    names = layer_names(len(outputs))
    for name, output in zip(names, outputs, strict=True):
        if not bool(torch.isfinite(output).all()):
            return f"first in the output of layer {name}"
    for parameter, p in reversed(list(net.named_parameters())):
        if p.grad is not None and not bool(torch.isfinite(p.grad).all()):
            # the first number in a parameter's name counts its layer
            layer = next(int(part) for part in parameter.split(".") if part.isdigit())
            return f"first in the gradients of layer {names[layer]} ({parameter})"
    return "though every output and gradient is finite"
