"""One epoch of gradient descent, and the test after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hetlava.errors import TrainingError
from hetlava.train.batches import Labelled, in_order, moved, shares, shuffled
from hetlava.train.config import TrainConfig
from hetlava.train.distributed import ALONE, Team
from hetlava.train.draws import SharedGenerator
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

    def add(
        self, loss: float, scores: Tensor, labels: Tensor, spikes: list[Tensor], counts: bool = True
    ) -> None:
        """Count a batch in, or with ``counts`` False nothing but how many layers there are."""
        n = len(labels) if counts else 0
        self.n += n
        self.loss += loss * n
        self.correct += int((scores[:n].argmax(1) == labels[:n]).sum())
        sums = [float(s[:n].detach().sum() / s.shape[1:].numel()) for s in spikes]
        self.spikes = [a + b for a, b in zip(self.spikes or [0.0] * len(sums), sums, strict=True)]

    def over(self, team: Team) -> "Tally":
        """Return the sums over all processes."""
        n, loss, correct, *spikes = team.total([self.n, self.loss, self.correct, *self.spikes])
        return Tally(int(n), loss, int(correct), spikes)

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
    team: Team = ALONE,
) -> Tally:
    """Go through the data once, changing the network and the optimiser; all of a team do it alike.

    Raises
    ------
    TrainingError
        If the loss or a gradient is not finite; the network keeps what it was before that batch.
    """
    rng = team.generator(epoch_rng(config.seed, epoch))
    for group in optimiser.param_groups:
        group["lr"] = group["first_lr"] * fade(config, epoch)
    net.begin(epoch, config.epochs, config.qat_ramp)
    regularisers = [parse_regulariser(text) for text in config.regularise]
    tally, n_batches = Tally(), -(-data.spikes.n_samples // config.batch)
    device = next(net.parameters()).device
    rows = net.takes_rows and device.type == "cpu"
    batches = shuffled(data, config.batch, rng, rows=rows, team=team, epoch=epoch)
    parts = shares(data.spikes.n_samples, config.batch, team)
    for done, ((x, labels), share) in enumerate(zip(batches, parts, strict=True), start=1):
        if isinstance(rng, SharedGenerator):
            rng.turn_to(share.whole, share.part)
        if config.shift and config.image is not None:
            x = moved(x, config.image, config.shift, rng)
        x, labels = _sent_to(device, x), labels.to(device)
        outputs = net(x, config.drop, rng)
        scores = logits(net.readout, outputs[-1], net.threshold)
        cost = loss(scores, labels)
        spikes = net.spikes(outputs)
        if regularisers:
            spikes = team.with_common_means(spikes, share.weight)
        for regulariser in regularisers:
            cost = cost + regulariser.penalty(net, spikes)
        optimiser.zero_grad()
        cost.backward()  # type: ignore[no-untyped-call]
        team.sum_gradients(net.parameters(), share.weight)
        _check_finite(net, outputs, cost, config, f"epoch {epoch + 1}, batch {done}")
        optimiser.step()
        net.project()
        tally.add(float(cost.detach()), scores, labels, net.spikes(outputs), share.weight > 0)
        on_batch(done, n_batches)
    return tally.over(team)


@torch.no_grad()
def evaluate(net: TrainableNet, data: Labelled, team: Team = ALONE) -> Tally:
    """Classify every sample by its output; a team shares them."""
    tally = Tally()
    device = next(net.parameters()).device
    rows = net.takes_rows and device.type == "cpu"
    batches = in_order(data, TEST_BATCH, rows=rows, team=team)
    parts = shares(data.spikes.n_samples, TEST_BATCH, team)
    for (x, labels), share in zip(batches, parts, strict=True):
        x, labels = _sent_to(device, x), labels.to(device)
        outputs = net(x)
        scores = logits(net.readout, outputs[-1], net.threshold)
        cost = float(loss(scores, labels))
        tally.add(cost, scores, labels, net.spikes(outputs), share.weight > 0)
    return tally.over(team)


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
