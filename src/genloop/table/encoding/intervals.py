"""Numbers as codes: which interval of the training values a number lies in, and where in it.

Few values, or frequent ones, are intervals of their own; the others are cut so that each interval holds about as many
training rows. So any shape of distribution, with peaks and gaps, is learned as a distribution over codes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

SINGLE = 128  # with no more values than this, each is an interval of its own
REPEATED = 4  # rows of each of these values, on the average, at least
SHARE = 0.01  # of the rows that a value has to be an interval of its own where there are more; and that others hold
FEWEST = 16  # rows that this share stands for, at least: of few rows, fine intervals could only be learned by heart


@dataclass(frozen=True)
class Intervals:
    """Intervals, both ends included, that hold all training values and only lie where there are some."""

    lows: Float[np.ndarray, " intervals"]
    highs: Float[np.ndarray, " intervals"]
    step: float  # between two neighbors of the values that the column can take; 0: any

    @staticmethod
    def fit(values: Float[np.ndarray, " rows"], step: float) -> "Intervals":
        """Cut the range of training values."""
        found, counts = np.unique(values, return_counts=True)
        if len(found) <= SINGLE and len(values) >= REPEATED * len(found):
            return Intervals(found, found, step)
        target = max(SHARE * len(values), FEWEST)
        single = counts >= target
        # A single value closes the interval before it; others close one when it holds enough rows.
        stretch = np.cumsum(single) * 2 - single  # counts up at each single value and after it
        before = np.cumsum(np.where(single, 0, counts)) - np.where(single, 0, counts)
        start = before - np.array([before[first] for first in np.searchsorted(stretch, stretch)])
        interval = stretch.astype(float) * len(values) + np.where(single, 0, start // target)
        first = np.flatnonzero(np.diff(interval, prepend=-1.0))
        last = np.append(first[1:], len(found)) - 1
        return Intervals(found[first], found[last], step)

    def encode(self, values: Float[np.ndarray, " rows"]) -> tuple[Int[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """Return each value's interval and its place in it, from 0 to 1; one outside goes to the nearest."""
        upper = np.searchsorted(self.lows, values, side="right").clip(1, len(self.lows) - 1)
        lower = np.maximum(upper - 1, 0)
        nearer = self.lows[upper] - values < values - self.highs[lower]
        codes = np.where(nearer, upper, lower)
        low, high = self.lows[codes], self.highs[codes]
        inside = np.clip(values, low, high) - low
        if self.step:
            return codes, (np.round(inside / self.step) + 0.5) / self._cells(codes)
        return codes, np.divide(inside, high - low, out=np.zeros_like(inside), where=high > low)

    def decode(self, codes: Int[np.ndarray, " rows"], places: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """Return the value at each place of an interval."""
        low = self.lows[codes]
        if self.step:
            cells = self._cells(codes)
            return low + np.minimum(np.floor(places * cells), cells - 1) * self.step
        return low + places * (self.highs[codes] - low)

    def _cells(self, codes: Int[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        return np.round((self.highs[codes] - self.lows[codes]) / self.step) + 1

    def state(self) -> dict[str, Any]:
        """Return what ``schema.json`` says of the intervals."""
        return {"lows": self.lows.tolist(), "highs": self.highs.tolist(), "step": self.step}

    @staticmethod
    def of(state: dict[str, Any]) -> "Intervals":
        """Return the intervals that ``schema.json`` tells of."""
        return Intervals(np.array(state["lows"]), np.array(state["highs"]), state["step"])
