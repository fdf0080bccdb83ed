"""Scores turned one way: how bad a score is, so that whatever is best, more of it is worse."""

from collections.abc import Sequence

from genloop.comparison import Entry, Group, Value, value_of
from genloop.glossary import Better
from genloop.noise import HALF, Difference, difference


def badness(value: Value, better: Better) -> Value:
    """Return how bad a score is, with its interval: itself, its negative, or how far it is from one half.

    Raises:
        ValueError: neither way is better.
    """
    if better == "low":
        return value
    if better == "high":
        return Value(-value.score, *(None if end is None else -end for end in (value.high, value.low)))
    if better != "half":
        raise ValueError("a score of which neither way is better cannot be bad")
    away = abs(value.score - HALF)
    if value.low is None or value.high is None:
        return Value(away)
    ends = sorted((abs(value.low - HALF), abs(value.high - HALF)))
    return Value(away, 0.0 if value.low <= HALF <= value.high else ends[0], ends[1])


def each_value(entries: Sequence[Entry], score: str) -> list[Value]:
    """Return a score of each run that has it."""
    values = (value_of(entry.metrics, score) for entry in entries)
    return [value for value in values if value is not None]


def worsening(champion: Sequence[Entry], challenger: Sequence[Entry], score: str, better: Better) -> Difference | None:
    """Return by how much the challenger is worse, with its interval; nothing where a side has no such score."""
    sides = [each_value(side, score) for side in (champion, challenger)]
    if not all(sides):
        return None
    return difference(*([badness(value, better) for value in side] for side in sides))


def mean_badness(group: Group, score: str, better: Better) -> float:
    """Return the mean badness of a group's runs; infinity where one of them has no such score."""
    values = each_value(group.entries, score)
    if len(values) < len(group.entries):
        return float("inf")
    return sum(badness(value, better).score for value in values) / len(values)


def told(worse: Difference, better: Better) -> str:
    """Return a worsening as people write a difference: in the score itself, or in its distance from one half."""
    if better == "high":
        ends = None if worse.low is None or worse.high is None else (-worse.high, -worse.low)
        return str(Difference(-worse.value, *(ends or (None, None))))
    return f"{worse} away from 0.5" if better == "half" else str(worse)
