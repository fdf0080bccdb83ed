"""Tells what each column of a raw table holds, from all of its values, unless ``columns:`` in params.yaml says so."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from genloop.errors import GenloopError
from genloop.table.encoding.columns import Column, parse, parses

MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "?", "-", "--", "."))
INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,14})", re.ASCII)  # exact in double precision; codes as 00123 are none
FLOAT = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
TRUTHS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y")
TIMES = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M:%SZ", " %H:%M:%S.%f", "T%H:%M:%S.%f", "T%H:%M:%S.%fZ")
FORMATS = (*(date + time for date in DATES for time in TIMES), "%Y%m%dT%H%M%S")
# Numbers and dates in forms that are not read: with a decimal comma, a currency, a percent sign, an offset of the zone.
UNREAD = re.compile(
    r"[+-]?\d{1,3}([ .']?\d{3})*,\d+|[$€£]\s?[+-]?\d[\d.,]*|[+-]?\d[\d.,]*\s?[%€$£]"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?[+-]\d\d:?\d\d"
)
MOSTLY = 0.9  # of the values that are numbers make the others faults
REPEATED = 2  # times that each value of a category occurs, on the average, at least, where it is of several words
PROSE = 3  # words in a text, on the average, that make it prose
TYPED_DECIMALS = 6  # of numbers that come as such: more tell nothing of how they were written
LARGEST = 2**53  # integer up to which all are exact in double precision
HUGE = 1e100  # size of a number that a table may hold
DECIMALS = 12  # more are what binary numbers look like when they are written out


def tell(name: str, values: pd.Series, place: object) -> tuple[Column, pd.Series]:
    """Return what a column holds, and its values in the type of that kind; text is told by what it spells.

    Raises:
        GenloopError: nothing, an infinite value, numbers and other things mixed, an ambiguous date, prose, or a type
            that no column of a table can have.
    """
    if pd.api.types.is_string_dtype(values):
        texts, missing = blank_missing(values)
        column = _spelled(name, texts, missing, place)
        return column, parse(column, texts)
    exact: Any = values.dtype.pyarrow_dtype if isinstance(values.dtype, pd.ArrowDtype) else None
    values = plain(values)
    column = _typed(name, values, place)
    if exact is not None and column.kind == "datetime":
        column = replace(column, format="%Y-%m-%d")
    elif exact is not None and column.kind == "float":
        column = replace(column, decimals=exact.scale)
    return column, values.astype(column.dtype)


def plain(values: pd.Series) -> pd.Series:
    """Return moments in a zone in UTC, days as moments and decimal numbers as floats; other values as they are."""
    if getattr(values.dtype, "tz", None) is not None:
        return values.dt.tz_convert("UTC").dt.tz_localize(None)
    if isinstance(values.dtype, pd.ArrowDtype):
        return values.astype("datetime64[us]" if pa.types.is_date(values.dtype.pyarrow_dtype) else "Float64")
    return values


def check_moments(name: str, values: pd.Series, place: object) -> None:
    """Refuse days and moments that Python has no calendar for; those of Arrow go on for millions of years.

    Raises:
        GenloopError: names the first row with one.
    """
    strange = _out_of_years(values)
    if strange.any():
        told = f"row {int(strange.argmax()) + 1}, column '{name}' is a moment outside of the years 1 to 9999"
        raise GenloopError(f"{place}: {told}; mend it, or leave it empty")


def _out_of_years(values: pd.Series) -> np.ndarray:
    """Return which values are dates of no calendar: [values]."""
    kind: Any = values.dtype.pyarrow_dtype if isinstance(values.dtype, pd.ArrowDtype) else None
    if kind is not None and pa.types.is_date(kind):
        days, first, last = pa.array(values), pa.scalar(datetime.date.min, kind), pa.scalar(datetime.date.max, kind)
        return pc.or_(pc.less(days, first), pc.greater(days, last)).fill_null(False).to_numpy(zero_copy_only=False)
    if pd.api.types.is_datetime64_any_dtype(values):
        return (~plain(values).dt.year.between(1, 9999) & values.notna()).to_numpy()
    return np.zeros(len(values), dtype=bool)


def _typed(name: str, values: pd.Series, place: object) -> Column:
    """Return what a column of numbers, truths or dates holds."""
    missing = "" if values.isna().any() else None
    present = values.dropna()
    if present.empty:
        raise empty(name, place)
    if missing is None and present.nunique() == 1:
        return Column(name, "constant", values=(str(present.iloc[0]),))
    if pd.api.types.is_bool_dtype(values):
        return Column(name, "boolean", values=("False", "True"), missing=missing)
    if pd.api.types.is_datetime64_any_dtype(values):
        fraction = ".%f" if (present.dt.microsecond != 0).any() else ""
        return Column(name, "datetime", format=f"%Y-%m-%d %H:%M:%S{fraction}", missing=missing)
    if isinstance(values.dtype, pd.CategoricalDtype):
        known = tuple(map(str, values.dtype.categories))
        return Column(name, "category", values=known, missing=missing, ordered=bool(values.dtype.ordered))
    if pd.api.types.is_integer_dtype(values):
        if max(-int(present.min()), int(present.max())) > LARGEST:
            remedy = f"set columns.{name}: category or key if they are names, or omit"
            raise GenloopError(f"{place}: column '{name}' holds integers beyond 2^53, which are not exact; {remedy}")
        counted = missing is None and present.is_unique and present.max() - present.min() == len(present) - 1
        return Column(name, "key" if counted else "integer", missing=missing)
    if not pd.api.types.is_float_dtype(values):
        raise strange_type(name, values.dtype, place)
    numbers = present.to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        row = int(np.isinf(values.to_numpy(dtype=float, na_value=0.0)).argmax()) + 1
        raise GenloopError(f"{place}: row {row}, column '{name}' is infinite; remove the row, or leave it empty")
    if np.abs(numbers).max() > HUGE:
        row = int((np.abs(values.to_numpy(dtype=float, na_value=0.0)) > HUGE).argmax()) + 1
        raise GenloopError(f"{place}: row {row}, column '{name}' is beyond {HUGE:.0e}; mend it, or leave it empty")
    exact = (places for places in range(TYPED_DECIMALS + 1) if np.array_equal(np.round(numbers, places), numbers))
    return Column(name, "float", decimals=next(exact, None), missing=missing)


def strange_type(name: str, kind: object, place: object) -> GenloopError:
    """Return the error of a column of values that are none of a table."""
    return GenloopError(f"{place}: column '{name}' has the type {kind}; set columns.{name}: omit")


def blank_missing(texts: pd.Series, kept: Sequence[str] = ()) -> tuple[pd.Series, str | None]:
    """Return texts with ``<NA>`` for a missing value, and its most frequent spelling; what is ``kept`` is a value."""
    missing = texts.isna() | (texts.str.casefold().isin(MISSING) & ~texts.isin(list(kept)))
    spelled = texts[missing].dropna()
    spelling = None if not missing.any() else str(spelled.mode().iloc[0]) if len(spelled) else ""
    return texts.astype("string").mask(missing), spelling


def empty(name: str, place: object) -> GenloopError:
    """Return the error of a column without values."""
    return GenloopError(f"{place}: column '{name}' holds no value; remove it, or set columns.{name}: omit")


def _spelled(name: str, texts: pd.Series, missing: str | None, place: object) -> Column:
    """Return what a column of text holds."""
    values = texts.dropna().unique().tolist()
    if not values:
        raise empty(name, place)
    if len(values) == 1 and missing is None:
        return Column(name, "constant", values=(values[0],))
    for read in (_boolean, _number, _datetime):
        column = read(name, texts, values, place)
        if column:
            return replace(column, missing=missing)
    _check_mixed(name, texts, values, place)
    _check_unread(name, texts, values, place)
    return _words(name, texts, values, missing, place)


def _boolean(name: str, texts: pd.Series, values: list[str], place: object) -> Column | None:
    by_case = {value.lower(): value for value in values}
    for false, true in TRUTHS:
        if len(values) == 2 and by_case.keys() == {false, true}:
            return Column(name, "boolean", values=(by_case[false], by_case[true]))
    return None


def _number(name: str, texts: pd.Series, values: list[str], place: object) -> Column | None:
    if all(INTEGER.fullmatch(value) for value in values):
        numbers = np.sort(np.array(values, dtype=np.int64))
        consecutive = len(values) == len(texts) and numbers[-1] - numbers[0] == len(numbers) - 1
        return Column(name, "key" if consecutive else "integer")
    infinite = [value for value in values if INFINITE.fullmatch(value)]
    if infinite and all(FLOAT.fullmatch(value) or INFINITE.fullmatch(value) for value in values):
        raise GenloopError(f"{place}: {where(texts, infinite[0], name)} is infinite; remove the row, or leave it empty")
    if not all(FLOAT.fullmatch(value) for value in values):
        return None
    check_size(name, texts, values, place)
    if any("e" in value.lower() for value in values):
        return Column(name, "float")
    decimals = [len(value.partition(".")[2]) for value in values]
    return Column(name, "float", decimals=min(max(decimals), DECIMALS), padded=min(decimals) == max(decimals))


def check_size(name: str, texts: pd.Series, values: list[str], place: object) -> None:
    """Refuse numbers, as text, that are so large that sums and differences of them would be infinite.

    Raises:
        GenloopError: names the row.
    """
    for value in values:
        if (len(value) > 100 or "e" in value.lower()) and abs(float(value)) > HUGE:
            raise GenloopError(f"{place}: {where(texts, value, name)} is beyond {HUGE:.0e}; mend it, or leave it empty")


def _datetime(name: str, texts: pd.Series, values: list[str], place: object) -> Column | None:
    if not all(re.match(r"\d{1,4}[-/.]?\d", value) for value in values):
        return None
    fitting = [form for form in FORMATS if _fits(Column(name, "datetime", format=form), values)]
    if len(fitting) > 1:
        told = " or ".join(fitting)
        raise GenloopError(f"{place}: column '{name}' holds dates that are {told}; set columns.{name}.format")
    return Column(name, "datetime", format=fitting[0]) if fitting else None


def _fits(column: Column, values: list[str]) -> bool:
    """Return whether all values are of this kind; the first tells most of them apart, at no cost."""
    return parses(column, pd.Series(values[:1])) and parses(column, pd.Series(values))


def _check_mixed(name: str, texts: pd.Series, values: list[str], place: object) -> None:
    """Refuse a column in which nearly all values are numbers: the others are faults rather than categories."""
    strange = [value for value in values if not FLOAT.fullmatch(value)]
    share = 1 - texts.isin(strange).sum() / texts.notna().sum()
    if share >= MOSTLY:
        told = where(texts, strange[0], name)
        remedy = f"mend it, leave it empty where it means a missing value, or set columns.{name}: category"
        raise GenloopError(f"{place}: {told} is no number, as {share:.0%} of the column are; {remedy}")


def _check_unread(name: str, texts: pd.Series, values: list[str], place: object) -> None:
    """Refuse a column of numbers or dates in a form that is not read: as words they would lose their meaning."""
    unread = [value for value in values if UNREAD.fullmatch(value)]
    if unread and texts.isin(unread).sum() / texts.notna().sum() >= MOSTLY:
        remedy = f"write 1234.5 or 2024-01-31 10:00:00, or set columns.{name}: category if it is a name"
        raise GenloopError(f"{place}: {where(texts, unread[0], name)} is written in a form that is not read; {remedy}")


def _words(name: str, texts: pd.Series, values: list[str], missing: str | None, place: object) -> Column:
    prose = float(np.mean([len(value.split()) for value in values])) >= PROSE
    if not prose and len(values) == len(texts):
        return Column(name, "key")
    if not prose or len(values) * REPEATED <= len(texts.dropna()):
        return Column(name, "category", values=tuple(sorted(values)), missing=missing)
    remedy = f"set columns.{name}: category if these are its {len(values)} values, or columns.{name}: omit"
    raise GenloopError(
        f"{place}: column '{name}' holds text ({_shortened(values[0])}), which is not generated; {remedy}"
    )


def where(texts: pd.Series, value: str, name: str) -> str:
    """Return the place of a value in words."""
    row = int((texts == value).fillna(False).to_numpy().argmax()) + 1
    return f"row {row}, column '{name}': {_shortened(value)}"


def _shortened(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:37] + "...")
