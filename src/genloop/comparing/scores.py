"""Scores of a sheet: a column for each group of runs that differ in nothing but seeds, and what lies between groups."""

from collections.abc import Sequence
from dataclasses import dataclass

from genloop.comparing.lanes import Lane
from genloop.comparison import Group, Value, comparable, group_runs, scores_in, value_of
from genloop.glossary import ABOUT, Better, glossary, meaning
from genloop.noise import MORE, WITHIN, Difference, difference, verdict
from genloop.report.numbers import decimals, shown
from genloop.report.scores import axis, headline, spoken

REAL = "real"  # the baseline that says how good a score can get


@dataclass(frozen=True)
class Column:
    """A group of runs."""

    letters: str
    color: str
    label: str
    group: Group


@dataclass(frozen=True)
class Cell:
    """A score of one group; the places on the axis are in percent of its length."""

    column: Column
    value: str
    interval: str
    difference: str  # from the first group, with its interval
    told: str  # whether that is more than noise
    verdict: str  # better, worse, or nothing
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A score of all groups that have it."""

    name: str
    text: str
    better: Better
    cells: tuple[Cell | None, ...]  # None: the group has no such score
    real: str
    real_at: float | None

    @property
    def places(self) -> int:
        """How many marks are on its axis; one alone says nothing."""
        return sum(cell is not None for cell in self.cells) + (self.real_at is not None)


@dataclass(frozen=True)
class Scores:
    """All that a sheet says of scores."""

    columns: tuple[Column, ...]
    sections: dict[str, tuple[Row, ...]]  # by what they are about
    left_out: tuple[str, ...]  # groups that were scored otherwise, in words

    @property
    def headline(self) -> list[Row]:
        """The few scores that people look at first."""
        return headline(row for section in self.sections.values() for row in section)

    @property
    def sentences(self) -> list[str]:
        """For each group but the first, which of its scores differ from the first's by more than noise."""
        return [_sentence(self.columns[0], column, self.sections) for column in self.columns[1:]]


def score_lanes(lanes: Sequence[Lane]) -> Scores:
    """Return the scores of runs, those that differ in nothing but seeds together."""
    groups, left_out = comparable(group_runs([lane.reference.entry for lane in lanes]))
    columns = tuple(_column(group, lanes) for group in groups)
    modality = lanes[0].reference.modality
    found = {name for group in groups for entry in group.entries for name in scores_in(entry.metrics)}
    order = [name for name in glossary(modality) if name in found] + sorted(found - glossary(modality).keys())
    rows = [_row(name, columns, modality) for name in order]
    sections = {
        title: tuple(row for row in rows if meaning(row.name, modality).about == about)
        for about, title in ABOUT.items()
    }
    return Scores(columns, {title: section for title, section in sections.items() if section}, tuple(left_out))


def _column(group: Group, lanes: Sequence[Lane]) -> Column:
    """Return a group with the letters of its runs, also of those whose weights it has already."""
    held = {str(entry.identity["weights"]) for entry in group.entries}
    kinds = {str(entry.identity["group"]) for entry in group.entries}
    own = [
        lane
        for lane in lanes
        if lane.reference.weights_hash in held and lane.reference.entry.identity["group"] in kinds
    ]
    return Column(", ".join(lane.letter for lane in own), own[0].color, ", ".join(lane.label for lane in own), group)


def _row(name: str, columns: Sequence[Column], modality: str) -> Row:
    known = meaning(name, modality)
    values = [column.group.value(name) for column in columns]
    real = value_of(columns[0].group.entries[0].metrics["baselines"].get(REAL, {}), name)
    ends = [end for value in (*values, real) if value is not None for end in _ends(value)]
    percent = axis(ends)
    cells: list[Cell | None] = []
    for column, value in zip(columns, values, strict=True):
        if value is None:
            cells.append(None)
            continue
        places = tuple(percent(end) for end in (value.score, *_ends(value)))
        cells.append(_cell(column, value, _against(name, columns[0], column, known.better), places))
    real_at = percent(real.score) if real is not None else None
    return Row(name, known.text, known.better, tuple(cells), shown(real.score) if real else "", real_at)


def _against(name: str, first: Column, column: Column, better: Better) -> tuple[Difference, str] | None:
    """Return the difference of a group from the first one and whether it is for the better."""
    sides = [_each(side, name) for side in (first, column)]
    if column is first or not all(sides):
        return None
    found = difference(*sides)
    means = [side.group.value(name) for side in (first, column)]
    assert means[0] is not None
    assert means[1] is not None
    return found, verdict(found, means[0].score, means[1].score, better)


def _each(column: Column, name: str) -> list[Value]:
    values = [value_of(entry.metrics, name) for entry in column.group.entries]
    return [value for value in values if value is not None]


def _cell(column: Column, value: Value, against: tuple[Difference, str] | None, places: tuple[float, ...]) -> Cell:
    low, high = _ends(value)
    interval = (low, high) if high > low else None
    digits = decimals(value.score, interval)
    found, judged = against if against else (None, "")
    return Cell(
        column,
        shown(value.score, digits) if interval else shown(value.score),
        spoken(interval, digits) if interval else "",
        str(found) if found else "",
        found.told if found else "",
        judged,
        *places,
    )


def _ends(value: Value) -> tuple[float, float]:
    return (value.score if value.low is None else value.low, value.score if value.high is None else value.high)


def _sentence(first: Column, column: Column, sections: dict[str, tuple[Row, ...]]) -> str:
    """Return a line on a group, of the scores of which one way is better."""
    told: dict[str, list[str]] = {"better": [], "worse": [], WITHIN: [], MORE: []}
    for row in (row for section in sections.values() for row in section if row.better):
        for cell in row.cells:
            if cell is not None and cell.column is column and cell.told:
                told[cell.verdict or cell.told].append(row.name)
    parts = [f"{word} in {', '.join(told[word])}" for word in ("better", "worse") if told[word]]
    parts += [f"otherwise in {', '.join(told[MORE])}"] * bool(told[MORE])
    beyond = f"{'; '.join(parts)}, by more than noise" if parts else "nothing differs by more than noise"
    rest = f"; within noise: {', '.join(told[WITHIN])}" if told[WITHIN] else ""
    return f"{column.letters} against {first.letters}: {beyond}{rest}."
