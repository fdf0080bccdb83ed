"""Generated rows as files, block by block, so that any number of rows needs no more memory than one block."""

import re
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from genloop.table.encoding.columns import Column, write
from genloop.table.encoding.rows import Encoding

DECIMAL = re.compile(r"decimal128\((\d+), (\d+)\)\[pyarrow\]")
TEXT = {"key", "category", "constant", "boolean"}  # kinds that Parquet files of other types than text had to become


class Writer:
    """Writes ``samples.parquet``, with the types of the raw table, and ``samples.csv``, written as it was."""

    def __init__(self, folder: Path, encoding: Encoding) -> None:
        """Write into ``folder``; keys are counted from 1."""
        self.folder, self.encoding = folder, encoding
        self.rows = 0
        self._parquet: pyarrow.parquet.ParquetWriter | None = None

    def __enter__(self) -> "Writer":
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the files."""
        if self._parquet:
            self._parquet.close()

    def write(self, codes: np.ndarray, places: np.ndarray) -> None:
        """Add a block of rows."""
        rows = self.encoding.decode(codes, places, first=self.rows)
        texts = pd.DataFrame({column.name: write(column, rows[column.name]) for column in self.encoding.columns})
        texts.to_csv(self.folder / "samples.csv", mode="a", header=self.rows == 0, index=False, lineterminator="\n")
        typed = {column.name: stored(column, rows[column.name], texts[column.name]) for column in self.encoding.columns}
        block = pa.Table.from_pandas(pd.DataFrame(typed), preserve_index=False).replace_schema_metadata(None)
        schema = pa.schema([(field.name, self._arrow_type(field)) for field in block.schema])
        if self._parquet is None:
            self._parquet = pyarrow.parquet.ParquetWriter(self.folder / "samples.parquet", schema)
        self._parquet.write_table(block.cast(schema))
        self.rows += len(rows)

    def _arrow_type(self, field: Any) -> Any:
        """Return the type of a column in the file: text as everybody reads it, moments in the zone they came with."""
        kind = self.encoding.by_name[field.name].stored or ""
        if decimal := DECIMAL.fullmatch(kind):
            return pa.decimal128(*map(int, decimal.groups()))
        zone = kind.partition(", ")[2].rstrip("]")
        if zone:
            return pa.timestamp(field.type.unit, zone)
        return pa.string() if pa.types.is_large_string(field.type) else field.type


def stored(column: Column, values: pd.Series, texts: pd.Series) -> pd.Series:
    """Return values in the type that the raw Parquet file had for them, or in that of their kind where it was text."""
    kind: Any = column.stored
    if kind is None:
        return values
    if kind in ("str", "string", "object") or DECIMAL.fullmatch(kind):  # of text Arrow makes exact decimal numbers
        return texts.mask(values.isna())
    if str(kind).startswith("datetime64"):
        moments: Any = str(kind).partition(",")[0].rstrip("]") + "]"  # in UTC, where there is a zone
        return values.astype(moments)
    if column.stored == "category":
        return values.astype(pd.CategoricalDtype(list(column.values), ordered=column.ordered))
    if column.kind in TEXT:
        return pd.to_numeric(values.astype(object)).astype(kind)
    return values.astype(kind)
