"""Whether a generator copies what it was trained on, told from how near its records lie to training records.

A record is suspicious if its nearest training record is much nearer than the next ones (Carlini et al. 2023,
"Extracting training data from diffusion models", who divide a distance by the mean of the nearest ones). How often that
happens to nobody's fault is told from honest records: held-out ones, and training records among the others.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from genloop.shares import Interval, difference_of_shares, how_often_closer

Distances = Float[np.ndarray, "records neighbors"]  # to the nearest training records, the nearest first
NEIGHBORS = 10  # next ones, with whose mean distance that of the nearest one is compared
MOST = 2_000  # records of a kind that are looked at
PAIRS = 10  # that are shown
NEAR = 1 / 3  # ratio from which on no record is suspicious, whatever the data
TINY = 1e-12  # a ratio that only copies are below
HONEST = 0.005  # share of honest records that may be suspicious, at most
SOUGHT, SEEN = 0.01, 0.75  # share of copies that shall be found, and how much of them is taken to be suspicious


@dataclass(frozen=True)
class Neighbors:
    """The nearest training records of some records."""

    distances: Distances
    nearest: Int64[np.ndarray, " records"]  # place of the nearest one


@dataclass(frozen=True)
class Copying:
    """What the neighbors of generated records say, beside those of honest ones."""

    neighbors: Neighbors
    honest: Distances
    threshold: float  # of the ratio, below which a record is suspicious
    suspicious: int
    records: int
    honest_suspicious: int
    honest_records: int
    copied: Interval  # share of suspicious records beyond that of honest ones
    closer: Interval  # how often a generated record is closer to its nearest training record than an honest one

    @property
    def flagged(self) -> bool:
        """Whether more records are suspicious than chance explains."""
        return self.copied.low > 0

    def pairs(self) -> list["Pair"]:
        """Return the most suspicious records, the most suspicious first."""
        found = ratios(self.neighbors.distances)
        order = np.lexsort((self.neighbors.distances[:, 0], found))[:PAIRS]  # stable: of equal ones, the first
        return [Pair(int(i), int(self.neighbors.nearest[i]), float(found[i])) for i in order]


class Pair(NamedTuple):
    """A generated record, its nearest training record, and how much nearer that one is than the next."""

    generated: int
    training: int
    ratio: float


def judge(neighbors: Neighbors, honest: Distances) -> Copying:
    """Compare the neighbors of generated records with those of honest ones, as many of each record."""
    generated_ratios, honest_ratios = ratios(neighbors.distances), ratios(honest)
    threshold = suspicious_below(honest_ratios, len(generated_ratios))
    counts = [int((found < threshold).sum()) for found in (generated_ratios, honest_ratios)]
    sizes = len(generated_ratios), len(honest_ratios)
    copied = difference_of_shares(counts[0], sizes[0], counts[1], sizes[1])
    closer = how_often_closer(neighbors.distances[:, 0], honest[:, 0])
    return Copying(neighbors, honest, threshold, counts[0], sizes[0], counts[1], sizes[1], copied, closer)


def ratios(distances: Distances) -> Float[np.ndarray, " records"]:
    """Return the distance to the nearest record over the mean distance to the next ones; 1 where that is 0.

    Where it is 0, the training data repeats itself, and one more record says nothing.
    """
    usual = distances[:, 1:].mean(1)
    return np.where(usual > 0, distances[:, 0] / np.where(usual > 0, usual, 1), 1.0)


def suspicious_below(honest: Float[np.ndarray, " records"], records: int) -> float:
    """Return the ratio below which one of so many generated records is suspicious.

    Data whose records differ in a few values only has honest records as near to a training record as a copy. So the
    threshold is low enough that few honest records are below: so few that one copy in a hundred still stands out. An
    exact copy is suspicious at any threshold, also where honest records repeat training records.
    """
    ordered, most = np.sort(honest), int(HONEST * len(honest))
    count = next((count for count in range(most, 0, -1) if _stands_out(count, len(honest), records)), 0)
    return max(min(NEAR, float(ordered[count])), TINY)


def _stands_out(count: int, honest: int, records: int) -> bool:
    """Return whether a copier is flagged where so many honest records are suspicious."""
    expected = int(records * (SEEN * SOUGHT + count / honest))
    return difference_of_shares(expected, records, count, honest).low > 0
