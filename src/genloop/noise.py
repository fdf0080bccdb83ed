"""Whether two scores differ by more than noise: their difference with a 95 % interval of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from genloop.comparison import SURE, Value
from genloop.glossary import Better
from genloop.report.numbers import decimals, shown

MORE, WITHIN = "more than noise", "within noise"
HALF = 0.5


@dataclass(frozen=True)
class Difference:
    """What one score has more than another, and how far the 95 % interval of that reaches, where it is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def told(self) -> str:
        """In words whether it is more than noise; nothing where that cannot be said."""
        if self.low is None or self.high is None:
            return ""
        return WITHIN if self.low <= 0 <= self.high else MORE

    def __str__(self) -> str:
        """Return it as people write it, with its interval."""
        if self.low is None or self.high is None:
            return _signed(self.value, decimals(self.value))
        digits = decimals(self.value, (self.low, self.high))
        return f"{_signed(self.value, digits)} ({shown(self.low, digits)} to {shown(self.high, digits)})"


def _signed(value: float, digits: int) -> str:
    text = shown(value, digits)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text


def difference(first: Sequence[Value], second: Sequence[Value]) -> Difference:
    """Return what ``second`` has more than ``first``, each the scores of runs that differ in nothing but seeds.

    * Several seeds on both sides: Welch's interval over the seeds (Welch 1947, "The generalization of 'Student's'
      problem when several different population variances are involved").
    * Several on one side: Student's interval, with seeds of the other side taken to vary as much as these (Crawford and
      Howell 1998, "Comparing an individual's test score against norms derived from small samples").
    * One on either side: from the intervals over the records by "square and add", which keeps ends that are nearer on
      one side (Newcombe 1998, "Interval estimation for the difference between independent proportions", method 10).

    What it does not claim: the last says nothing of other seeds. Both sides are scored against the same held-out
    records, whose luck they share, and the formula takes them for independent: so it is conservative. Of twenty scores
    that do not differ, one is told to on average.
    """
    if not first or not second:
        raise ValueError("a difference needs scores on both sides")
    if len(first) == 1 and len(second) == 1:
        return _by_records(first[0], second[0])
    return _by_seeds([value.score for value in first], [value.score for value in second])


def _by_records(first: Value, second: Value) -> Difference:
    value = second.score - first.score
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Difference(value)
    below = math.hypot(second.score - second.low, first.high - first.score)
    above = math.hypot(second.high - second.score, first.score - first.low)
    return Difference(value, value - below, value + above) if below + above else Difference(value)


def _by_seeds(first: list[float], second: list[float]) -> Difference:
    value = float(np.mean(second) - np.mean(first))
    if len(first) == 1 or len(second) == 1:
        several = first if len(second) == 1 else second
        error = float(np.std(several, ddof=1)) * math.sqrt(1 + 1 / len(several))
        freedom = float(len(several) - 1)
    else:
        shares = [float(np.var(side, ddof=1)) / len(side) for side in (first, second)]
        error = math.sqrt(sum(shares))
        parts = sum(share**2 / (len(side) - 1) for share, side in zip(shares, (first, second), strict=True))
        freedom = sum(shares) ** 2 / parts if parts else 1.0
    if not error:  # as of a score that counts and came out the same each time: nothing is known of its noise
        return Difference(value)
    away = float(t.ppf(SURE, freedom)) * error
    return Difference(value, value - away, value + away)


def verdict(found: Difference, first: float, second: float, better: Better) -> str:
    """Return ``better`` or ``worse`` where the second score is so by more than noise, else nothing.

    Of scores that are best at 0.5 nothing is said where the two lie on either side of it.
    """
    if found.told != MORE or not better:
        return ""
    if better == "half":
        if (first - HALF) * (second - HALF) < 0:
            return ""
        return "better" if abs(second - HALF) < abs(first - HALF) else "worse"
    return "better" if (found.value > 0) == (better == "high") else "worse"
