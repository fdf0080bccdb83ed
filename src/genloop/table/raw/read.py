"""Raw tables: delimited text of any common form, or Parquet, as frames of the values that were written.

Text is read as text, so that nothing is guessed before ``infer.py`` has seen a whole column. Arrow reads it rather than
pandas, which fills short rows in silence.
"""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from genloop.errors import GenloopError

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


def find_tables(raw: Path) -> dict[str, Path]:
    """Return the table of a raw folder as ``all``, or the two that its names call ``train`` and ``test``.

    Raises:
        GenloopError: no table, or several that are not a split.
    """
    found = sorted(path for path in raw.iterdir() if path.is_file() and _suffix(path) in SUFFIXES)
    if not found:
        raise GenloopError(f"{raw}: holds no table; put one CSV or Parquet file there, or a train and a test file")
    if len(found) == 1:
        return {"all": found[0]}
    by_name = {path.name.split(".")[0].lower(): path for path in found}
    if sorted(by_name) != ["test", "train"] or len(found) != 2:
        named = ", ".join(path.name for path in found)
        raise GenloopError(f"{raw}: holds {named}; keep one table, or name two of them train and test")
    return {"train": by_name["train"], "test": by_name["test"]}


def read_table(path: Path) -> tuple[pd.DataFrame, Form | None]:
    """Return a table, text where the file is text, and its form; Parquet brings types of its own and has no form.

    Raises:
        GenloopError: names the line that is no row, or the column that is none.
    """
    if _suffix(path) == ".parquet":
        try:
            frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
        except (pa.ArrowInvalid, OSError) as error:
            raise GenloopError(f"{path}: is no Parquet file that can be read: {_first_line(error)}") from None
        _check_names(path, [str(name) for name in frame.columns])
        return frame.astype(_exact_types(path, frame)), None
    form = _recognize(path)
    frame = _read_text(path, form)
    repeated = (frame == list(form.header)).all(axis=1).to_numpy().nonzero()[0]
    if len(repeated):
        raise GenloopError(f"{path}: row {repeated[0] + 1} repeats the header; remove it")
    return frame, form


def _exact_types(path: Path, frame: pd.DataFrame) -> dict[str, pd.ArrowDtype]:
    """Return Arrow's own types of days and of decimal numbers, for which pandas has none."""
    fields = (field for field in pyarrow.parquet.read_schema(path) if field.name in frame)
    return {
        field.name: pd.ArrowDtype(field.type)
        for field in fields
        if pa.types.is_date(field.type) or pa.types.is_decimal(field.type)
    }


def _suffix(path: Path) -> str:
    return Path(path.stem if path.suffix.lower() == ".gz" else path).suffix.lower()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _recognize(path: Path) -> Form:
    """Tell encoding and delimiter by the beginning of a file, and read its header."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rb") as file:
            head = file.read(HEAD)
    except (OSError, EOFError) as error:
        raise GenloopError(f"{path}: cannot be read: {_first_line(error)}") from None
    if not head.strip():
        raise GenloopError(f"{path}: is empty; put a table with a header there")
    encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), None) or _encoding(head)
    lines = head.decode(encoding, errors="ignore").splitlines()
    rows = {mark: list(csv.reader(lines[:20], delimiter=mark)) for mark in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: _regularity(rows[mark]))
    header = tuple(name.strip() for name in rows[delimiter][0])
    _check_names(path, list(header))
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


def _check_names(path: Path, names: list[str]) -> None:
    """Refuse columns that cannot be told apart by their names."""
    for name in names:
        if not name:
            raise GenloopError(f"{path}: column {names.index(name) + 1} has no name; give it one in the first line")
        if names.count(name) > 1:
            raise GenloopError(f"{path}: the column name '{name}' stands twice; rename one of them")


def _read_text(path: Path, form: Form) -> pd.DataFrame:
    """Read rows as text without blanks around the values.

    Raises:
        GenloopError: a row has more or fewer values than the header.
    """
    ragged: list[tuple[int, int]] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            path,
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
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise GenloopError(f"{path}: cannot be read as a table: {_first_line(error)}") from None
    if ragged:
        row, count = ragged[0]
        raise GenloopError(f"{path}: row {row} has {count} values where the header has {len(form.header)}; mend it")
    frame = table.to_pandas()
    return frame.apply(lambda column: column.str.strip())
