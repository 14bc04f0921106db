"""The search for the levels nearest to points on a line: exact, least squares or least largest.

Least squares is a shortest path over the levels in their order. What lies between two chosen
levels costs its distances to the nearer one, which obeys the quadrangle inequality for any growing
function of the distance, so that each of the K steps takes M log M evaluations for M levels
(Hassin and Tamir, Oper. Res. Lett. 10, 1991; Groenlund et al., arXiv:1701.07204). The least
largest distance is bisected: whether K levels reach every point is told by putting each as far as
it goes.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from hetlava.arrays import Float, Int, Int64


def nearest(levels: Float, x: Float) -> Int:
    """Return the index of the ascending level next to each value; the lower where two are."""
    middle = (levels[1:] + levels[:-1]) / 2
    y: Int = np.searchsorted(middle, x).astype(np.int32)
    return y


def least_squares(x: Float, weights: Float, levels: Float, k: int, radius: float) -> Int64:
    """Return the levels (indices, ascending) of least weighted squared distance to sorted ``x``.

    Fewest points farther than ``radius`` come first.
    """
    # outside of the data no level is better than the last one inside
    first, last = nearest(levels, x[[0, -1]])
    cost = _Distances(x - x[0], weights, levels[first : last + 1] - x[0], radius)
    n, everything = cost.levels.size, np.arange(cost.levels.size)
    total = cost.left(everything)
    steps: list[Int64] = []
    # a step may stay where it is, so that k is a largest number and not an exact one
    for _ in range(min(k, n) - 1):
        total, back = row_minima(partial(cost.path, total), n)
        steps.append(back)
    chosen = [int(np.argmin(total + cost.right(everything)))]
    for back in reversed(steps):
        chosen.append(int(back[chosen[-1]]))
    return np.unique(np.array(chosen, np.int64)) + int(first)


class _Distances:
    """Weighted squared distances of sorted points to the nearer of two levels, from sums."""

    def __init__(self, x: Float, weights: Float, levels: Float, radius: float) -> None:
        self.x, self.levels, self.radius = x, levels, radius
        moments = np.stack([weights, weights * x, weights * x**2])
        self.sums = np.concatenate([np.zeros((3, 1)), np.cumsum(moments, axis=1)], axis=1)
        self.at = np.searchsorted(x, levels)
        # more than all distances together: still a growing function of each distance
        self.penalty = 4 * float(weights.sum()) * max(float(levels[-1]), x[-1], 1.0) ** 2

    def _to(self, level: Float, start: Int64, stop: Int64) -> Float:
        w, wx, wxx = self.sums[:, stop] - self.sums[:, start]
        y: Float = wxx - 2 * level * wx + level**2 * w
        return y

    def left(self, b: Int64) -> Float:
        """Points below level ``b``, to it."""
        far = self._below(self.levels[b] - self.radius)
        y: Float = self._to(self.levels[b], np.zeros_like(b), self.at[b]) + self.penalty * far
        return y

    def right(self, b: Int64) -> Float:
        """Points from level ``b`` on, to it."""
        far = self.x.size - self._below(self.levels[b] + self.radius)
        end = np.full_like(b, self.x.size)
        y: Float = self._to(self.levels[b], self.at[b], end) + self.penalty * far
        return y

    def between(self, a: Int64, b: Int64) -> Float:
        """Points between level ``a`` and a later level ``b``, to the nearer one."""
        low, high = self.levels[a], self.levels[b]
        middle = np.clip(self._below((low + high) / 2), self.at[a], self.at[b])
        cost = self._to(low, self.at[a], middle) + self._to(high, middle, self.at[b])
        if self.radius < np.inf:
            far = self._below(high - self.radius) - self._below(low + self.radius)
            cost += self.penalty * np.maximum(far, 0)
        return cost

    def path(self, before: Float, b: Int64, a: Int64) -> Float:
        """Points below level ``b`` where ``a`` is the level before it."""
        y: Float = before[a] + self.between(a, b)
        return y

    def _below(self, bound: Float) -> Int64:
        y: Int64 = np.searchsorted(self.x, bound)
        return y


def least_radius(x: Float, levels: Float, k: int) -> float:
    """Return the least largest distance of sorted ``x`` to ``k`` levels, and a little slack."""
    middle = nearest(levels, (x[[0]] + x[[-1]]) / 2)
    low, high = -1.0, float(np.max(np.abs(x[[0, -1]] - levels[middle])))
    while low < (radius := (low + high) / 2) < high:
        low, high = (low, radius) if _covers(x, levels, radius, k) else (radius, high)
    # the slack is for another order of the same sums
    return high + 1e-12 * (1 + float(np.max(np.abs(x))))


def _covers(x: Float, levels: Float, radius: float, k: int) -> bool:
    """Tell whether ``k`` levels have every point within ``radius``, each put as far as it goes."""
    i = 0
    for _ in range(k):
        level = levels[max(int(np.searchsorted(levels, x[i] + radius, side="right")) - 1, 0)]
        if abs(level - x[i]) > radius:
            return False
        i = max(i + 1, int(np.searchsorted(x, level + radius, side="right")))
        if i >= x.size:
            return True
    return False


def row_minima(cost: Callable[[Int64, Int64], Float], n: int) -> tuple[Float, Int64]:
    """Return the minimum over ``a <= b`` of ``cost(b, a)`` for every row ``b < n``, and its ``a``.

    The best column must not fall from one row to the next: the rows between two solved ones then
    search between their columns only, all rows of a level at once.
    """
    best, at = np.empty(n), np.zeros(n, np.int64)
    stride = 1 << n.bit_length()
    while stride >= 1:
        rows = np.arange(stride - 1, n, 2 * stride)
        low = np.where(rows >= stride, at[np.maximum(rows - stride, 0)], 0)
        above = np.minimum(rows + stride, n)
        high = np.where(above < n, at[np.minimum(above, n - 1)], n - 1)
        high = np.minimum(high, rows)
        if rows.size:
            best[rows], at[rows] = _ragged_minima(cost, rows, low, high)
        stride //= 2
    return best, at


def _ragged_minima(
    cost: Callable[[Int64, Int64], Float], rows: Int64, low: Int64, high: Int64
) -> tuple[Float, Int64]:
    length = high - low + 1
    start = np.cumsum(length) - length
    column = np.arange(int(length.sum())) - np.repeat(start - low, length)
    values = cost(np.repeat(rows, length), column)
    best = np.minimum.reduceat(values, start)
    hits = np.flatnonzero(values == np.repeat(best, length))
    first = hits[np.searchsorted(hits, start)]
    return best, column[first]
