"""What is found of a delivery: the tests of its new records, judged together, and lines for people."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genloop.deliveries.chances import Tested
from genloop.deliveries.choices import Drift
from genloop.errors import printable

MARKED = "\\`*_{}[]()#+-.!|~@:/"  # that Markdown, or GitHub in it, gives a meaning
SMALLEST = 1e-300
SHOWN = 50  # findings of a report; a table may have two thousand columns
Limit = Literal["shift", "strange", "missing", "repeats"]


@dataclass(frozen=True)
class Finding:
    """One thing that people should know of a delivery."""

    what: str  # a column, or records, rows, pictures, classes
    told: str
    broken: bool  # nothing should be trained on it


@dataclass(frozen=True)
class Trial:
    """A test of new records, before it is known what the others say."""

    what: str
    told: str  # what is found, in words
    test: str
    statistic: str
    p: float  # chance of such a statistic in an honest delivery
    effect: float
    limit: Limit  # by which the effect is judged
    moves: bool = False  # new data are expected to differ in this

    @staticmethod
    def of(what: str, told: str, test: str, statistic: str, tested: Tested, limit: Limit) -> "Trial":
        """Return a test by its result."""
        return Trial(what, told, test, statistic, tested.p, tested.effect, limit)


@dataclass(frozen=True)
class Compared:
    """Two prepared folders, record by record."""

    known: int
    now: int
    new: int
    gone: int
    findings: tuple[Finding, ...]  # that need no test
    trials: tuple[Trial, ...]
    names: tuple[str, ...]  # of what may be said to move


@dataclass(frozen=True)
class Delivery:
    """What is new in a data set, and whether it can be trained on."""

    data: str
    new: int
    gone: int
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> bool:
        """Whether nothing should be trained on it."""
        return any(finding.broken for finding in self.findings)

    def lines(self) -> list[str]:
        """Return what was found as Markdown, what is broken first; names and values of the data stay plain text."""
        count = f"{self.new:,} new record{'' if self.new == 1 else 's'}, {self.gone:,} gone"
        verdict = "broken" if self.broken else "can be trained on"
        lines = [f"**{plain(self.data)}**: {count}: {verdict}"]
        if self.findings:
            lines += ["", "| what | found | so |", "|---|---|---|"]
        ordered = sorted(self.findings, key=lambda finding: not finding.broken)
        for finding in ordered[:SHOWN]:
            so = "**broken**" if finding.broken else "told"
            lines.append(f"| {plain(finding.what)} | {plain(finding.told)} | {so} |")
        more = len(ordered) - SHOWN
        return [*lines, "", f"And {more:,} more like these."] if more > 0 else lines


def plain(text: str) -> str:
    """Return text that Markdown and HTML take for nothing else, on one line."""
    escaped = html.escape(printable(text), quote=False)
    return "".join(f"&#{ord(letter)};" if letter in "|@" else _marked(letter) for letter in escaped)


def _marked(letter: str) -> str:
    return f"\\{letter}" if letter in MARKED and letter not in "#.-()+!:/&;" else letter


def judge(trials: Sequence[Trial], drift: Drift) -> list[Finding]:
    """Return what is more than chance over all trials together (Holm 1979); broken is what is beyond its limit too."""
    found = []
    for trial, p in zip(trials, holm([trial.p for trial in trials]), strict=True):
        if p < drift.level:
            limit = getattr(drift, trial.limit)
            figures = f"{trial.test}, {trial.statistic}, {_chance(p)} after Holm"
            beyond = f"{trial.limit} {trial.effect:.3g}, limit {limit:g}"
            moving = trial.moves or trial.what in drift.moving
            told = f"{trial.told} ({figures}; {beyond}{', expected to move' if moving else ''})"
            found.append(Finding(trial.what, told, trial.effect > limit and not moving))
    return found


def _chance(p: float) -> str:
    return f"p < {SMALLEST:g}" if p < SMALLEST else f"p = {p:.2g}"


def holm(chances: Sequence[float]) -> list[float]:
    """Return p values that hold for all of them together.

    Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    order = np.argsort(chances, kind="stable")
    factors = np.arange(len(chances), 0, -1)
    rising = np.maximum.accumulate(np.array(chances, dtype=float)[order] * factors).clip(max=1)
    found = np.empty(len(chances))
    found[order] = rising
    return found.tolist()
