"""Runs side by side: those that differ in nothing but seeds form a group, and unlike protocols are never compared."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from genloop.errors import GenloopError
from genloop.protocol import differences

PARTS = ("intervals", "left_out", "baselines", "protocol", "identity")  # of metrics, beside the scores
SURE = 0.975  # quantile whose interval on both sides holds 95 %


@dataclass(frozen=True)
class Entry:
    """The metrics of one trained run, from the workspace or from an experiment."""

    name: str
    data: str
    metrics: dict[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What it was made of."""
        return dict(self.metrics["identity"])

    @property
    def protocol(self) -> dict[str, Any]:
        """How its scores were taken."""
        return dict(self.metrics["protocol"])


@dataclass(frozen=True)
class Value:
    """A score and how far its 95 % interval reaches, where that is known."""

    score: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Return it as people write it, as exactly as it is known."""
        if self.low is None or self.high is None:
            return f"{self.score:.4g}"
        away = (self.high - self.low) / 2
        decimals = 3 if not away else min(max(1 - math.floor(math.log10(away)), 0), 4)
        return (
            f"{round(self.score, decimals) + 0.0:.{decimals}f} ± {away:.{decimals}f}"  # + 0.0: no minus before a zero
        )


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seeds."""

    entries: tuple[Entry, ...]

    @property
    def label(self) -> str:
        """The names of its runs, each once."""
        return ", ".join(dict.fromkeys(entry.name for entry in self.entries))

    def value(self, score: str) -> Value | None:
        """Return a score of the group.

        Of several seeds the mean, with Student's interval over the seeds; of one its own, with that over the records.
        """
        having = [entry.metrics for entry in self.entries if score in entry.metrics]
        if len(having) < 2:
            return value_of(having[0], score) if having else None
        found = [metrics[score] for metrics in having]
        mean = float(np.mean(found))
        away = float(t.ppf(SURE, len(found) - 1) * np.std(found, ddof=1) / math.sqrt(len(found)))
        return Value(mean, mean - away, mean + away)


def scores_in(figures: dict[str, Any]) -> dict[str, float]:
    """Return the scores among what belongs to them."""
    return {key: value for key, value in figures.items() if isinstance(value, int | float)}


def value_of(figures: dict[str, Any], score: str) -> Value | None:
    """Return a score of figures as JSON holds them."""
    if score not in figures:
        return None
    return Value(figures[score], *figures["intervals"].get(score, (None, None)))


def group_runs(entries: Sequence[Entry]) -> list[Group]:
    """Return the groups of runs in the order of their first; equal weights that are met twice count once."""
    found: list[dict[str, Entry]] = []
    for entry in entries:
        made = str(entry.identity["weights"])
        for members in found:
            other = next(iter(members.values()))
            alike = (entry.data, entry.identity["group"]) == (other.data, other.identity["group"])
            if alike and not differences(entry.protocol, other.protocol):
                members.setdefault(made, entry)
                break
        else:
            found.append({made: entry})
    return [Group(tuple(members.values())) for members in found]


def comparable(groups: Sequence[Group]) -> tuple[list[Group], list[str]]:
    """Return groups that can all be compared with each other, and for each other one a line that says why not."""
    kept: list[Group] = []
    told: list[str] = []
    for group in groups:
        protocols = [other.entries[0].protocol for other in kept]
        reasons = [reason for other in protocols for reason in differences(other, group.entries[0].protocol)]
        if reasons:
            unlike = "; ".join(dict.fromkeys(reasons))
            told.append(f"{group.label} is not compared, it was scored otherwise: {unlike}")
        else:
            kept.append(group)
    return kept, told


def read_metrics(text: str, place: str) -> dict[str, Any]:
    """Return what ``evaluate`` wrote.

    Raises:
        GenloopError: it is something else, as of another version; ``place`` says where it stands.
    """
    try:
        metrics = dict(json.loads(text))
    except ValueError:
        metrics = {}
    if not all(isinstance(metrics.get(part), dict) for part in PARTS):
        raise GenloopError(f"{place}: was not written by this version of genloop; run 'dvc repro' to write it anew")
    return metrics
