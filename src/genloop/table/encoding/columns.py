"""What a column holds, told once by ``prepare`` and written to ``schema.json``."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

Kind = Literal["integer", "float", "boolean", "category", "datetime", "key", "constant"]
TYPES: dict[Kind, Any] = {
    "integer": "Int64",
    "float": "Float64",
    "boolean": "boolean",
    "category": "string",
    "datetime": "datetime64[us]",
    "key": "string",
    "constant": "string",
}


@dataclass(frozen=True)
class Column:
    """A column's name and kind, and how its values are written."""

    name: str
    kind: Kind
    values: tuple[str, ...] = ()  # as written: of a category in their order, of a boolean false and true, of a constant
    decimals: int | None = None  # of a float, at most; None: as many as there are
    padded: bool = False  # a float is written with all its decimals, though they be zeros
    format: str | None = None  # of a date and time, as in ``strptime``
    missing: str | None = None  # the most frequent spelling of a missing value; None: none is missing
    bounds: tuple[int, int] | None = None  # of a date and time in microseconds: the first and last of training rows
    ordered: bool = False  # a category's values stand in an order that means something
    stored: str | None = None  # Arrow's name of the type of a column that came with one; None: it was text

    @property
    def dtype(self) -> Any:
        """The type of the values in prepared rows."""
        return pd.CategoricalDtype(list(self.values), ordered=True) if self.ordered else TYPES[self.kind]

    def state(self) -> dict[str, Any]:
        """Return what ``schema.json`` says of the column."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    @staticmethod
    def of(state: dict[str, Any]) -> "Column":
        """Return the column that ``schema.json`` tells of."""
        return Column(**(state | {key: tuple(state[key]) for key in ("values", "bounds") if key in state}))


def parse(column: Column, texts: pd.Series) -> pd.Series:
    """Return values of the column's type from text, in which a missing value is ``<NA>``.

    Raises:
        ValueError: a text is no value of this kind.
    """
    if column.kind == "integer":
        return texts.str.removeprefix("+").astype("Int64")
    if column.kind == "float":
        return texts.astype("Float64")
    if column.kind == "boolean":
        return texts.map(dict(zip(column.values, (False, True), strict=True))).astype("boolean")
    if column.kind == "datetime":
        return pd.to_datetime(texts, format=column.format).astype("datetime64[us]")
    return texts.astype("string").astype(column.dtype)


def parses(column: Column, texts: pd.Series) -> bool:
    """Return whether all texts are values of this kind."""
    try:
        parse(column, texts)
    except (ValueError, TypeError):
        return False
    return True


def microseconds(values: pd.Series) -> Int[np.ndarray, " rows"]:
    """Return dates and times as whole numbers; what a missing one gives means nothing."""
    return values.to_numpy().astype("datetime64[us]").astype(np.int64)


def moments(numbers: Float[np.ndarray, " rows"]) -> pd.Series:
    """Return microseconds as dates and times, missing where one is not a number."""
    missing = np.isnan(numbers)
    dates = np.where(missing, 0, numbers).astype(np.int64).astype("datetime64[us]")
    return pd.Series(dates).mask(pd.Series(missing))


def instead(name: str, known: Iterable[str]) -> str:
    """Return what somebody may have meant who names a column that is not there, in words."""
    known = list(known)
    similar = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{similar[0]}'?" if similar else f"there are {', '.join(known)}"


def write(column: Column, values: pd.Series) -> pd.Series:
    """Return typed values as text, the way the raw table wrote them."""
    present = values.dropna()
    if column.kind == "boolean":
        texts = present.map(dict(zip((False, True), column.values, strict=True)))
    elif column.kind == "float" and column.padded:
        texts = present.map(f"{{:.{column.decimals}f}}".format)
    elif column.kind == "datetime":
        texts = present.dt.strftime(column.format)
    else:
        texts = present.astype("string")
    return texts.astype("string").reindex(values.index).fillna(column.missing or "")
