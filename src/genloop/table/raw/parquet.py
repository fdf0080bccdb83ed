"""Parquet tables: columns in pandas' types that know missing values, and the names of the types that Arrow had."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from genloop.errors import GenloopError

NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    **{getattr(pa, f"int{bits}")(): getattr(pd, f"Int{bits}Dtype")() for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{bits}")(): getattr(pd, f"UInt{bits}Dtype")() for bits in (8, 16, 32, 64)},
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    **dict.fromkeys((pa.string(), pa.large_string(), pa.string_view(), pa.null()), pd.StringDtype()),
}
UNNAMED = re.compile(r"__index_level_\d+__")  # what pandas calls row numbers that it stores


def first_line(error: Exception) -> str:
    """Return what Arrow has to say in one line."""
    return str(error).splitlines()[0]


def read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the columns of a file, row numbers that pandas stored left out, and Arrow's names of their types.

    Raises:
        GenloopError: the file cannot be read, or its columns cannot be told apart.
    """
    try:
        table = pyarrow.parquet.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise GenloopError(f"{path}: is no Parquet file that can be read: {first_line(error)}") from None
    check_names(path, table.column_names)
    kept = [index for index, name in enumerate(table.column_names) if not UNNAMED.fullmatch(name)]
    table = table.select(kept).replace_schema_metadata(None)  # which would make an index of columns
    types = {field.name: str(field.type) for field in table.schema}
    return table.to_pandas(types_mapper=_pandas_type), types


def check_names(path: Path, names: list[str]) -> None:
    """Refuse columns that cannot be told apart by their names."""
    for name in names:
        if not name:
            raise GenloopError(f"{path}: column {names.index(name) + 1} has no name; give it one in the first line")
        if len(name.splitlines()) > 1:
            raise GenloopError(f"{path}: the column name {name!r} holds a line break; rename it")
        if names.count(name) > 1:
            raise GenloopError(f"{path}: the column name '{name}' stands twice; rename one of them")


def _pandas_type(kind: Any) -> Any:
    """Return pandas' type for one of Arrow; days and decimal numbers keep Arrow's, since pandas has none."""
    if pa.types.is_date(kind) or pa.types.is_decimal(kind):
        return pd.ArrowDtype(kind)
    return NULLABLE.get(kind)
