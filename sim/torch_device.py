"""What stands between numpy and a torch device: its name, its settings, events to and fro."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from hetlava.errors import MissingPackageError, UnsupportedError, ValidationError
from hetlava.events import Events

if TYPE_CHECKING:
    import torch


def check_device(device: str) -> None:
    """Check that torch is installed and has the device.

    Raises
    ------
    ValidationError, MissingPackageError, UnsupportedError
        As :func:`hetlava.sim.torch_engine.prepare`.
    """
    kind, colon, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isdecimal())):
        raise ValidationError(f"device {device!r} is unknown; known: cpu, cuda, cuda:N")
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError(
            "torch is not installed; install it with: pip install hetlava[gpu]"
        ) from error
    if kind == "cuda":
        count = torch.cuda.device_count()
        if count <= int(number or 0):
            raise UnsupportedError(
                f"device {device}: torch {torch.__version__} sees {count} CUDA devices here"
            )


@contextmanager
def exact_products() -> Iterator[None]:
    """Forbid words in which products of float32 would be rounded (TF32, bfloat16)."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def using_threads(threads: int | None) -> Iterator[None]:
    """Let torch use so many threads; None leaves it as it is."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def to_tensor(events: Events, device: str) -> "torch.Tensor":
    """Return spikes (n_steps, n_samples, n_neurons) on the device, bool or graded int32."""
    import torch

    counts = torch.tensor(np.diff(events.indptr), device=device)
    rows = torch.repeat_interleave(torch.arange(len(counts), device=device), counts)
    index = torch.tensor(events.index.astype(np.int64), device=device)
    kind = torch.bool if events.values is None else torch.int32
    dense = torch.zeros((len(counts), events.n_neurons), dtype=kind, device=device)
    dense[rows, index] = (
        torch.ones_like(index, dtype=kind)
        if events.values is None
        else torch.tensor(events.values, device=device)
    )
    shape = (events.n_samples, events.n_steps, events.n_neurons)
    return dense.view(shape).transpose(0, 1).contiguous()


def to_events(spikes: "torch.Tensor") -> Events:
    """Return the events of spikes (n_steps, n_samples, n_neurons), bool or graded int32."""
    import torch

    n_steps, n_samples, n_neurons = spikes.shape
    rows = spikes.transpose(0, 1).reshape(n_samples * n_steps, n_neurons)
    counts, (row, index) = (rows != 0).sum(1).cpu().numpy(), rows.nonzero(as_tuple=True)
    values = None if spikes.dtype == torch.bool else rows[row, index].cpu().numpy()
    return Events(
        n_samples=n_samples,
        n_steps=n_steps,
        n_neurons=n_neurons,
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        index=index.cpu().numpy().astype(np.int32),
        values=values,
    )


def out_of_memory() -> type[Exception]:
    """Return what torch raises where a GPU's memory is full."""
    import torch

    return torch.cuda.OutOfMemoryError
