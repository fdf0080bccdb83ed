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

WORDS = {"key", "category", "constant", "boolean"}  # kinds whose values are told by what they spell
NARROW = 32  # bits that the numbers of keys have at least, since any number of rows may be drawn


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
        columns = {column.name: to_arrow(column, rows[column.name]) for column in self.encoding.columns}
        block = pa.table(columns)
        if self._parquet is None:
            self._parquet = pyarrow.parquet.ParquetWriter(self.folder / "samples.parquet", block.schema)
        self._parquet.write_table(block)
        self.rows += len(rows)


def to_arrow(column: Column, values: pd.Series) -> Any:
    """Return typed values as an Arrow array of the type that the raw file had for them, else of that of their kind."""
    if column.stored is None:
        array = pa.array(values, from_pandas=True)
        return array.cast(pa.string()) if pa.types.is_large_string(array.type) else array
    kind = stored_type(column, column.stored)
    if pa.types.is_dictionary(kind):
        known = [*column.values, *([column.missing] if column.missing else [])]
        places = pd.Series(pd.Index(known).get_indexer(pd.Index(_written(column, values))))
        codes = pa.array(places.mask(places < 0).astype("Int32")).cast(kind.index_type)
        return pa.DictionaryArray.from_arrays(codes, pa.array(known, kind.value_type), ordered=kind.ordered)
    words = column.kind in WORDS and not (column.kind == "boolean" and pa.types.is_boolean(kind))
    if words or _is_text(kind) or pa.types.is_decimal(kind):
        return _spelled(_written(column, values), kind)
    return pa.array(values, from_pandas=True).cast(
        kind, safe=False
    )  # moments and numbers have no more places than theirs


def _written(column: Column, values: pd.Series) -> pd.Series:
    """Return values as text; a missing one as it was spelled, or missing where it was."""
    texts = write(column, values)
    return texts if column.missing else texts.mask(values.isna())


def stored_type(column: Column, name: str) -> Any:
    """Return the type that a column is stored in: text where its words are not of the raw type."""
    kind = arrow_type(name)
    if column.kind == "key" and not _is_text(kind):
        wide = pa.types.is_integer(kind) and kind.bit_width >= NARROW
        return kind if wide else pa.int64() if pa.types.is_integer(kind) else pa.string()
    if column.kind in WORDS and not pa.types.is_dictionary(kind):
        try:
            _spelled(pd.Series(column.values, dtype="string"), kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return pa.string()
    return kind if not pa.types.is_dictionary(kind) or column.values else pa.string()


def _is_text(kind: Any) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _spelled(texts: pd.Series, kind: Any) -> Any:
    """Return what texts say in a type of Arrow."""
    array = pa.array(texts, pa.string(), from_pandas=True)
    if pa.types.is_date(kind):  # days may be written as moments
        array = array.cast(pa.timestamp("us"))
    return array.cast(kind)


def arrow_type(name: str) -> Any:
    """Return the type that Arrow calls by this name."""
    if found := re.fullmatch(r"(decimal\d+)\((\d+), (-?\d+)\)", name):
        return getattr(pa, found[1])(int(found[2]), int(found[3]))
    if found := re.fullmatch(r"timestamp\[(\w+), tz=(.+)\]", name):
        return pa.timestamp(found[1], found[2])
    if found := re.fullmatch(r"dictionary<values=(\w+), indices=(\w+), ordered=([01])>", name):
        return pa.dictionary(pa.type_for_alias(found[2]), pa.type_for_alias(found[1]), found[3] == "1")
    return pa.type_for_alias(name)
