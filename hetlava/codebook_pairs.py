"""Codebooks of pairs: a core's profile is a (synapse, membrane) pair of decay words.

Where one of the two is the same for all, the other one has the optimum of
:mod:`hetlava.codebook`. Where both vary the problem is k-means in the plane, which is NP-hard, and
the answer a heuristic: clusters are split where that helps most, then words and assignments are
improved in turn until neither changes, and pairs moved from where they are missed least. The same
arguments give the same answer.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Float, Int, Int64
from hetlava.codebook import (
    WORD_MAX,
    Codebook,
    Method,
    assigned,
    build,
    check,
    level_table,
)
from hetlava.codebook_search import nearest
from hetlava.errors import ValidationError

ROUNDS = 200  # of improvement; a few dozen are enough as a rule
MOVES = 64  # of a pair from one place to another
BLOCK = 1 << 22  # distances that are held at a time


def build_pairs(
    tau_syn: Float,
    tau_mem: Float,
    k: int,
    *,
    dt: float,
    weights: Float | None = None,
    method: Method = "rms",
    largest: tuple[int, int] = (WORD_MAX, WORD_MAX),
) -> Codebook:
    """Choose at most ``k`` pairs of decay words for pairs of time constants.

    Parameters
    ----------
    tau_syn, tau_mem : (n,) float64
        Time constants [s].
    dt, weights, method
        As in :func:`hetlava.codebook.build`; errors of both time constants count alike.
    largest : (int, int)
        Largest words that the registers hold.

    Returns
    -------
    Codebook
        With ``words`` (k, 2), the synapse's first.

    Raises
    ------
    ValidationError
        As in :func:`hetlava.codebook.build`.
    """
    if tau_syn.shape != tau_mem.shape:
        raise ValidationError(f"codebook: {tau_syn.shape} tau_syn for {tau_mem.shape} tau_mem")
    taus = np.stack([tau_syn, tau_mem], axis=1)
    weights = check(taus, k, dt, weights, method, min(largest))
    tables = [level_table(dt, size) for size in largest]
    own = np.stack([nearest(t, x) for t, x in zip(tables, np.log(taus).T, strict=True)], axis=1)
    distinct, rows = np.unique(own, axis=0, return_inverse=True)
    if len(distinct) <= k:
        return assigned(taus, _words(distinct, largest), rows.ravel(), dt, method)
    for one, other in ((0, 1), (1, 0)):
        if np.all(own[:, other] == own[0, other]):
            found = build(
                taus[:, one], k, dt=dt, weights=weights, method=method, largest=largest[one]
            )
            words = np.full((found.k, 2), largest[other] - own[0, other], np.int32)
            words[:, one] = found.words[:, 0]
            return assigned(taus, words, found.assignment, dt, method)
    points = _Points(np.log(taus), weights, tables)
    levels, assignment = _best_squares(points, k) if method == "rms" else _best_largest(points, k)
    return assigned(taus, _words(levels, largest), assignment, dt, method, optimal=False)


class _Points(NamedTuple):
    x: Float  # (n, 2) log tau
    weights: Float
    tables: list[Float]  # levels of the two words, ascending


def _best_squares(points: _Points, k: int) -> tuple[Int64, Int64]:
    found = _improve(points, _split(points, k), "rms")
    return _move(points, *found) if k > 1 else found


def _best_largest(points: _Points, k: int) -> tuple[Int64, Int64]:
    starts = (_farthest(points, k), _split(points, k), _best_squares(points, k)[1])
    return min(
        (_improve(points, start, "minimax") for start in starts),
        key=lambda found: _largest(points, found[0]),
    )


def _largest(points: _Points, levels: Int64) -> float:
    """Return the largest distance of a point that counts to its pair."""
    nearest_of = [block.min(axis=1) for _, block in _distances(points, levels, "minimax")]
    return float(np.concatenate(nearest_of)[points.weights > 0].max())


def _words(levels: Int | Int64, largest: tuple[int, int]) -> Int:
    y: Int = (np.array(largest) - levels).astype(np.int32)
    return y


def _split(points: _Points, k: int) -> Int64:
    """Return clusters (n,) from splitting, ``k`` - 1 times, the one that gains most by it."""
    cluster = np.zeros(len(points.x), np.int64)
    cuts = [_best_cut(points, np.flatnonzero(points.weights))]
    while len(cuts) < k:
        gains = [cut[0] for cut in cuts]
        worst = int(np.argmax(gains))
        if not gains[worst] > 0:
            break
        _, left, right = cuts[worst]
        cluster[right] = len(cuts)
        cuts[worst] = _best_cut(points, left)
        cuts.append(_best_cut(points, right))
    return cluster


def _best_cut(points: _Points, members: Int64) -> tuple[float, Int64, Int64]:
    """Return by how much the best straight cut lowers the squared error, and its two sides."""
    best = (0.0, members, members[:0])
    for axis in (0, 1):
        order = members[np.argsort(points.x[members, axis], kind="stable")]
        w, x = points.weights[order], points.x[order]
        mass, sums = np.cumsum(w), np.cumsum(w[:, None] * x, axis=0)
        rest, others = mass[-1] - mass[:-1], sums[-1] - sums[:-1]
        # between-cluster sum of squares: what the cut takes away
        gain = (sums[:-1] / mass[:-1, None] - others / rest[:, None]) ** 2
        gained = gain.sum(axis=1) * mass[:-1] * rest / mass[-1]
        if gained.size and gained.max() > best[0] * (1 + 1e-9):
            cut = int(np.argmax(gained)) + 1
            best = (float(gained[cut - 1]), order[:cut], order[cut:])
    return best


def _farthest(points: _Points, k: int) -> Int64:
    """Return clusters (n,) about ``k`` points, each the farthest from those before it."""
    x = points.x
    kept = points.weights > 0
    distance, cluster = np.full(len(x), np.inf), np.zeros(len(x), np.int64)
    centre = x[kept].mean(axis=0)
    for c in range(k):
        new = np.max(np.abs(x - centre), axis=1)
        cluster[new < distance] = c
        distance = np.minimum(distance, new)
        centre = x[np.argmax(np.where(kept, distance, -1))]
    return cluster


def _improve(points: _Points, cluster: Int64, method: Method) -> tuple[Int64, Int64]:
    """Return levels (k, 2) and clusters (n,), improved in turn until the levels stay."""
    levels, before = np.zeros((int(cluster.max()) + 1, 2), np.int64), None
    for _ in range(ROUNDS):
        levels = _centres(points, cluster, levels, method)
        if before is not None and np.array_equal(levels, before):
            break
        before = levels.copy()
        cluster = _closest(points, levels, method)
    return levels, cluster


def _move(points: _Points, levels: Int64, cluster: Int64) -> tuple[Int64, Int64]:
    """Take a pair from where it is missed least to where it helps most, while that helps."""
    missed, least = _missed(points, levels)
    for _ in range(MOVES):
        rest = np.delete(levels, int(np.argmin(missed)), axis=0)
        trial = _closest(points, rest, "rms")
        kept = points.weights > 0
        cuts = [_best_cut(points, np.flatnonzero(kept & (trial == c))) for c in range(len(rest))]
        trial[cuts[int(np.argmax([gain for gain, *_ in cuts]))][2]] = len(rest)
        moved = _improve(points, trial, "rms")
        missed, now = _missed(points, moved[0])
        if not now < least:
            break
        (levels, cluster), least = moved, now
    return levels, cluster


def _missed(points: _Points, levels: Int64) -> tuple[Float, float]:
    """Return by how much the squared error grows without each pair, (k,), and the error itself."""
    grown, total = np.zeros(len(levels)), 0.0
    for start, distance in _distances(points, levels, "rms"):
        w = points.weights[start : start + len(distance)]
        first = np.argmin(distance, axis=1)
        two = np.partition(distance, 1, axis=1)[:, :2] if len(levels) > 1 else distance
        grown += np.bincount(first, w * (two[:, -1] - two[:, 0]), len(levels))
        total += float(w @ two[:, 0])
    return grown, total


def _centres(points: _Points, cluster: Int64, levels: Int64, method: Method) -> Int64:
    """Return the best levels of every cluster; one without members keeps those that it had."""
    levels = levels.copy()
    kept = points.weights > 0
    cluster, x, w = cluster[kept], points.x[kept], points.weights[kept]
    order = np.argsort(cluster, kind="stable")
    present, start = np.unique(cluster[order], return_index=True)
    for axis, table in enumerate(points.tables):
        values = x[order, axis]
        if method == "minimax":
            low = np.minimum.reduceat(values, start)
            centre = (low + np.maximum.reduceat(values, start)) / 2
        else:
            mass = np.add.reduceat(w[order], start)
            centre = np.add.reduceat(w[order] * values, start) / mass
        levels[present, axis] = nearest(table, centre)
    return levels


def _closest(points: _Points, levels: Int64, method: Method) -> Int64:
    """Return the closest pair of each point."""
    parts = [np.argmin(block, axis=1) for _, block in _distances(points, levels, method)]
    return np.concatenate(parts).astype(np.int64)


def _distances(points: _Points, levels: Int64, method: Method) -> Iterator[tuple[int, Float]]:
    """Yield blocks of points: the first one, and (block, k) squared or largest distances."""
    at = [table[levels[:, axis]] for axis, table in enumerate(points.tables)]
    size = max(1, BLOCK // len(levels))
    for i in range(0, len(points.x), size):
        dx, dy = (np.subtract.outer(points.x[i : i + size, axis], at[axis]) for axis in (0, 1))
        yield i, np.maximum(np.abs(dx), np.abs(dy)) if method == "minimax" else dx**2 + dy**2
