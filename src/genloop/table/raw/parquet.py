"""Parquet tables: columns in pandas' types that know missing values, and the names of the types that Arrow had."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from genloop.errors import GenloopError
from genloop.guards import check_growth, fault_of

NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    **{getattr(pa, f"int{bits}")(): getattr(pd, f"Int{bits}Dtype")() for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{bits}")(): getattr(pd, f"UInt{bits}Dtype")() for bits in (8, 16, 32, 64)},
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    **dict.fromkeys((pa.string(), pa.large_string(), pa.string_view(), pa.null()), pd.StringDtype()),
}
CELL = 8  # bytes of a value in memory
MOST_COLUMNS = 2_000  # which are told, encoded and drawn one by one
UNNAMED = re.compile(r"__index_level_\d+__")  # what pandas calls row numbers that it stores


def first_line(error: Exception) -> str:
    """Return what Arrow has to say in one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the columns of a file, row numbers that pandas stored left out, and Arrow's names of their types.

    Raises:
        GenloopError: the file cannot be read, or its columns cannot be told apart.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            check_growth(path, memory_of(file.metadata))
            check_names(path, file.schema_arrow.names)
            table, stated = file.read(), file.metadata.num_rows
        table.validate(full=True)  # text that is none would be noticed anywhere later
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise GenloopError(f"{path}: is no Parquet file that can be read: {first_line(error)}; write it anew") from None
    if len(table) != stated:
        raise GenloopError(f"{path}: has {len(table):,} rows and says that it has {stated:,}; write it anew")
    kept = [index for index, name in enumerate(table.column_names) if not UNNAMED.fullmatch(name)]
    table = table.select(kept).replace_schema_metadata(None)  # which would make an index of columns
    types = {field.name: str(field.type) for field in table.schema}
    return pd.DataFrame({name: _as_pandas(path, table, name) for name in table.column_names}), types


def memory_of(metadata: pyarrow.parquet.FileMetaData) -> int:
    """Return the bytes that a file says its values take; in it a value that repeats takes next to none."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    return max(sum(group.total_byte_size for group in groups), CELL * metadata.num_rows * metadata.num_columns)


def _as_pandas(path: Path, table: pa.Table, name: str) -> pd.Series:
    try:
        return table.column(name).to_pandas(types_mapper=_pandas_type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, LookupError) as error:
        told = f"is of {table.schema.field(name).type} and cannot be read ({first_line(error)})"
        raise GenloopError(f"{path}: column '{name}' {told}; write it as text") from None


def check_names(path: Path, names: list[str]) -> None:
    """Refuse columns that cannot be told apart by their names."""
    if len(names) > MOST_COLUMNS:
        raise GenloopError(f"{path}: has {len(names):,} columns, more than {MOST_COLUMNS:,}; leave most of them out")
    seen = set()
    for number, name in enumerate(names, start=1):
        if not name:
            raise GenloopError(f"{path}: column {number} has no name; give it one in the first line")
        if len(name.splitlines()) > 1:
            raise GenloopError(f"{path}: the column name {name!r} holds a line break; rename it")
        if fault := fault_of(name):
            raise GenloopError(f"{path}: the name of column {number}, '{name[:80]}', {fault}; rename it")
        if name in seen:
            raise GenloopError(f"{path}: the column name '{name}' stands twice; rename one of them")
        seen.add(name)


def _pandas_type(kind: Any) -> Any:
    """Return pandas' type for one of Arrow; days and decimal numbers keep Arrow's, since pandas has none."""
    if pa.types.is_date(kind) or pa.types.is_decimal(kind):
        return pd.ArrowDtype(kind)
    return NULLABLE.get(kind)
