"""Generated rows as answers to a request: the columns of the data, in values that JSON knows."""

import re
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from genloop.marking import KEY, Mark
from genloop.plugins import Schema
from genloop.table.data import TableSchema, coded
from genloop.table.encoding.rows import Encoding

Kept = tuple[np.ndarray, np.ndarray]  # codes and places: [rows, spans]


def keep(records: Tensor, conditions: Tensor, schema: Schema) -> Kept:
    """Return what is kept of a block of rows; places within intervals come from the global generator."""
    assert isinstance(schema, TableSchema)
    codes, places = coded(records, conditions, schema)
    return codes.astype(np.int32), places


def answer(kept: Kept, count: int, first: int, schema: Schema, form: str, mark: Mark) -> pd.DataFrame:
    """Return the first ``count`` rows of a block; dates are ISO text, what is missing is None.

    Its ``attrs`` say where the rows come from; pandas keeps them in Parquet files.
    """
    assert isinstance(schema, TableSchema)
    codes, places = kept
    rows = schema.encoding.decode(codes[:count], places[:count], first=first)
    answered = pd.DataFrame({name: _plain(schema.encoding, rows[name]) for name in rows}, dtype=object)
    answered.attrs[KEY] = mark.text
    return answered


def _plain(encoding: Encoding, values: pd.Series) -> pd.Series:
    if encoding.by_name[str(values.name)].kind == "datetime":
        timed = re.search("%[HIMSTXcfps]", encoding.by_name[str(values.name)].format or "%H") is not None
        return values.map(lambda moment: _iso(moment, timed)).astype(object)
    return values.astype(object).where(values.notna(), None)


def _iso(moment: Any, timed: bool) -> str | None:
    if pd.isna(moment):
        return None
    return str(moment.isoformat() if timed else moment.date().isoformat())
