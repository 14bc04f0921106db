"""The engine's compiled loops; imported only when a network runs, so that numba loads late.

``|x| * k >> 12`` is split into ``(|x| >> 12) * k + ((|x| & 4095) * k >> 12)``, exact in 32 bits.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.fixedpoint import DECAY_BITS, STATE_BITS
from hetlava.sim.compiling import compiled
from hetlava.sim.receiving import Index, convolve, gather, receive, zero
from hetlava.sim.wiring import KERNEL, PAIRED, Traces, Wiring, Work

FLAGS = 8  # spikes that are turned into events at once
HALF = 1 << (STATE_BITS - 1)
FRACTION = (1 << DECAY_BITS) - 1
GATHER = np.uint64(
    0x0102040810204080
)  # brings the lowest bits of eight bytes into the highest byte
# where the set bits of a byte stand, one byte each, and how many there are
_BITS = (np.arange(256)[:, None] >> np.arange(FLAGS)) & 1
PLACES = np.argsort(1 - _BITS, axis=1, kind="stable").astype(np.uint8).ravel()
COUNTS = _BITS.sum(axis=1).astype(np.int64)


@compiled
def run_samples(
    net: Wiring, work: Work, traces: Traces, synops, indptr, index, first, last, n_steps
) -> int:
    """Run samples ``first .. last - 1`` and return how many were finished before memory ran out."""
    for sample in range(first, last):
        row = (sample - first) * n_steps
        room = _copy_input(work, indptr, index, sample * n_steps, row, n_steps)
        if not room or not _run_sample(net, work, traces, row, n_steps, sample, len(synops)):
            return int(sample - first)
        synops[sample] = _count_synops(net, work, row, row + n_steps)
        if _is_half_full(work, row + n_steps):  # rather than break off in the next sample
            return int(sample + 1 - first)
    return int(last - first)


@compiled
def _is_half_full(work, row):
    for q in range(len(work.room) - 1):
        if 2 * work.rows[q, row] > work.room[q] + work.room[q + 1]:
            return True
    return False


@compiled
def _copy_input(work, indptr, index, source_row, row, n_steps):
    position = work.rows[0, row]
    start, stop = indptr[source_row], indptr[source_row + n_steps]
    if position + stop - start + FLAGS > work.room[1]:
        return False
    _copy(work.events, position, index, start, stop - start)
    for t in range(n_steps + 1):
        work.rows[0, row + t] = position + indptr[source_row + t] - start
    return True


@compiled
def _run_sample(net, work, traces, first_row, n_steps, sample, n_samples):
    group_start, width, size, offset, keep_u, keep_v, bias, threshold = net[:8]
    u, v, drive, fired, flags = work.u, work.v, work.drive, work.fired, work.flags
    room, events, rows = work.room, work.events, work.rows
    u_offset, v_offset, values = traces
    zero(u, len(u))
    zero(v, len(v))
    for group in range(len(group_start) - 1):
        for t in range(n_steps):
            row, at = first_row + t, t * n_samples + sample
            for p in range(group_start[group], group_start[group + 1]):
                n, i, position = size[p], offset[p], rows[p + 1, row]
                if position + n + FLAGS > room[p + 2]:
                    return False
                zero(drive, n)
                if t > 0:
                    _listen(net, work, p, first_row, row)
                _integrate(u, v, keep_u, keep_v, bias, threshold, drive, fired, i, n)
                rows[p + 1, row + 1] = _compact(flags, n, events, position)
                if u_offset[p] >= 0:
                    _copy(values, u_offset[p] + at * width[p], u, i, width[p])
                if v_offset[p] >= 0:
                    _copy(values, v_offset[p] + at * width[p], v, i, width[p])
    return True


@compiled
def _listen(net, work, p, first_row, row):
    """Add to the drive of population p what arrives through each of its wires."""
    events, rows = work.events, work.rows
    for w in range(net.wire_start[p], net.wire_start[p + 1]):
        q, first, last = net.source[w], net.late_start[w], net.late_start[w + 1]
        start, stop = rows[q, row - 1], rows[q, row]
        if first < last:
            start = work.room[len(work.room) - 1]
            stop = gather(
                events, start, net.late_step, first, last,
                net.delays, net.delay_offset[w], rows, q, first_row, row,
            )  # fmt: skip
        if net.kind[w] == KERNEL:
            convolve(
                work.drive, work.total, net.weights, net.weight_offset[w], net.geometry, w,
                events, start, stop, net.shift[w],
            )  # fmt: skip
        else:
            receive(
                work.drive, work.total, work.sums, work.highs, net.kind[w] == PAIRED, net.shift[w],
                net.weights, net.weight_offset[w], net.size[p], events, start, stop,
            )  # fmt: skip


@compiled
def _copy(target, at, source, start, n):
    for k in range(n):
        target[Index(at + k)] = source[Index(start + k)]


@compiled
def _decay(x, keep):
    sign = np.int32(x >> np.int32(31))
    size = np.uint32(np.int32(np.int32(x ^ sign) - sign))
    whole = np.uint32(np.uint32(size >> np.uint32(DECAY_BITS)) * keep)
    part = np.uint32(np.uint32(size & np.uint32(FRACTION)) * keep)
    kept = np.uint32(whole + np.uint32(part >> np.uint32(DECAY_BITS)))
    return np.int32(np.int32(np.int32(kept) ^ sign) - sign)


@compiled
def _integrate(u, v, keep_u, keep_v, bias, threshold, drive, fired, offset, n):
    half, turn, limit = np.int32(HALF), np.int32(2 * HALF), np.int32(HALF - 1)
    for k in range(n):
        i = Index(offset) + Index(k)
        x = np.int32(_decay(u[i], keep_u[i]) + drive[k])
        x = np.int32(x - turn) if x > half else (np.int32(x + turn) if x <= -half else x)
        u[i] = x
        y = np.int32(np.int32(_decay(v[i], keep_v[i]) + bias[i]) + x)
        y = np.int32(min(max(y, -limit), limit))
        spike = y > threshold[i]
        v[i] = np.int32(0) if spike else y
        fired[k] = spike


@compiled
def _compact(fired, n, events, position):
    """Write the places of non-zero bytes, eight at a time and without a branch."""
    for group in range(n // FLAGS):
        byte = Index(np.uint64(fired[group] * GATHER) >> np.uint64(56))
        base, row = np.int32(group * FLAGS), byte * Index(FLAGS)
        for k in range(FLAGS):
            events[Index(position) + Index(k)] = np.int32(base + np.int32(PLACES[row + Index(k)]))
        position += COUNTS[byte]
    return position


@compiled
def _count_synops(net, work, first, last):
    total = 0
    for q in range(len(net.fan_offset)):
        fan = net.fan_offset[q]
        for e in range(work.rows[q, first], work.rows[q, last]):
            total += net.fan_out[Index(fan + work.events[Index(e)])]
    return total
