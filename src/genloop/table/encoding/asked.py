"""What people ask of generated rows, as codes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from genloop.errors import GenloopError
from genloop.table.encoding.columns import Column, instead, parse, write
from genloop.table.encoding.rows import Encoding

Asked = tuple[Int[np.ndarray, " spans"], Float[np.ndarray, " spans"], Bool[np.ndarray, " spans"]]
KEY = "sample.where"


def ask_for(encoding: Encoding, where: Mapping[str, bool | int | float | str | None]) -> Asked:
    """Return the codes that are asked for, the places in their intervals, and which spans are asked for at all.

    Raises:
        GenloopError: there is no such column, or no row can hold the value.
    """
    spans = len(encoding.spans)
    codes, places, known = np.zeros(spans, np.int64), np.full(spans, 0.5), np.zeros(spans, bool)
    for name, value in where.items():
        column = _column(encoding, name)
        typed = _typed(column, value)
        if column.kind == "constant":
            continue  # all rows have it
        part = Encoding((column,), tuple(span for span in encoding.spans if span.column == name))
        found_codes, found_places = part.encode(pd.DataFrame({name: typed}))
        back = part.decode(found_codes, found_places)[name]
        if not _equal(back, typed):
            raise _unseen(value, part, found_codes)
        own = np.array([span.column == name for span in encoding.spans])
        codes[own], places[own], known[own] = found_codes[0], found_places[0], True
    return codes, places, known


def _column(encoding: Encoding, name: str) -> Column:
    if name not in encoding.by_name:
        raise GenloopError(f"{KEY}: there is no column '{name}'; {instead(name, encoding.by_name)}")
    rule = next((rule for rule in encoding.rules if rule.target == name), None)
    if rule:
        raise GenloopError(f"{KEY}.{name}: follows from {', '.join(rule.others)} by a rule; ask for these instead")
    column = encoding.by_name[name]
    if column.kind == "key":
        raise GenloopError(f"{KEY}.{name}: is a key, which is generated afresh; remove it")
    return column


def _typed(column: Column, value: bool | int | float | str | None) -> pd.Series:
    """Return the value in the column's type."""
    if value is None:
        if column.missing is None:
            raise GenloopError(f"{KEY}.{column.name}: is never missing in the data; ask for a value")
        return pd.Series([None]).astype(column.dtype)
    if column.kind == "boolean" and isinstance(value, bool):
        return pd.Series([value]).astype("boolean")
    if column.kind in ("category", "boolean", "constant") and str(value) not in column.values:
        raise GenloopError(f"{KEY}.{column.name}: no row has {str(value)!r}; there are {_listed(column.values)}")
    try:
        return parse(column, pd.Series([str(value)]).astype("string"))
    except (ValueError, TypeError):
        written = f", written as {column.format}" if column.format else ""
        raise GenloopError(f"{KEY}.{column.name}: {value!r} is no {column.kind}{written}") from None


def _equal(first: pd.Series, second: pd.Series) -> bool:
    if first.isna().iloc[0] or second.isna().iloc[0]:
        return bool(first.isna().iloc[0] and second.isna().iloc[0])
    if first.dtype == "Float64":
        return bool(np.isclose(float(first.iloc[0]), float(second.iloc[0]), rtol=1e-9, atol=0))
    return bool(first.iloc[0] == second.iloc[0])


def _unseen(value: object, encoding: Encoding, codes: Int[np.ndarray, "1 spans"]) -> GenloopError:
    """Return the error of a number that lies where no training row does, with what lies nearest."""
    (column,) = encoding.columns
    edges = (encoding.decode(codes, np.full(codes.shape, place))[column.name] for place in (0.0, 1.0))
    near = [str(write(column, edge).iloc[0]) for edge in edges]
    told = near[0] if near[0] == near[1] else f"{near[0]} to {near[1]}"
    return GenloopError(f"{KEY}.{column.name}: no training row is like {value!r}; the nearest have {told}")


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(values[:20]) + (f" and {len(values) - 20} more" if len(values) > 20 else "")
