"""Scores as rows of a table, each with its place between the baselines on an axis of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from genloop.glossary import ABOUT, Better, glossary, meaning
from genloop.report.numbers import decimals, shown

EDGE = 3.0  # percent of the axis before the smallest value and after the largest
HALF = 0.5
FIRST = ("frechet", "kid", "precision", "recall", "shapes", "pairs", "detection", "usefulness")
HEADLINE = (*FIRST, "bits_per_dimension", "copied")  # of both modalities
Interval = tuple[float, float]


@runtime_checkable
class Named(Protocol):
    """What is known by the name of a score."""

    @property
    def name(self) -> str:
        """The score."""
        ...


R = TypeVar("R", bound=Named)


@dataclass(frozen=True)
class Mark:
    """A value on the axis, in percent of its length, with its interval if any."""

    of: str  # run, or the name of a baseline
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A score."""

    name: str
    text: str
    better: Better
    value: str
    interval: str
    baselines: Mapping[str, str]
    marks: tuple[Mark, ...]  # baselines first; none where there is no baseline to compare with
    target: float | None  # where 0.5 lies, if that is best


@dataclass(frozen=True)
class Group:
    """Scores about one thing, with the baselines that some of them have."""

    about: str
    title: str
    rows: tuple[Row, ...]
    baselines: tuple[str, ...]


def group_scores(metrics: Mapping[str, Any], modality: str) -> list[Group]:
    """Return every score, by what it is about, in the order of the glossary; those that it does not know come last."""
    order = [*glossary(modality), *sorted(metrics)]
    names = [name for name in dict.fromkeys(order) if isinstance(metrics.get(name), int | float)]
    groups = []
    for about, title in ABOUT.items():
        rows = tuple(_row(name, metrics, modality) for name in names if meaning(name, modality).about == about)
        known = tuple(name for name in metrics.get("baselines", {}) if any(name in row.baselines for row in rows))
        if rows:
            groups.append(Group(about, title, rows, known))
    return groups


def headline(rows: Iterable[R]) -> list[R]:
    """Return the few scores that people look at first."""
    named = {row.name: row for row in rows}
    return [named[name] for name in HEADLINE if name in named]


def axis(values: Sequence[float]) -> Callable[[float], float]:
    """Return where a value lies on an axis that just holds all of ``values``, in percent of its length."""
    low, width = min(values), max(values) - min(values)
    return lambda value: round(EDGE + (100 - 2 * EDGE) * (value - low) / width, 2) if width else 50.0


def interval_of(metrics: Mapping[str, Any], name: str) -> Interval | None:
    """Return the interval of a score, if it has one."""
    found = metrics.get("intervals", {}).get(name)
    return (float(found[0]), float(found[1])) if found else None


def spoken(interval: Interval, places: int) -> str:
    """Return an interval in words."""
    return f"{shown(interval[0], places)} to {shown(interval[1], places)}"


def _row(name: str, metrics: Mapping[str, Any], modality: str) -> Row:
    known, value, interval = meaning(name, modality), metrics[name], interval_of(metrics, name)
    beside = {key: scores for key, scores in metrics.get("baselines", {}).items() if name in scores}
    places = None if interval is None or isinstance(value, int) else decimals(value, interval)
    marks, target = _place(name, metrics, beside, known.better) if beside else ((), None)
    return Row(
        name,
        known.text,
        known.better,
        shown(value, places),
        spoken(interval, decimals(value, interval)) if interval else "",
        {key: shown(scores[name]) for key, scores in beside.items()},
        marks,
        target,
    )


def _place(
    name: str, metrics: Mapping[str, Any], beside: Mapping[str, Any], better: Better
) -> tuple[tuple[Mark, ...], float | None]:
    """Return where the baselines, the run and 0.5 lie on an axis that just holds them all."""
    found = {of: (float(side[name]), *_reach(side, name)) for of, side in {**beside, "run": metrics}.items()}
    values = [value for three in found.values() for value in three] + ([HALF] if better == "half" else [])
    place = axis(values)
    marks = tuple(Mark(of, *map(place, three)) for of, three in found.items())
    return marks, place(HALF) if better == "half" else None


def _reach(side: Mapping[str, Any], name: str) -> Interval:
    return interval_of(side, name) or (float(side[name]), float(side[name]))
