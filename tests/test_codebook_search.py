"""Row minima, against looking at everything."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hetlava.codebook_search import row_minima


@given(n=st.integers(1, 70), seed=st.integers(0, 2**32 - 1))
def test_row_minima_of_distances_are_those_of_the_whole_matrix(n, seed):
    rng = np.random.default_rng(seed)
    # the sum of a column's value and of a convex function of the distance is monotone
    place, value = np.sort(rng.uniform(0, 10, n)), rng.uniform(0, 5, n)

    def cost(row, column):
        return value[column] + (place[row] - place[column]) ** 2

    best, at = row_minima(cost, n)
    whole = np.tril(cost(np.arange(n)[:, None], np.arange(n)[None, :]))
    whole[np.triu_indices(n, 1)] = np.inf
    assert np.array_equal(best, whole.min(axis=1))
    assert np.array_equal(best, cost(np.arange(n), at)) and np.all(at <= np.arange(n))


def test_row_minima_look_at_few_entries():
    seen = 0

    def cost(row, column):
        nonlocal seen
        seen += row.size
        return (row - column - 5.0) ** 2

    _, at = row_minima(cost, 4096)
    assert np.array_equal(at, np.maximum(np.arange(4096) - 5, 0))
    assert seen < 4096 * 2 * 13  # of 4096**2 / 2
