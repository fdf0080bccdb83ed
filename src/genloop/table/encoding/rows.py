"""Rows as codes: a span of codes for each column, two for a date with a time of day, and places within intervals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from genloop.table.encoding.columns import TYPES, Column, microseconds, moments
from genloop.table.encoding.intervals import Intervals
from genloop.table.encoding.rules import Rule, with_bounds

Part = Literal["value", "day", "time", "difference"]
Codes = Int[np.ndarray, "rows spans"]
Places = Float[np.ndarray, "rows spans"]
DAY = 86_400 * 10**6  # microseconds
STEPS = (DAY, 3600 * 10**6, 60 * 10**6, 10**6, 10**3, 1)  # of a time in microseconds: the largest that all values keep


@dataclass(frozen=True)
class Span:
    """A column, or a part of one, as codes from 0 on; where some are missing, the last code says so."""

    column: str
    part: Part
    size: int
    intervals: Intervals | None = None  # of numbers; None: the codes are positions in the column's values

    def state(self) -> dict[str, Any]:
        """Return what ``schema.json`` says of the span."""
        known = {"column": self.column, "part": self.part, "size": self.size}
        return known | ({"intervals": self.intervals.state()} if self.intervals else {})

    @staticmethod
    def of(state: dict[str, Any]) -> "Span":
        """Return the span that ``schema.json`` tells of."""
        intervals = Intervals.of(state["intervals"]) if "intervals" in state else None
        return Span(state["column"], state["part"], state["size"], intervals)


@dataclass(frozen=True)
class Encoding:
    """How a table's rows become codes and come back."""

    columns: tuple[Column, ...]
    spans: tuple[Span, ...]
    rules: tuple[Rule, ...] = ()

    @staticmethod
    def fit(frame: pd.DataFrame, columns: tuple[Column, ...], rules: tuple[Rule, ...] = ()) -> "Encoding":
        """Cut the numbers of the training rows into intervals, and note their bounds."""
        columns = tuple(_bounded(column, frame[column.name]) for column in columns)
        known = {column.name: column for column in columns}
        rules = tuple(with_bounds(rule, frame, known) for rule in rules)
        ruled = {rule.target: rule for rule in rules}
        spans = (_spans(column, frame, ruled.get(column.name), known) for column in columns)
        return Encoding(columns, tuple(span for found in spans for span in found), rules)

    @property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    def encode(self, frame: pd.DataFrame) -> tuple[Codes, Places]:
        """Return the codes of typed rows, and where numbers lie in their intervals, from 0 to 1; 0.5 elsewhere."""
        encoded = [self._encoded(span, frame) for span in self.spans]
        codes, places = (np.stack(part, axis=1) for part in zip(*encoded, strict=True))
        return codes.astype(np.int32), places.astype(np.float64)

    def decode(self, codes: Codes, places: Places, first: int = 0, given: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return typed rows; keys are counted from ``first`` + 1, and what is ``given`` stays as it is."""
        known, rows = self.by_name, np.arange(first + 1, first + len(codes) + 1)
        decoded = {(s.column, s.part): _decode(s, codes[:, i], places[:, i]) for i, s in enumerate(self.spans)}
        ruled = {rule.target for rule in self.rules}
        free = {name: column for name, column in known.items() if name not in ruled}
        found = {name: _kept(name, _typed(column, decoded, rows), given) for name, column in free.items()}
        for rule in self.rules:
            frame = pd.DataFrame({name: found[name] for name in rule.others})
            differences = decoded.get((rule.target, "difference"), rows)
            follows = rule.total(frame, known) if rule.signs else rule.raised(frame, known, differences)
            found[rule.target] = _kept(rule.target, follows, given)
        return pd.DataFrame({name: found[name] for name in known})

    def _encoded(self, span: Span, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        values, known = frame[span.column], self.by_name
        if span.part != "difference":
            return _encode(span, known[span.column], values)
        rule = next(rule for rule in self.rules if rule.target == span.column)
        return _place(span, values.isna().to_numpy(), lambda present: rule.differences(frame[present], known))

    def state(self) -> dict[str, Any]:
        """Return what ``schema.json`` says of the table."""
        return {
            "columns": [column.state() for column in self.columns],
            "spans": [span.state() for span in self.spans],
            "rules": [rule.state() for rule in self.rules],
        }

    @staticmethod
    def of(state: dict[str, Any]) -> "Encoding":
        """Return the encoding that ``schema.json`` tells of."""
        columns, spans, rules = state["columns"], state["spans"], state["rules"]
        return Encoding(tuple(map(Column.of, columns)), tuple(map(Span.of, spans)), tuple(map(Rule.of, rules)))


def _kept(name: str, values: pd.Series, given: pd.DataFrame | None) -> pd.Series:
    return values if given is None else given[name].fillna(values)


def _bounded(column: Column, values: pd.Series) -> Column:
    """Return a column of dates and times that knows the first and the last; days and times of day are drawn apart."""
    if column.kind != "datetime" or not values.notna().any():
        return column
    present = microseconds(values.dropna())
    return replace(column, bounds=(int(present.min()), int(present.max())))


def _spans(column: Column, frame: pd.DataFrame, rule: Rule | None, known: dict[str, Column]) -> list[Span]:
    if column.kind in ("key", "constant") or (rule and rule.signs):
        return []
    extra = int(column.missing is not None)
    if column.kind in ("category", "boolean"):
        return [Span(column.name, "value", len(column.values) + extra)]
    present = frame[frame[column.name].notna()]
    numbers = _numbers(column, present[column.name])
    if rule:
        numbers = {"difference": rule.differences(present, known)}
    found: list[Span] = []
    for part, part_numbers in numbers.items():
        if part != "time" or part_numbers.any():
            exact = column.decimals is not None if rule is None else rule.decimals(known) is not None
            intervals = Intervals.fit(part_numbers, _step(column, part, part_numbers, exact))
            found.append(Span(column.name, part, len(intervals.lows) + extra, intervals))
    return found


def _step(column: Column, part: Part, numbers: np.ndarray, exact: bool) -> float:
    if part == "time" or (part == "difference" and column.kind == "datetime"):
        return float(next(step for step in STEPS if not (numbers % step).any()))
    return 0.0 if column.kind == "float" and not exact else 1.0


def _numbers(column: Column, values: pd.Series) -> dict[Part, np.ndarray]:
    """Return the numbers behind values none of which is missing, counted in the smallest step of their column."""
    if column.kind == "datetime":
        day, time = np.divmod(microseconds(values), DAY)
        return {"day": day.astype(float), "time": time.astype(float)}
    numbers = values.to_numpy(dtype=float)
    return {"value": np.round(numbers * 10**column.decimals) if column.decimals is not None else numbers}


def _encode(span: Span, column: Column, values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    missing = values.isna().to_numpy()
    if span.intervals is not None:
        return _place(span, missing, lambda present: _numbers(column, values[present])[span.part])
    codes, present = np.full(len(values), span.size - 1), values[~missing]
    if column.kind == "boolean":
        codes[~missing] = present.to_numpy(dtype=int)
    else:
        codes[~missing] = pd.Index(column.values).get_indexer(pd.Index(present.astype("string")))
    return codes, np.full(len(values), 0.5)


def _place(
    span: Span, missing: np.ndarray, numbers: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval and the place in it of each number that is there."""
    assert span.intervals is not None
    codes, places = np.full(len(missing), span.size - 1), np.full(len(missing), 0.5)
    codes[~missing], places[~missing] = span.intervals.encode(numbers(~missing))
    return codes, places


def _decode(span: Span, codes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the number behind each code, not a number where it is missing."""
    if span.intervals is None:
        return codes.astype(float)
    missing = codes >= len(span.intervals.lows)
    return np.where(missing, np.nan, span.intervals.decode(np.where(missing, 0, codes), places))


def _typed(column: Column, decoded: dict[tuple[str, Part], np.ndarray], rows: np.ndarray) -> pd.Series:
    if column.kind == "key":
        return pd.Series(rows.astype(str)).astype("string")
    if column.kind == "constant":
        return pd.Series([column.values[0]] * len(rows), dtype="string")
    if column.kind == "datetime":
        drawn = decoded[column.name, "day"] * DAY + decoded.get((column.name, "time"), np.zeros(len(rows)))
        return moments(np.clip(drawn, *column.bounds) if column.bounds else drawn)
    numbers = decoded[column.name, "value"]
    if column.kind in ("category", "boolean"):
        known = [*((False, True) if column.kind == "boolean" else column.values), pd.NA]
        return pd.Series(np.array(known, dtype=object)[numbers.astype(int)]).astype(column.dtype)
    if column.decimals is not None:
        numbers = numbers / 10**column.decimals
    return pd.Series(numbers).astype("Float64").astype(TYPES[column.kind])
