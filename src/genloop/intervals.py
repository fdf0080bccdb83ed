"""How sure a score is: its value over all records, with an interval from random parts of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int
from threadpoolctl import threadpool_limits

from genloop.randomness import keyed_generator

ROUNDS = 40  # parts whose scores are compared
LARGEST = 2_000  # records of a part, about, so that many records cost no more than these
SMALLEST = 100  # records of a part, about, where the sets are of very unlike sizes
SURE = 1.96  # standard errors on either side that hold 95 % of a normal distribution
Limits = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Figures:
    """Scores by name, with their 95 % intervals, and the reasons of those that could not be taken."""

    scores: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: "Figures") -> "Figures":
        """Return the figures of both."""
        return Figures(self.scores | other.scores, self.intervals | other.intervals, self.left_out | other.left_out)

    def as_dict(self) -> dict[str, Any]:
        """Return the scores flat, and beside them what belongs to them, as JSON holds it."""
        intervals = {name: list(ends) for name, ends in self.intervals.items()}
        return {**self.scores, "intervals": intervals, "left_out": self.left_out}


@dataclass(frozen=True)
class Part:
    """Which records of a set a score looks at: all, or a random share of each set that is drawn from."""

    share: float = 1.0
    generator: np.random.Generator | None = None

    def of(self, records: int) -> Int[np.ndarray, " chosen"]:
        """Return the chosen places among so many records, in their order."""
        if self.generator is None:
            return np.arange(records)
        count = max(round(records * self.share), min(records, 2))
        return np.sort(self.generator.permutation(records)[:count])


ALL = Part()


def with_intervals(
    score: Callable[[Part], dict[str, float]], sizes: tuple[int, ...], limits: Limits, seed: int
) -> Figures:
    """Return scores with an interval each, from the scores of random parts of all sets.

    The deviation of a score over parts of the share f of the records, drawn without replacement, times
    sqrt(f / (1 - f)), is its standard error (Shao and Wu 1989, "A general theory for jackknife variance estimation",
    the delete-d jackknife). A bootstrap repeats records, which doubles the deviation of distances between sets and
    makes neighbors of copies; with parts an interval is never much too narrow (``docs/experiments.md``).

    Args:
        score: scores of what a part chooses from each set; one that cannot be taken is left out or not a number.
        sizes: records of the sets.
        limits: between which a score lies; one that is not named lies anywhere.
        seed: keys the parts.
    """
    share = share_of(sizes)
    with threadpool_limits(1):  # sums in one order, whatever the machine
        scores = {name: value for name, value in score(ALL).items() if math.isfinite(value)}
        parts = [score(Part(share, keyed_generator(seed, "part", number))) for number in range(ROUNDS)]
    intervals = {}
    for name, value in scores.items():
        values = np.array([part[name] for part in parts if math.isfinite(part.get(name, math.nan))])
        if len(values) > ROUNDS // 2:
            away = SURE * float(values.std(ddof=1)) * math.sqrt(share / (1 - share))
            low, high = limits.get(name, (-math.inf, math.inf))
            intervals[name] = (max(value - away, low), min(value + away, high))
    return Figures(scores, intervals)


def share_of(sizes: tuple[int, ...]) -> float:
    """Return the share of each set that is in a part: half of it, less where a set is large."""
    return min(0.5, max(LARGEST / max(sizes), SMALLEST / max(min(sizes), 1)))


def of_mean(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent values."""
    away = SURE * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - away, float(values.mean()) + away
