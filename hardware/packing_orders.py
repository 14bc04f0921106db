"""Orders in which the neurons of a layer are put on cores."""

from bisect import insort
from collections.abc import Iterator

import numpy as np

from hetlava.arrays import Int, Int64

BALANCED_MAX = 1 << 17  # neurons: with more the list of groups gets slow


def orders(profile: Int, threshold: Int, profiles: int, room: int) -> Iterator[tuple[str, Int64]]:
    """Yield names and permutations of the neurons, each made when it is asked for.

    ``decay``: neurons of one decay side by side. ``threshold``: the same, but of one threshold.
    ``balanced``: many rare decays with a frequent one to fill up. ``index``: as they are, which
    keeps neurons with common sources together where the network was built that way. ``windows``:
    as they are from window to window, by decay inside.

    Parameters
    ----------
    profile, threshold : (n,) int32
        Number of each neuron's decay pair and threshold.
    profiles, room : int
        Decay pairs (0: any number) and neurons that a core holds.
    """
    n, index = profile.size, np.arange(profile.size)
    yield "decay", by_decay(profile, threshold)
    if threshold.any():
        yield "threshold", np.lexsort((index, profile, threshold))
    sizes = np.bincount(profile)
    if not profiles or sizes.size <= profiles:
        yield "index", index
        return
    if sizes.size < n < BALANCED_MAX:
        yield "balanced", by_decay(profile, threshold)[_balanced(sizes, profiles, room)]
    # as many neurons as the cores that hold all decays, or fewer
    for size in sorted({room * -(-sizes.size // profiles), 4 * room}, reverse=True):
        if size < n:
            yield f"windows of {size}", np.lexsort((index, threshold, profile, index // size))
    yield "index", index


def by_decay(profile: Int, threshold: Int) -> Int64:
    """Return neurons in the order of their decays, of equal ones in that of their thresholds."""
    y: Int64 = np.lexsort((np.arange(profile.size), threshold, profile))
    return y


def side_by_side(parts: list[Int64]) -> Int64:
    """Mix orders so that every stretch of the result has a like share of each."""
    share = np.concatenate([(np.arange(part.size) + 0.5) / part.size for part in parts])
    y: Int64 = np.concatenate(parts)[np.argsort(share, kind="stable")]
    return y


def _balanced(sizes: Int64, profiles: int, room: int) -> Int64:
    """Return positions in the order by decay: few of each core's profiles are large ones."""
    next_of = (np.cumsum(sizes) - sizes).tolist()
    left = sorted((int(size), g) for g, size in enumerate(sizes) if size)
    pieces: list[Int64] = []

    def take(size: int, group: int, free: int) -> int:
        taken = min(size, free)
        pieces.append(np.arange(next_of[group], next_of[group] + taken))
        next_of[group] += taken
        if taken < size:
            insort(left, (size - taken, group))
        return free - taken

    while left:
        free, held = room, 0
        while left and free and held < profiles - 1:
            size, group = left.pop(0)
            free, held = take(size, group, free), held + 1
        if left and free:
            size, group = left.pop()
            take(size, group, free)
    return np.concatenate(pieces)
