"""Raw tables: read as they were written, told by all of their values, refused in one line."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genloop.errors import GenloopError
from genloop.table.encoding.columns import Column, parse, write
from genloop.table.encoding.intervals import SINGLE, Intervals
from genloop.table.raw.infer import blank_missing, tell
from genloop.table.raw.read import find_tables, read_table

ROWS = [["1", "a b"], ["2,5", "é"]]
FORMS = {
    "semicolons.csv": 'x;y\n1;a b\n2,5;"é"\n'.encode(),
    "tabs.tsv": "x\ty\n1\ta b\n2,5\té\n".encode("utf-16"),
    "bars.txt": "\ufeffx|y\r\n1|a b\r\n2,5|é\r\n".encode(),
    "western.csv": "x; y\n1; a b\n2,5; é\n".encode("cp1252"),
    "zipped.csv.gz": gzip.compress('x,y\n1,a b\n"2,5",é\n'.encode()),
}
BAD = {
    "no rows at all": (b"", "is empty"),
    "a short row": (b"x,y\n1,2\n3\n", "row 3 has 1 values where the header has 2"),
    "a long row": (b"x,y\n1,2\n3,4,5\n", "row 3 has 3 values where the header has 2"),
    "a name twice": (b"x,x\n1,2\n", "the column name 'x' stands twice"),
    "no name": (b"x,\n1,2\n", "column 2 has no name"),
    "a header in two lines": (b'x,"y\nz"\n1,2\n', "the column name .* holds a line break"),
    "an empty first line": (b"\nx,y\n1,2\n", "the first line is empty"),
    "two headers": (b"x,y\nx,y\n1,2\n", "row 1 repeats the header"),
}


@pytest.mark.parametrize("name", FORMS)
def test_delimited_text_of_every_common_form_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FORMS[name])
    table = read_table(tmp_path / name)
    assert list(table.frame.columns) == ["x", "y"]
    assert table.form is not None
    assert table.form.header == ("x", "y")
    assert table.frame.to_numpy().tolist() == ROWS


def test_letters_of_another_encoding_may_come_late(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"x,y\n" + b"1,plain\n" * 20_000 + "2,Zoë\n".encode("cp1252"))
    table = read_table(tmp_path / "t.csv")
    assert table.frame["y"].iloc[-1] == "Zoë"
    assert table.form is not None
    assert table.form.encoding == "cp1252"


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_is_refused_by_its_line_or_column(case: str, tmp_path: Path) -> None:
    content, message = BAD[case]
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(GenloopError, match=message):
        read_table(tmp_path / "t.csv")


def test_parquet_with_fewer_rows_than_it_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": np.arange(20.0)}), path, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    assert content[14] == 2 * 20, "as Thrift writes the number of values"
    content[14] = 2 * 9
    path.write_bytes(content)
    with pytest.raises(GenloopError, match=r"t.parquet: has 9 rows and says that it has 20; write it anew"):
        read_table(path)


def test_parquet_with_text_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": ["Ulm", "Bonn"]}), path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"Bonn", b"B\xffnn"))
    with pytest.raises(GenloopError, match=r"no Parquet file that can be read: .*Invalid UTF8"):
        read_table(path)


def test_broken_parquet_and_gzip_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(GenloopError, match="no Parquet file"):
        read_table(tmp_path / "t.parquet")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"x,y\n1,2\n" * 99)[:-12])
    with pytest.raises(GenloopError, match=r"t\.csv\.gz: cannot be read"):
        read_table(tmp_path / "t.csv.gz")


def test_a_folder_holds_one_table_or_a_split(tmp_path: Path) -> None:
    with pytest.raises(GenloopError, match="holds no table"):
        find_tables(tmp_path)
    (tmp_path / "SOURCES.md").write_text("from nowhere")
    (tmp_path / "train.csv").write_text("x\n1\n")
    assert find_tables(tmp_path) == {"all": tmp_path / "train.csv"}
    (tmp_path / "Test.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    assert sorted(find_tables(tmp_path)) == ["test", "train"]
    (tmp_path / "more.csv").write_text("x\n1\n")
    with pytest.raises(GenloopError, match="keep one table, or name two of them train and test"):
        find_tables(tmp_path)


KINDS: dict[str, tuple[list[str], Column]] = {
    "integer": (["3", "-12", "?", "40"], Column("c", "integer", missing="?")),
    "float": (["1.5", "2", "NA", "0.25"], Column("c", "float", decimals=2, missing="NA")),
    "padded": (["1.50", "2.00"], Column("c", "float", decimals=2, padded=True)),
    "exponents": (["1e-3", "2.5"], Column("c", "float")),
    "boolean": (["True", "False", ""], Column("c", "boolean", values=("False", "True"), missing="")),
    "yes": (["no", "yes"], Column("c", "boolean", values=("no", "yes"))),
    "date": (["2024-02-29", "2023-01-01"], Column("c", "datetime", format="%Y-%m-%d")),
    "time": (["1/31/24 7:05", "2/1/24 12:59"], Column("c", "datetime", format="%m/%d/%y %H:%M")),
    "category": (["b", "a", "b", "a", "n/a"], Column("c", "category", values=("a", "b"), missing="n/a")),
    "codes": (["007", "7", "007", "08"], Column("c", "category", values=("007", "08", "7"))),
    "words": (["the far end", "a mid part"] * 2, Column("c", "category", values=("a mid part", "the far end"))),
    "key": (["A1", "B2", "C3"], Column("c", "key")),
    "running number": (["7", "5", "6"], Column("c", "key")),
    "constant": (["x", "x"], Column("c", "constant", values=("x",))),
}  # fmt: skip
KINDS["signs"] = (["+4", "-2", "+11"], Column("c", "integer"))
FAULTY = {
    "nothing": (["", "NA"], "column 'c' holds no value"),
    "infinite": (["1.5", "-inf", "2"], "row 2, column 'c': '-inf' is infinite"),
    "mixed": (["1"] * 30 + ["a dozen"], "row 31, column 'c': 'a dozen' is no number, as 97% of the column are"),
    "decimal commas": (
        ["0,116", "12,5", "1.200,75"],
        "row 1, column 'c': '0,116' is written in a form that is not read",
    ),
    "currencies": (["$3.50", "$1,200.00", "$7"], "column 'c': '\\$3.50' is written in a form that is not read"),
    "offsets": (["2024-01-01T10:00:00+01:00", "2024-01-02T11:00:00+01:00"], "is written in a form that is not read"),
    "ambiguous": (["01/02/2024", "03/04/2024"], "dates that are %m/%d/%Y or %d/%m/%Y; set columns.c.format"),
    "prose": (["it was the best of times", "it was the worst"], "holds text .*columns.c: omit"),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_column_is_told_by_its_values_and_written_as_it_was(case: str) -> None:
    texts, column = KINDS[case]
    assert tell("c", pd.Series(texts), "t.csv")[0] == column == Column.of(column.state())
    blanked, _ = blank_missing(pd.Series(texts))
    values = parse(column, blanked)
    assert values.isna().tolist() == blanked.isna().tolist()
    assert parse(column, blank_missing(write(column, values))[0]).equals(values)
    if (column.kind in ("boolean", "category", "key", "constant", "integer") and case != "signs") or column.padded:
        assert write(column, values).tolist() == texts


@pytest.mark.parametrize("case", FAULTY)
def test_a_column_that_cannot_be_told_is_refused_by_name(case: str) -> None:
    texts, message = FAULTY[case]
    with pytest.raises(GenloopError, match=message):
        tell("c", pd.Series(texts), "t.csv")[0]


NUMBERS = st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=400)


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 4))
def test_numbers_of_so_many_decimals_come_back_exactly(whole: list[int], decimals: int) -> None:
    values = np.array(whole, dtype=float)  # counted in the last decimal
    intervals = Intervals.of(Intervals.fit(values, step=1.0).state())
    assert np.array_equal(intervals.decode(*intervals.encode(values)), values)
    scaled = intervals.decode(*intervals.encode(values)) / 10**decimals
    assert np.array_equal(scaled, values / 10**decimals)


@settings(deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=400))
def test_any_numbers_come_back_to_the_last_digits(numbers: list[float]) -> None:
    values = np.array(numbers)
    intervals = Intervals.fit(values, step=0.0)
    assert np.allclose(intervals.decode(*intervals.encode(values)), values, rtol=1e-12, atol=1e-12 * np.ptp(values))


def test_intervals_lie_where_values_lie_and_hold_about_as_many_rows() -> None:
    generator = np.random.default_rng(0)
    values = np.round(np.where(generator.random(20_000) < 0.4, 0, generator.lognormal(8, 1, 20_000)))
    intervals = Intervals.fit(values, step=1.0)
    codes, places = intervals.encode(values)
    rows = np.bincount(codes, minlength=len(intervals.lows))
    assert SINGLE > len(rows) > 55
    assert rows[0] == (values == 0).sum()
    assert intervals.highs[0] == 0
    assert rows[1:].max() < 0.011 * len(values)
    assert (intervals.lows[1:] > intervals.highs[:-1]).all()
    assert abs(places[codes > 0].mean() - 0.5) < 0.05


def test_a_number_between_two_intervals_goes_to_the_nearer() -> None:
    codes, places = Intervals(np.array([0.0, 10.0]), np.array([2.0, 10.0]), step=1.0).encode(np.array([-5.0, 4, 9, 99]))
    assert codes.tolist() == [0, 0, 1, 1]
    assert places.tolist() == [1 / 6, 5 / 6, 0.5, 0.5]


def test_typed_columns_keep_their_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([3, None, 5], "Int64"),
            "x": [0.25, 1.5, np.nan],
            "y": [np.pi, 0.1, 0.2],
            "b": pd.array([True, None, False], "boolean"),
            "t": pd.array(["2024-01-01", pd.NaT, "2024-01-02T03:04:05"], "datetime64[us]"),
            "w": ["red", "red", None],
            "k": [4, 2, 3],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    read = table.frame
    assert table.form is None
    told = {name: tell(name, read[name], "t.parquet") for name in map(str, read)}
    kinds = {name: column.kind for name, (column, _) in told.items()}
    assert kinds == {
        "n": "integer", "x": "float", "y": "float", "b": "boolean", "t": "datetime", "w": "category", "k": "key",
    }  # fmt: skip
    assert told["x"][0].decimals == 2
    assert told["y"][0].decimals is None
    assert told["n"][1].tolist() == [3, pd.NA, 5]
    with pytest.raises(GenloopError, match="row 2, column 'x' is infinite"):
        tell("x", pd.Series([1.0, np.inf]), "t.parquet")
    with pytest.raises(GenloopError, match="column 'x' holds no value"):
        tell("x", pd.Series([np.nan]), "t.parquet")
