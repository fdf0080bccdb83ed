"""Rows as what they hold, in forms in which those of two preparations are equal where their values are."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import UInt64

from genloop.table.encoding.columns import Column, Kind, microseconds, write

BLOCK = 65_536  # rows in memory at a time
Form = Literal["number", "date", "words", "mixed"]
FORMS: dict[Kind, Form | None] = {
    "integer": "number",
    "float": "number",
    "datetime": "date",
    "boolean": "words",
    "category": "words",
    "constant": "words",
    "key": None,  # tells rows apart and nothing else
}


def plain(column: Column, values: pd.Series, form: Form) -> pd.Series:
    """Return numbers and dates as floats, not a number where one is missing; all else as text, as it was written."""
    if form == "number":
        return pd.Series(values.to_numpy(dtype=float, na_value=np.nan))
    if form == "date":
        return pd.Series(np.where(values.isna(), np.nan, microseconds(values).astype(float)))
    if form == "words" and column.kind != "boolean":
        return values.astype("string")
    texts = write(column, values).mask(values.isna())
    if form == "mixed":  # 12.50 and 12.5 are one number, whichever of the two kinds tells it
        numbers = pd.to_numeric(texts, errors="coerce")
        texts = numbers.map(repr, na_action="ignore").astype("string").fillna(texts)
    return texts


def in_forms(rows: pd.DataFrame, columns: Mapping[str, Column], forms: Mapping[str, Form]) -> pd.DataFrame:
    """Return the columns of typed rows that have a form, in this form."""
    found = {name: plain(columns[name], rows[name], form) for name, form in forms.items()}
    return pd.DataFrame(found, index=rows.index)


def hashes(rows: pd.DataFrame) -> UInt64[np.ndarray, " rows"]:
    """Return a number for each row, the same for equal rows; those that hold nothing are all equal."""
    if not len(rows.columns):
        return np.zeros(len(rows), np.uint64)
    return pd.util.hash_pandas_object(rows, index=False).to_numpy()


def row_hashes(frame: pd.DataFrame, columns: Sequence[Column]) -> UInt64[np.ndarray, " rows"]:
    """Return a number for each row of typed values, the same for rows that are equal but for their keys."""
    forms = {column.name: form for column in columns if (form := FORMS[column.kind])}
    known, found = {column.name: column for column in columns}, [np.empty(0, np.uint64)]
    for start in range(0, len(frame), BLOCK):
        block = frame.iloc[start : start + BLOCK].reset_index(drop=True)
        found.append(hashes(in_forms(block, known, forms)))
    return np.concatenate(found)
