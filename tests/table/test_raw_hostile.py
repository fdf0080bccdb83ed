"""Raw tables made to harm: memory stays low, formulas and pages are just data, and what is odd is refused by its place."""

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genloop.choices import TablePrepare
from genloop.errors import GenloopError
from genloop.table.raw.prepare import prepare
from genloop.table.raw.read import find_tables, read_table
from tests.conftest import tiny_table
from tests.image.test_raw_hostile import at_most


def run(raw: Path, **choices: Any) -> None:
    prepare(raw, TablePrepare(modality="table", **choices), raw.parent / "out")


def lines(raw: Path, text: str, name: str = "t.csv") -> None:
    (raw / name).write_text(text, encoding="utf-8")


def rows(cell: str, header: str = "a,b") -> str:
    return header + "\n" + "".join(f"{row},{row * 7 % 11}.5\n" for row in range(20)) + f"{cell},1.5\n"


def zeros(raw: Path) -> None:
    with gzip.open(raw / "t.csv.gz", "wb", compresslevel=1) as stream:
        stream.write(b"a,b\n")
        for _ in range(30):
            stream.write(b"1,2" + b" " * 2**20 + b"\n")


def constant(raw: Path, count: int) -> None:
    """A Parquet file in which a value stands once and counts as ten millions."""
    pq.write_table(
        pa.table({"a": pa.repeat(pa.scalar(1), count), "b": pa.repeat(pa.scalar("x"), count)}), raw / "t.parquet"
    )


def linked(raw: Path) -> None:
    (raw.parent / "other.csv").write_text(rows("1"))
    (raw / "t.csv").symlink_to(raw.parent / "other.csv")


def typed(raw: Path, values: Any) -> None:
    pq.write_table(pa.table({"a": values}), raw / "t.parquet")


CASES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a packed text of blanks": (zeros, " MiB or more from 0.1 MiB, which no pictures or tables do"),
    "one value that counts as many": (lambda raw: constant(raw, 10_000_000), "t.parquet: unpacks to 153 MiB or more from"),
    "columns without end": (lambda raw: lines(raw, ",".join(f"c{i}" for i in range(5000)) + "\n"), "t.csv: has 5,000 columns, more than 2,000; leave most of them out"),
    "a name without end": (lambda raw: lines(raw, rows("1", "a," + "b" * 600)), "has 600 characters, more than 500; rename it"),
    "a turned name": (lambda raw: lines(raw, rows("1", "a,\u202eb")), "t.csv: the name of column 2, '\\u202eb', holds a mark that turns the direction"),
    "a command to the terminal": (lambda raw: lines(raw, rows("1", "a,\x1b[2J")), "t.csv: the name of column 2, '\\x1b[2J', holds a control character"),
    "a link out of the folder": (linked, "t.csv: is a link that leads out of the folder"),
    "a pipe": (lambda raw: os.mkfifo(raw / "t.csv"), "holds no table"),
    "a number beyond all": (lambda raw: lines(raw, rows("1e400")), "row 21, column 'a': '1e400' is beyond 1e+100; mend it"),
    "digits of another script": (lambda raw: lines(raw, rows("1\u0663")), "row 21, column 'a': '1\u0663' is no number, as 95% of the column are"),
    "a long number": (lambda raw: lines(raw, rows("9" * 400)), "row 21, column 'a': '9999999"),
    "a day beyond all": (lambda raw: typed(raw, pa.array([*range(19), 3_000_000], pa.int32()).cast(pa.date32())), "row 20, column 'a' is a moment outside of the years 1 to 9999; mend it"),
    "a day before all": (lambda raw: typed(raw, pa.array([-800_000, None, *range(18)], pa.int32()).cast(pa.date32())), "row 1, column 'a' is a moment outside of the years 1 to 9999; mend it"),
    "a moment beyond all, in a zone": (lambda raw: typed(raw, pa.array([*range(19), 2**50], pa.int64()).cast(pa.timestamp("ms", "Europe/Berlin"))), "row 20, column 'a' is a moment outside of the years 1 to 9999; mend it"),
    "a moment beyond all": (lambda raw: typed(raw, pa.array([2**40 + row for row in range(20)], pa.int64()).cast(pa.timestamp("s"))), "row 1, column 'a' is a moment outside of the years 1 to 9999; mend it"),
    "a huge number": (lambda raw: typed(raw, [1e300, *map(float, range(20))]), "row 1, column 'a' is beyond 1e+100"),
    "lists": (lambda raw: typed(raw, [[1], [2]] * 20), "column 'a' has the type list<element: int64>; set columns.a: omit"),
    "bytes": (lambda raw: typed(raw, [b"a", b"\xff"] * 20), "column 'a' has the type binary; set columns.a: omit"),
}  # fmt: skip


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.mark.parametrize("name", CASES)
def test_hostile_tables_are_refused_by_file_row_or_column(raw: Path, name: str) -> None:
    make, message = CASES[name]
    make(raw)
    with at_most(2**30), pytest.raises(GenloopError) as caught:
        run(raw)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert not (raw.parent / "out").exists()


@pytest.mark.parametrize("stated", ["%", "%q", "%Y", "{}", "\ud7ff"])
def test_a_format_that_is_none_is_refused_by_its_key(raw: Path, stated: str) -> None:
    tiny_table().to_csv(raw / "rows.csv", index=False)
    with pytest.raises(GenloopError, match=r"columns\.start\.?") as caught:
        run(raw, columns={"start": {"format": stated}})
    assert str(caught.value).isprintable()


def test_leaving_all_columns_out_is_refused(raw: Path) -> None:
    lines(raw, "a\n" + "1\n2\n" * 20)
    with pytest.raises(GenloopError, match=r"all columns of .* are left out; keep one"):
        run(raw, columns={"a": {"kind": "omit"}})


def test_formulas_and_pages_are_just_data(raw: Path) -> None:
    words = [
        '=cmd|"/c calc"!A1',
        "<script>alert(1)</script>",
        "@SUM(1)",
        "'; DROP TABLE rows; --",
        "${HOME}",
        "{{ 7 * 7 }}",
    ]
    pd.DataFrame({"=1+1": words * 10, "<b>x</b>": range(60)}).to_csv(raw / "t.csv", index=False)
    run(raw)
    kept = pd.concat(pd.read_parquet(raw.parent / "out" / f"{split}.parquet") for split in ("train", "test"))
    assert sorted(set(kept["=1+1"])) == sorted(words)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_table_or_refused_in_a_line(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("t.csv", "t.csv.gz", "t.parquet"):
            (Path(folder) / name).write_bytes(content)
            told = f"{folder}/{name}"
            try:
                read_table(Path(folder) / name)
            except GenloopError as error:
                told = str(error)
            assert told.startswith(f"{folder}/{name}")
            assert told.isprintable()


VALID = io.BytesIO()
pq.write_table(pa.table({"a": list(range(30)), "b": ["x", "y", None] * 10}), VALID)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, len(VALID.getvalue())), st.binary(min_size=1, max_size=6)), min_size=1, max_size=6
    )
)
def test_any_damage_of_parquet_is_survived(changes: list[tuple[int, bytes]]) -> None:
    import tempfile

    content = bytearray(VALID.getvalue())
    for place, put in changes:
        content[place : place + len(put)] = put
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        path.write_bytes(content)
        told = str(path)
        try:
            read_table(path)
        except GenloopError as error:
            told = str(error)
        assert told.startswith(str(path))
        assert told.isprintable()


def test_a_table_that_is_a_pipe_does_not_hang(raw: Path) -> None:
    os.mkfifo(raw / "t.csv")
    with pytest.raises(GenloopError, match=r"t\.csv: is no file; name a CSV or Parquet file"):
        read_table(raw / "t.csv")
    (raw / "t.csv").unlink()
    lines(raw, rows("1"))
    assert find_tables(raw) == {"all": raw / "t.csv"}
