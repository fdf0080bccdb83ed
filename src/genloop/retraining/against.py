"""Scores of runs beside those at a base: a table each, with what differs by more than noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genloop.comparing.scores import REAL
from genloop.comparison import Entry, read_metrics, value_of
from genloop.errors import GenloopError
from genloop.glossary import Better, meaning
from genloop.markdown import plain, table
from genloop.noise import WITHIN, difference, verdict
from genloop.protocol import differences
from genloop.references.revisions import commits_of
from genloop.report.numbers import shown
from genloop.report.scores import HEADLINE
from genloop.summary import known_runs, read_entries
from genloop.versions import metrics_at

ARROWS: dict[Better, str] = {"low": "↓", "high": "↑", "half": "→ 0.5", "": ""}
UNBROKEN = "\N{NO-BREAK SPACE}"
SIGNS = {"better": "🟢", "worse": "🔴", WITHIN: "⚪"}
LEGEND = f"*↓ lower is better, ↑ higher is better; {SIGNS[WITHIN]} {WITHIN}; ± reaches to the ends of a 95 % interval.*"


@dataclass(frozen=True)
class Sides:
    """How the two sides are called: in short over their columns, and the first in full where it is spoken of."""

    before: str
    now: str
    base: str


def scores_against(base: str, names: Sequence[str]) -> list[str]:
    """Return Markdown: the scores of runs of the workspace beside those that were committed at a base.

    Raises:
        GenloopError: the base is no revision of Git, or a run is not scored.
    """
    commit = commit_of(base)
    sides = Sides("base", "now", f"base {commit[:7]}")
    data, lines = Path("data"), list[str]()
    runs = known_runs(data)
    entries = {entry.name: entry for entry in read_entries(data, runs)}
    for name in names:
        if name not in entries:
            raise GenloopError(f"{name}: is not scored yet; run 'dvc repro'")
        text = metrics_at(commit, name)
        before = Entry(name, runs[name]["data"], read_metrics(text, f"{name} at {base}")) if text else None
        lines += [*compared(entries[name], before, runs[name]["modality"], sides), ""]
    return [*lines, LEGEND] if lines else []


def commit_of(revision: str) -> str:
    """Return the commit that a revision names.

    Raises:
        GenloopError: there is none, or there are several.
    """
    commits = list(commits_of(revision))
    if len(commits) != 1:
        raise GenloopError(f"{revision}: no revision of this repository; bring it with 'git fetch', or name a commit")
    return commits[0]


def compared(now: Entry, before: Entry | None, modality: str, sides: Sides) -> list[str]:
    """Return a sentence about a run, and the table of the few scores that people look at first."""
    told = f"{sides.base} has no such run"
    if before is not None and (unlike := differences(before.protocol, now.protocol)):
        told = f"not compared with {sides.base}, which was scored otherwise: {'; '.join(unlike)}"
        before = None
    names = [name for name in HEADLINE if value_of(now.metrics, name)]
    if before is None:
        return _told(now.name, plain(told), [sides.now, REAL], [_alone(name, now, modality) for name in names])
    found = [_row(name, before, now, modality) for name in names]
    judged = {sign: [row.name for row in found if row.verdict == sign] for sign in ("better", "worse")}
    parts = [f"{SIGNS[sign]} {sign} in {', '.join(rows)}" for sign, rows in judged.items() if rows]
    if before.identity["weights"] == now.identity["weights"]:
        parts = [f"the weights are those of {plain(sides.base)}"]
    sentence = " · ".join(parts) or f"{SIGNS[WITHIN]} nothing differs by more than noise"
    header = [sides.before, sides.now, "difference, 95 %", "", REAL]
    return _told(now.name, sentence, header, [row.cells for row in found])


def _told(name: str, sentence: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    unbroken = [[cell.replace(" ", UNBROKEN) for cell in row] for row in rows]
    numbers = [place + 1 for place, word in enumerate(header) if word]
    lines = table([plain(name), *map(plain, header)], unbroken, numbers)
    return [f"**{plain(name)}**: {sentence}", "", *lines]


@dataclass(frozen=True)
class Row:
    """A score of both sides."""

    name: str
    verdict: str  # better, worse, or nothing
    cells: tuple[str, ...]


def _row(name: str, before: Entry, now: Entry, modality: str) -> Row:
    first, second = (value_of(side.metrics, name) for side in (before, now))
    title, value, real = _alone(name, now, modality)
    if first is None or second is None:
        return Row(name, "", (title, "", value, "", "", real))
    found = difference([first], [second])
    judged = verdict(found, first.score, second.score, meaning(name, modality).better)
    sign = f"{SIGNS.get(judged or found.told, '')} {judged}".strip()
    return Row(name, judged, (title, str(first), value, str(found), sign, real))


def _alone(name: str, now: Entry, modality: str) -> tuple[str, str, str]:
    """Return how a score is called, what it is, and what it is of real records."""
    real = value_of(now.metrics["baselines"].get(REAL, {}), name)
    arrow = ARROWS[meaning(name, modality).better]
    return f"{plain(name)} {arrow}".strip(), str(value_of(now.metrics, name)), shown(real.score) if real else ""
