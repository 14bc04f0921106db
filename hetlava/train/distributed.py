"""Data-parallel training under ``torchrun``: every process takes its share of every batch.

The result is that of one process but for the rounding of sums. Each process draws what one process
would draw for the whole batch and uses its samples' part; gradients are summed, weighted by the
samples that they come from. PyTorch's DistributedDataParallel would do neither: it averages
processes as equals, which the last, uneven batch is not shared by, and it waits for each parameter
in turn, where a few kilobytes in one message are faster.

All processes must see the same data, and a checkpoint that is resumed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from hetlava.errors import TrainingError, ValidationError
from hetlava.train.draws import SharedGenerator

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
PATIENCE = timedelta(seconds=30)  # for the one who knows whether another has failed already


class Share(NamedTuple):
    """What a process takes of a batch of ``whole`` samples, and what its gradient counts.

    Where there are fewer samples than processes, some take one whose gradient counts nothing:
    they have the same sums to wait for as the others.
    """

    whole: int
    part: slice
    weight: float


@dataclass(frozen=True)
class Team:
    """The processes that train one network; alone unless ``torchrun`` has started more.

    Attributes
    ----------
    rank : int
        Which of them this is; 0 writes what is written.
    size : int
    """

    rank: int = 0
    size: int = 1

    @property
    def writes(self) -> bool:
        """Whether files and the terminal are this process's to write."""
        return self.rank == 0

    def share(self, n: int) -> Share:
        """Return what this process takes of a batch of ``n`` samples."""
        start, stop = (r * n // self.size for r in (self.rank, self.rank + 1))
        if start == stop:
            return Share(n, slice(min(start, n - 1), min(start, n - 1) + 1), 0.0)
        return Share(n, slice(start, stop), (stop - start) / n)

    def generator(self, alone: torch.Generator) -> torch.Generator:
        """Return a generator that draws what ``alone`` does, for the whole of every batch."""
        if self.size == 1:
            return alone
        shared = SharedGenerator()
        shared.set_state(alone.get_state())
        return shared

    def sum_gradients(self, parameters: Iterable[nn.Parameter], weight: float) -> None:
        """Replace gradients by the sum over all processes of ``weight`` times theirs."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients]) * weight
        dist.all_reduce(flat)
        parts = torch.split(flat, [g.numel() for g in gradients])
        for g, part in zip(gradients, parts, strict=True):
            g.copy_(part.view(g.shape))

    def with_common_means(self, spikes: Sequence[Tensor], weight: float) -> list[Tensor]:
        """Move spikes (N, n, T) to where a neuron's mean is that of the whole batch.

        A penalty on means then has the value of the whole batch, and the gradients that processes
        sum up by weight are those of the whole batch.
        """
        if self.size == 1:
            return list(spikes)
        return [s + self._distance(s.detach().mean((0, 2)), weight) for s in spikes]

    def _distance(self, mean: Tensor, weight: float) -> Tensor:
        common = mean * weight
        dist.all_reduce(common)
        return (common - mean)[:, None]

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sums over all processes; every process waits for the others."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return [float(x) for x in summed]

    def wait(self) -> None:
        """Go on when all processes have come so far."""
        self.total([0.0])


ALONE = Team()


def is_launched() -> bool:
    """Whether ``torchrun``, or what sets its variables, has started this process."""
    return all(name in os.environ for name in VARIABLES)


@contextmanager
def joined(device: str) -> Iterator[Team]:
    """Join the processes that ``torchrun`` has started, for the length of the ``with`` block.

    Raises
    ------
    ValidationError
        If there are more processes on this machine than GPUs, which are to be used.
    TrainingError
        If another process has ended.
    """
    if not is_launched():
        yield ALONE
        return
    uses_gpu = device != "cpu" and torch.cuda.is_available()
    if uses_gpu:
        _take_gpu(int(os.environ.get("LOCAL_RANK", "0")))
    store, rank, size = _meeting_point()
    backend = "cpu:gloo,cuda:nccl" if uses_gpu else "gloo"
    try:
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        yield Team(rank, size)
    except RuntimeError as error:
        if size == 1 or not _is_of_another(error):
            raise
        raise TrainingError(
            f"process {rank}: another of the {size} processes has ended ({error}); the last "
            "checkpoint stays, go on with --resume"
        ) from error
    # after an error the others must not lose this process before it has said why
    dist.destroy_process_group()


def first_to_fail() -> bool:
    """Whether this process is the first of its team to report an error: one message is enough."""
    if not is_launched():
        return True
    try:
        store, _, _ = _meeting_point()
        restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return int(store.add(f"hetlava/failed/{restarts}", 1)) == 1
    except (RuntimeError, ValueError, OSError):
        return True  # nobody is left to ask: better twice than never


@cache
def _meeting_point() -> tuple[Any, int, int]:
    store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
    return store, rank, size


def _take_gpu(local_rank: int) -> None:
    n = torch.cuda.device_count()
    if local_rank >= n:
        raise ValidationError(
            f"process {local_rank} of this machine finds {n} GPUs, one for each process is needed; "
            "start fewer processes, or use --device cpu"
        )
    torch.cuda.set_device(local_rank)


def _is_of_another(error: RuntimeError) -> bool:
    """Whether it is what gloo or NCCL say when the other end of a connection has gone."""
    if isinstance(error, dist.DistError):
        return True
    text = str(error).lower()
    return "gloo" in text or "connection closed" in text or "connection reset" in text
