"""A batch in blocks of samples, and long runs in slices of steps, over threads that can be stopped.

Where a run takes long even one block is run in a thread of its own, which can be told to stop after
the present step.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.events import Events
from hetlava.sim.blocks import Block, no_memory
from hetlava.sim.modes import Mode
from hetlava.sim.trains import Memory, Output, Recorder, Train
from hetlava.sim.wiring import Prepared
from hetlava.sim.workers import in_threads

BLOCK = 32  # samples handed to a thread at once, at most
SLICE_BYTES = 1 << 26  # of spikes as bits and of messages that a thread holds
SHORT = 1 << 20  # steps of neurons that take less than a tenth of a second


class Batch(NamedTuple):
    """What is run: spikes, where traces go, how many threads there are, how layers are run."""

    prepared: Prepared
    inputs: Events
    recorder: Recorder
    threads: int
    mode: Mode = "auto"


def run_blocks(batch: Batch, memories: Sequence[Memory] | None = None) -> list[Output]:
    """Run a batch; the outputs are those of consecutive samples, or of a sample's slices.

    Parameters
    ----------
    memories : sequence of Memory, optional
        Of the blocks that :func:`blocks_of` names, changed by the run; from rest if not given.
    """
    stop = np.zeros(1, np.uint8)
    blocks = blocks_of(batch.prepared, batch.inputs.n_samples, batch.inputs.n_steps, batch.threads)
    if memories is not None:
        blocks = _blocks_like(memories)
    kept: Sequence[Memory | None] = memories or [None] * len(blocks)
    work = [(block, memory, stop) for block, memory in zip(blocks, kept, strict=True)]
    brief = batch.inputs.n_samples * batch.inputs.n_steps * batch.prepared.n_places < SHORT
    if brief and min(batch.threads, len(blocks)) < 2:
        return [out for task in work for out in _run_block(batch, *task)]
    made = in_threads(
        lambda task: list(_run_block(batch, *task)), work, batch.threads, lambda: stop.fill(1)
    )
    return [out for outputs in made for out in outputs]


def blocks_of(prepared: Prepared, n_samples: int, n_steps: int, threads: int) -> list[range]:
    """Return which samples are run together."""
    # one block for each thread: two would even out what they take, and cost a tenth more
    shared = -(-n_samples // threads)
    length = max(1, min(BLOCK, shared, SLICE_BYTES // (n_steps * prepared.row_bytes)))
    return [range(k, min(k + length, n_samples)) for k in range(0, n_samples, length)]


def _blocks_like(memories: Sequence[Memory]) -> list[range]:
    ends = np.cumsum([0, *(len(memory.state) for memory in memories)])
    return [range(int(a), int(b)) for a, b in zip(ends, ends[1:], strict=False)]


def _run_block(
    batch: Batch, block: range, memory: Memory | None, stop: AnyArray
) -> Iterator[Output]:
    """Run some samples, a single one slice by slice where its spikes would fill the memory."""
    inputs, n_steps = batch.inputs, batch.inputs.n_steps
    longest = max(1, SLICE_BYTES // batch.prepared.row_bytes)
    if len(block) > 1 or longest >= n_steps:
        longest = n_steps
    elif memory is None:
        memory = no_memory(batch.prepared, 1, graded_input=inputs.values is not None)
    first = block.start * n_steps
    for start in range(0, n_steps, longest):
        steps = min(longest, n_steps - start)
        rows = inputs.indptr[first + start : first + start + len(block) * steps + 1]
        shape = len(block), steps
        values = inputs.values
        if values is None and memory is not None:
            values = np.ones(inputs.n_events, np.int32)  # those of another chunk may differ
        train = Train(rows, inputs.index, values)
        run = Block(batch.prepared, train, shape, memory=memory, stop=stop, mode=batch.mode)
        run.record(batch.recorder, block.start, start)
        yield run.run()
