"""Parquet: pictures as encoded bytes or as nested lists, read a few rows at a time."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genloop.errors import GenloopError
from genloop.guards import check_growth
from genloop.image.raw.files import Tree
from genloop.image.raw.source import LABEL_NAMES, Bad, Encoded, Source, class_positions
from genloop.image.raw.split import official_splits, split_of_file

ROWS = 64  # that are held at once
BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError)


def read_parquet(tree: Tree, place: object) -> Source:
    """Read one or more Parquet files with one column of pictures and at most one of labels.

    Raises:
        GenloopError: names the file and what cannot be told.
    """
    names = tree.of("parquet")
    files = [_open(tree.root / name) for name in names]
    splits = official_splits({name: split_of_file(name) for name in names}, place)
    schema = files[0].schema_arrow
    for name, file in zip(names, files, strict=True):
        if file.schema_arrow.names != schema.names or file.schema_arrow.types != schema.types:
            raise GenloopError(f"{place}: {name} has other columns than {names[0]}; give all files the same")
    place = tree.root / names[0]
    pictures, label = _picture_column(files[0], place), _label_column(schema, place)
    rows = Rows([tree.root / name for name in names], [file.metadata.num_rows for file in files], pictures)
    values = _labels(files, rows.paths, label) if label else None
    kept = [index for index in range(rows.count) if values is None or values[index] is not None]
    unlabeled = sorted(set(range(rows.count)) - set(kept))
    bad = tuple(Bad(rows.name(index, tree.root), f"has no value in column '{label}'") for index in unlabeled)
    positions, classes = class_positions([values[index] for index in kept], str(place)) if values else (None, ())
    of_rows = (
        [splits[name] for name, count in zip(names, rows.counts, strict=True) for _ in range(count)] if splits else []
    )
    return Source(
        "parquet",
        [rows.name(index, tree.root) for index in kept],
        lambda index: rows.open(kept[index]),
        positions,
        classes,
        tuple(of_rows[index] for index in kept) if splits else None,
        bad,
        (f"column '{pictures}' holds the pictures, " + (f"'{label}' the labels" if label else "none the labels"),),
    )


def _open(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path, buffer_size=2**20)
        metadata = file.metadata
        check_growth(path, sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)))
        return file
    except BROKEN as error:
        raise _broken(path, error) from None


def _broken(path: Path, error: Exception) -> GenloopError:
    return GenloopError(f"{path}: cannot be read as Parquet ({' '.join(str(error).split())}); write it anew")


def _check_whole(path: Path, column: str, found: int, stated: int) -> None:
    """Check that a column of a file has as many rows as its footer says; a page that is damaged may have fewer."""
    if found != stated:
        told = f"column '{column}' has {found:,} rows and the file says that it has {stated:,}"
        raise GenloopError(f"{path}: {told}; write it anew")


def _picture_column(file: pq.ParquetFile, place: object) -> str:
    """Return the one column of bytes, of structs with bytes, or of lists of lists of numbers."""
    fields = {field.name: _storage(field.type) for field in file.schema_arrow}
    found = [name for name, kind in fields.items() if _is_encoded(kind) or _depth(kind) >= 2]
    if not found:
        held = ", ".join(fields) or "nothing"
        raise GenloopError(f"{place}: no column holds pictures as bytes or as lists of lists, only {held}; add one")
    if len(found) > 1:
        raise GenloopError(f"{place}: {' and '.join(found)} could hold the pictures; keep one of them")
    return found[0]


def _label_column(schema: pa.Schema, place: object) -> str | None:
    found = [field.name for field in schema if _is_label(_storage(field.type))]
    named = [name for name in found if name.lower() in LABEL_NAMES]
    odd = [field for field in schema if field.name.lower() in LABEL_NAMES and field.name not in found]
    if odd and not named:
        raise GenloopError(f"{place}: column '{odd[0].name}' is {odd[0].type}; labels are whole numbers or words")
    if len(found) > 1 and len(named) != 1:
        raise GenloopError(f"{place}: {' and '.join(found)} could be the label; call one of them 'label'")
    return (named or found or [None])[0]


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _is_encoded(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _is_encoded(field.type) for field in kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _depth(kind: pa.DataType) -> int:
    """Return how many lists of whole numbers are nested, 0 where they hold something else."""
    depth = 0
    while _is_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth if pa.types.is_integer(kind) else 0


def _is_label(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_boolean(kind):
        return True
    return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _labels(files: Sequence[pq.ParquetFile], paths: Sequence[Path], column: str) -> list[Any]:
    values = list[Any]()
    for file, path in zip(files, paths, strict=True):
        try:
            found = file.read([column]).column(0).to_pylist()
        except BROKEN as error:
            raise _broken(path, error) from None
        _check_whole(path, column, len(found), file.metadata.num_rows)
        values += found
    return values


class Rows:
    """The pictures of Parquet files, opened in ascending order; few rows are in memory at a time."""

    def __init__(self, paths: Sequence[Path], counts: Sequence[int], column: str) -> None:
        self.paths, self.counts, self.column = paths, counts, column
        self.starts = [0, *accumulate(counts)]
        self.count = self.starts[-1]
        self._batches: Iterator[tuple[int, list[Encoded]]] = iter(())
        self._start, self._held = 0, list[Encoded]()

    def name(self, index: int, root: Path) -> str:
        """Return the name of a row for people."""
        file = bisect_right(self.starts, index) - 1
        return f"{self.paths[file].relative_to(root).as_posix()}[{index - self.starts[file]}]"

    def open(self, index: int) -> Encoded:
        """Return the picture of a row."""
        if index < self._start or not self._held:
            self._batches, self._start, self._held = self._read(), 0, []
        while index >= self._start + len(self._held):
            self._start, self._held = next(self._batches)
        return self._held[index - self._start]

    def _read(self) -> Iterator[tuple[int, list[Encoded]]]:
        for path, start, end in zip(self.paths, self.starts, self.starts[1:], strict=False):
            try:
                with _open(path) as file:
                    for batch in file.iter_batches(ROWS, columns=[self.column], use_threads=False):
                        values = _decoder(batch.column(0))(batch.column(0), path)
                        yield start, values
                        start += len(values)
            except BROKEN as error:
                raise _broken(path, error) from None
            _check_whole(path, self.column, start, end)


def _decoder(values: pa.Array) -> Callable[[pa.Array, Path], list[Encoded]]:
    return _arrays if _is_list(_storage(values.type)) else _encoded


def _encoded(values: pa.Array, path: Path) -> list[Encoded]:
    column = values.field("bytes") if pa.types.is_struct(values.type) else values
    return [value or b"" for value in column.to_pylist()]  # what is empty is named when it is decoded


def _arrays(values: pa.Array, path: Path) -> list[Encoded]:
    """Return lists of lists as pixels, all of one shape.

    Raises:
        GenloopError: their shapes differ, or their values are no bytes.
    """
    values = values.storage if isinstance(values, pa.ExtensionArray) else values
    shape = [len(values)]
    while _is_list(values.type):
        lengths = pc.unique(pc.list_value_length(values)).to_pylist()
        if len(lengths) != 1 or not lengths[0]:
            raise GenloopError(f"{path}: its lists differ in length ({lengths}); give all pictures one shape")
        shape.append(lengths[0])
        values = values.flatten()
    pixels = values.to_numpy(zero_copy_only=False).reshape(shape)
    if values.null_count or pixels.min() < 0 or pixels.max() > 255:
        raise GenloopError(f"{path}: values must be whole numbers from 0 to 255; convert them")
    return list(pixels.astype(np.uint8))
