"""Rows as codes: a span of codes for each column, two for a date with a time of day, and places within intervals."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from genloop.table.encoding.columns import TYPES, Column
from genloop.table.encoding.intervals import Intervals

Part = Literal["value", "day", "time"]
Codes = Int[np.ndarray, "rows spans"]
Places = Float[np.ndarray, "rows spans"]
DAY = 86_400 * 10**6  # microseconds
STEPS = (60 * 10**6, 10**6, 10**3, 1)  # of a time of day, in microseconds: the largest that all values keep


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

    @staticmethod
    def fit(frame: pd.DataFrame, columns: tuple[Column, ...]) -> "Encoding":
        """Cut the numbers of the training rows into intervals."""
        return Encoding(columns, tuple(span for column in columns for span in _spans(column, frame[column.name])))

    def encode(self, frame: pd.DataFrame) -> tuple[Codes, Places]:
        """Return the codes of typed rows, and where numbers lie in their intervals, from 0 to 1; 0.5 elsewhere."""
        known = {column.name: column for column in self.columns}
        encoded = [_encode(span, known[span.column], frame[span.column]) for span in self.spans]
        codes, places = (np.stack(part, axis=1) for part in zip(*encoded, strict=True))
        return codes.astype(np.int32), places.astype(np.float64)

    def decode(self, codes: Codes, places: Places, first: int = 0) -> pd.DataFrame:
        """Return typed rows; keys are counted from ``first`` + 1."""
        decoded = {(s.column, s.part): _decode(s, codes[:, i], places[:, i]) for i, s in enumerate(self.spans)}
        rows = np.arange(first + 1, first + len(codes) + 1)
        return pd.DataFrame({column.name: _typed(column, decoded, rows) for column in self.columns})

    def state(self) -> dict[str, Any]:
        """Return what ``schema.json`` says of the table."""
        return {"columns": [c.state() for c in self.columns], "spans": [s.state() for s in self.spans]}

    @staticmethod
    def of(state: dict[str, Any]) -> "Encoding":
        """Return the encoding that ``schema.json`` tells of."""
        return Encoding(tuple(map(Column.of, state["columns"])), tuple(map(Span.of, state["spans"])))


def _spans(column: Column, values: pd.Series) -> list[Span]:
    if column.kind in ("key", "constant"):
        return []
    extra = int(column.missing is not None)
    if column.kind in ("category", "boolean"):
        return [Span(column.name, "value", len(column.values) + extra)]
    numbers = _numbers(column, values.dropna())
    found: list[Span] = []
    for part, part_numbers in numbers.items():
        if part != "time" or part_numbers.any():
            intervals = Intervals.fit(part_numbers, _step(column, part, part_numbers))
            found.append(Span(column.name, part, len(intervals.lows) + extra, intervals))
    return found


def _step(column: Column, part: Part, numbers: np.ndarray) -> float:
    if part == "time":
        return float(next(step for step in STEPS if not (numbers % step).any()))
    return 0.0 if column.kind == "float" and column.decimals is None else 1.0


def _numbers(column: Column, values: pd.Series) -> dict[Part, np.ndarray]:
    """Return the numbers behind values none of which is missing, counted in the smallest step of their column."""
    if column.kind == "datetime":
        moments = values.to_numpy().astype("datetime64[us]").astype(np.int64)
        return {"day": (moments // DAY).astype(float), "time": (moments % DAY).astype(float)}
    numbers = values.to_numpy(dtype=float)
    return {"value": np.round(numbers * 10**column.decimals) if column.decimals is not None else numbers}


def _encode(span: Span, column: Column, values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    missing = values.isna().to_numpy()
    codes, places = np.full(len(values), span.size - 1), np.full(len(values), 0.5)
    present = values[~missing]
    if span.intervals is not None:
        codes[~missing], places[~missing] = span.intervals.encode(_numbers(column, present)[span.part])
    elif column.kind == "boolean":
        codes[~missing] = present.to_numpy(dtype=int)
    else:
        codes[~missing] = pd.Index(column.values).get_indexer(pd.Index(present))
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
        moments = decoded[column.name, "day"] * DAY + decoded.get((column.name, "time"), np.zeros(len(rows)))
        missing = np.isnan(moments)
        dates = np.where(missing, 0, moments).astype(np.int64).astype("datetime64[us]")
        return pd.Series(dates).mask(pd.Series(missing))
    numbers = decoded[column.name, "value"]
    if column.kind in ("category", "boolean"):
        known = [*((False, True) if column.kind == "boolean" else column.values), pd.NA]
        return pd.Series(np.array(known, dtype=object)[numbers.astype(int)]).astype(TYPES[column.kind])
    if column.decimals is not None:
        numbers = numbers / 10**column.decimals
    return pd.Series(numbers).astype("Float64").astype(TYPES[column.kind])
