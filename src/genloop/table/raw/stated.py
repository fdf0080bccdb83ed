"""Columns whose kind ``columns:`` in params.yaml states: their values must be of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from genloop.choices import ColumnChoice
from genloop.errors import GenloopError
from genloop.table.encoding.columns import Column, Kind, parse
from genloop.table.raw.infer import (
    FLOAT,
    INTEGER,
    blank_missing,
    check_moments,
    check_size,
    empty,
    strange_type,
    tell,
    where,
)


def tell_or_take(
    name: str, values: pd.Series, stored: str | None, place: object, choice: ColumnChoice | None
) -> tuple[Column, pd.Series]:
    """Return what a column holds, and its typed values: as stated, else as its values tell.

    ``stored`` is Arrow's name of its type, None where it was text.

    Raises:
        GenloopError: a value is not of the stated kind, or the column cannot be told.
    """
    if values.dtype == object:
        raise strange_type(name, stored, place)
    check_moments(name, values, place)
    kind = _kind(choice) if choice else None
    if choice is None or kind is None:
        column, typed = tell(name, values, place)
        return replace(column, stored=stored), typed
    texts, missing = as_text(values, choice.values or ())
    column = replace(_column(name, texts, kind, choice, place), missing=missing, stored=stored)
    return column, parse(column, texts)


def as_text(values: pd.Series, kept: Sequence[str] = ()) -> tuple[pd.Series, str | None]:
    """Return values as text, ``<NA>`` where one is missing, and how that is written; ``kept`` is never missing."""
    texts = values.astype("string")
    if pd.api.types.is_string_dtype(values):
        return blank_missing(texts, kept)
    return texts, "" if texts.isna().any() else None


def _kind(choice: ColumnChoice) -> Kind | None:
    """Return the kind that is stated, or that follows from what else is."""
    category = choice.values or (choice.ordered or None)
    follows: dict[Kind, object] = {"datetime": choice.format, "float": choice.decimals, "category": category}
    stated: Any = choice.kind  # a column that is left out does not come here
    return stated or next((kind for kind, stated in follows.items() if stated is not None), None)


def _column(name: str, texts: pd.Series, kind: Kind, choice: ColumnChoice, place: object) -> Column:
    values = texts.dropna().unique().tolist()
    if not values:
        raise empty(name, place)
    if kind == "integer":
        _check(name, texts, [value for value in values if not INTEGER.fullmatch(value)], kind, place)
        return Column(name, kind)
    if kind == "float":
        _check(name, texts, [value for value in values if not FLOAT.fullmatch(value)], kind, place)
        check_size(name, texts, values, place)
        return _float(name, values, choice)
    if kind == "datetime":
        return _datetime(name, texts, values, choice, place)
    if kind == "key":
        repeated = texts.dropna()[texts.dropna().duplicated()]
        _check(name, texts, repeated.unique().tolist(), "key, whose values all differ", place)
        return Column(name, kind)
    if kind == "constant":
        _check(name, texts, values[1:], f"constant, which is {values[0]!r} before", place)
        return Column(name, kind, values=(values[0],))
    return _words(name, texts, values, kind, choice, place)


def _float(name: str, values: list[str], choice: ColumnChoice) -> Column:
    """Return a column of numbers with the decimals that are stated, else with those that are written."""
    written = [len(value.partition(".")[2]) for value in values]
    binary = any("e" in value.lower() for value in values)
    decimals = choice.decimals if choice.decimals is not None else None if binary else max(written)
    return Column(name, "float", decimals=decimals, padded=not binary and min(written) == max(written) == decimals)


def _datetime(name: str, texts: pd.Series, values: list[str], choice: ColumnChoice, place: object) -> Column:
    """Return a column of dates in the stated form, or in the only one that fits."""
    if choice.format is None:
        column, _ = tell(name, texts, place)
        _check(name, texts, [] if column.kind == "datetime" else values, "datetime of a known form", place)
        return column
    try:
        parsed = pd.to_datetime(pd.Series(values), format=choice.format, errors="coerce")
    except ValueError as error:
        told = f"'{choice.format}' is no format of dates ({error}); write it as in '%d.%m.%Y'"
        raise GenloopError(f"columns.{name}.format: {told}") from None
    strange = [value for value, bad in zip(values, parsed.isna(), strict=True) if bad]
    _check(name, texts, strange, f"datetime written as {choice.format}", place)
    return Column(name, "datetime", format=choice.format)


def _words(name: str, texts: pd.Series, values: list[str], kind: Kind, choice: ColumnChoice, place: object) -> Column:
    """Return a category or a boolean with the values that are stated, else with those that are there."""
    known = choice.values or tuple(sorted(values))
    _check(name, texts, [value for value in values if value not in known], f"{kind} of {', '.join(known)}", place)
    if kind == "boolean" and len(known) != 2:
        raise GenloopError(f"{place}: column '{name}' has {len(known)} values, a boolean has two; set category")
    return Column(name, kind, values=known, ordered=choice.ordered)


def _check(name: str, texts: pd.Series, strange: list[str], kind: str, place: object) -> None:
    if strange:
        raise GenloopError(
            f"{place}: {where(texts, strange[0], name)} is no {kind}; mend it, or state another kind in columns.{name}"
        )
