"""Shares with their 95 % intervals."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Z = 1.959964  # 95 % of a normal distribution lie within so many deviations


class Interval(NamedTuple):
    """A figure between the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def share_interval(count: int, size: int) -> Interval:
    """Return a share with its score interval (Wilson 1927)."""
    share, extra = count / size, Z**2 / size
    center, half = share + extra / 2, Z * np.sqrt(share * (1 - share) / size + extra / size / 4)
    return Interval(share, float((center - half) / (1 + extra)), float((center + half) / (1 + extra)))


def difference_of_shares(count: int, size: int, other_count: int, other_size: int) -> Interval:
    """Return the difference of two shares with its hybrid score interval (Newcombe 1998, method 10)."""
    share, other = share_interval(count, size), share_interval(other_count, other_size)
    difference = share.value - other.value
    below = np.hypot(share.value - share.low, other.high - other.value)
    above = np.hypot(share.high - share.value, other.value - other.low)
    return Interval(difference, float(difference - below), float(difference + above))


def how_often_closer(distances: Float[np.ndarray, " rows"], usual: Float[np.ndarray, " others"]) -> Interval:
    """Return how often a generated record is closer to its nearest training record than an honest one is to its own.

    Ties count half. One half for a generator that has only learned the distribution, 1 for one that copies. The
    interval is that of an area under a curve (DeLong et al. 1988, equation 6); at least two records of either.
    """
    closer, farther = _placements(distances, usual), 1 - _placements(usual, distances)
    half = Z * np.sqrt(closer.var(ddof=1) / len(closer) + farther.var(ddof=1) / len(farther))
    share = float(closer.mean())
    return Interval(share, max(0.0, share - float(half)), min(1.0, share + float(half)))


def _placements(values: Float[np.ndarray, " values"], others: Float[np.ndarray, " others"]) -> np.ndarray:
    """Return for each value the share of the others that are greater, equal ones by half."""
    ordered = np.sort(others)
    below, up_to = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (len(others) - (below + up_to) / 2) / len(others)
