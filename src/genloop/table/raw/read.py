"""Raw tables: delimited text of any common form, or Parquet, as frames of the values that were written.

Text is read as text, so that nothing is guessed before ``infer.py`` has seen a whole column. Arrow reads it rather than
pandas, which fills short rows in silence.
"""

import csv
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from genloop.errors import GenloopError
from genloop.guards import Watched, check_stays
from genloop.table.raw.parquet import check_names, first_line, read_parquet

DELIMITERS = ",;\t|"
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # at the beginning of a file
SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".test", ".parquet")
HEAD = 1 << 16  # bytes by which the form of a file is told


@dataclass(frozen=True)
class Form:
    """How a text file writes a table."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A raw table: text where the file is text."""

    frame: pd.DataFrame
    form: Form | None = None  # of text
    types: Mapping[str, str] = field(default_factory=dict)  # Arrow's names of the types that columns of Parquet have


def find_tables(raw: Path) -> dict[str, Path]:
    """Return the table of a raw folder as ``all``, or the two that its names call ``train`` and ``test``.

    Raises:
        GenloopError: no table, several that are not a split, or one that is a link out of the folder.
    """
    found = sorted(path for path in raw.iterdir() if path.is_file() and _suffix(path) in SUFFIXES)
    for path in found:
        check_stays(path, raw)
    if not found:
        raise GenloopError(f"{raw}: holds no table; put one CSV or Parquet file there, or a train and a test file")
    if len(found) == 1:
        return {"all": found[0]}
    by_name = {path.name.split(".")[0].lower(): path for path in found}
    if sorted(by_name) != ["test", "train"] or len(found) != 2:
        named = ", ".join(path.name for path in found)
        raise GenloopError(f"{raw}: holds {named}; keep one table, or name two of them train and test")
    return {"train": by_name["train"], "test": by_name["test"]}


def read_table(path: Path) -> Table:
    """Return a table, with the form of text or the types of Parquet.

    Raises:
        GenloopError: names the line that is no row, or the column that is none.
    """
    if not path.is_file():
        raise GenloopError(f"{path}: is no file; name a CSV or Parquet file")
    if _suffix(path) == ".parquet":
        frame, types = read_parquet(path)
        return Table(frame, types=types)
    form = _recognize(path)
    frame, form = _read_text(path, form)
    repeated = (frame == list(form.header)).all(axis=1).to_numpy().nonzero()[0]
    if len(repeated):
        raise GenloopError(f"{path}: row {repeated[0] + 1} repeats the header; remove it")
    return Table(frame, form)


def _suffix(path: Path) -> str:
    return Path(path.stem if path.suffix.lower() == ".gz" else path).suffix.lower()


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _recognize(path: Path) -> Form:
    """Tell encoding and delimiter by the beginning of a file, and read its header."""
    try:
        with _opened(path) as file:
            head = file.read(HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise GenloopError(f"{path}: cannot be read: {first_line(error)}") from None
    if not head.strip():
        raise GenloopError(f"{path}: is empty; put a table with a header there")
    encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), None) or _encoding(head)
    lines = head.decode(encoding, errors="ignore").splitlines(keepends=True)
    if not lines or not lines[0].strip():
        raise GenloopError(f"{path}: the first line is empty; put the names of the columns there")
    rows = {mark: list(csv.reader(lines[:20], delimiter=mark)) for mark in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: _regularity(rows[mark]))
    header = tuple(name.strip() for name in rows[delimiter][0])
    check_names(path, list(header))
    return Form(encoding, delimiter, header)


def _regularity(rows: list[list[str]]) -> tuple[bool, float, int]:
    """Return how much rows look like those of a table: more than one column, as many values as the header, many."""
    columns = len(rows[0])
    return columns > 1, sum(len(row) == columns for row in rows) / len(rows), columns


def _encoding(head: bytes) -> str:
    try:
        head.rsplit(b"\n", 1)[0].decode("utf-8")  # the last line may end within a character
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _read_text(path: Path, form: Form) -> tuple[pd.DataFrame, Form]:
    """Read rows as text without blanks around the values; an encoding that was told by the beginning may be another.

    Raises:
        GenloopError: a row has more or fewer values than the header.
    """
    ragged: list[tuple[int, int]] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    try:
        with _opened(path) as stream:
            table = pyarrow.csv.read_csv(
                pa.PythonFile(Watched(stream, path), mode="r"),
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False, encoding=form.encoding, column_names=list(form.header), skip_rows=1
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=note
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(form.header, pa.string()), strings_can_be_null=False
                ),
            )
    except (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeError) as error:
        if form.encoding == "utf-8" and "UTF8" in str(error):
            return _read_text(path, replace(form, encoding="cp1252"))
        raise GenloopError(f"{path}: cannot be read as a table: {first_line(error)}") from None
    if ragged:
        row, count = ragged[0]
        raise GenloopError(f"{path}: row {row} has {count} values where the header has {len(form.header)}; mend it")
    frame = table.to_pandas()
    return frame.apply(lambda column: column.str.strip()), form
