"""Means over seeds and how sure they are."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Student's quantiles for 95 %, both sides, of 1, 2, .. degrees of freedom; more have smaller ones
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


class Mean(NamedTuple):
    """A mean over ``n`` seeds and its standard error; NaN of a single one."""

    value: float
    sem: float
    n: int

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "-"
        return f"{self.value:.1f}" if math.isnan(self.sem) else f"{self.value:.1f} ± {self.sem:.1f}"


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean of the values that are numbers, and the standard error of it.

    The error is of the sample's standard deviation over the root of ``n``.

    Examples
    --------
    >>> print(mean_of([1.0, 2.0, 3.0]))
    2.0 ± 0.6
    """
    x = np.array([v for v in values if math.isfinite(v)])
    if not x.size:
        return Mean(math.nan, math.nan, 0)
    sem = float(x.std(ddof=1) / math.sqrt(x.size)) if x.size > 1 else math.nan
    return Mean(float(x.mean()), sem, x.size)


def binomial_error(share: float, n: int) -> float:
    """Return the standard error of a share that ``n`` samples were counted for.

    Examples
    --------
    >>> binomial_error(0.5, 100)
    0.05
    """
    return math.sqrt(share * (1 - share) / n)


def student(n: int) -> float:
    """Return how many standard errors a mean of ``n`` values lies from 0 by chance in 5 % at most.

    Examples
    --------
    >>> student(3)
    4.3
    """
    return STUDENT[min(n - 1, len(STUDENT)) - 1]
