"""Columns as params.yaml states them, and files with the types of the raw ones."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from genloop.choices import ColumnChoice, TablePrepare
from genloop.errors import GenloopError
from genloop.table.data import read_schema
from genloop.table.encoding.columns import Column
from genloop.table.encoding.write import Writer
from genloop.table.raw.prepare import prepare
from genloop.table.raw.stated import tell_or_take

STATED: dict[str, tuple[list[str], dict[str, Any], Column]] = {
    "a number as words": (["3", "1", "3"], {"kind": "category"}, Column("c", "category", values=("1", "3"))),
    "an order": (
        ["b", "a"],
        {"values": ("b", "a"), "ordered": True},
        Column("c", "category", values=("b", "a"), ordered=True),
    ),
    "a date": (["01/02/2024", "03/04/2024"], {"format": "%d/%m/%Y"}, Column("c", "datetime", format="%d/%m/%Y")),
    "decimals": (["1.25", "2.5"], {"decimals": 4}, Column("c", "float", decimals=4)),
    "a float": (["1", "2", "5"], {"kind": "float"}, Column("c", "float", decimals=0, padded=True)),
    "a truth": (["0", "1", ""], {"kind": "boolean"}, Column("c", "boolean", values=("0", "1"), missing="")),
    "prose": (
        ["the best of times", "the worst of times"],
        {"kind": "category"},
        Column("c", "category", values=("the best of times", "the worst of times")),
    ),
    "a key": (["7", "3"], {"kind": "key"}, Column("c", "key")),
}  # fmt: skip
REFUSED: dict[str, tuple[list[str], dict[str, Any], str]] = {
    "no integer": (["1", "x"], {"kind": "integer"}, "row 2, column 'c': 'x' is no integer"),
    "no date": (["2024-01-01", "soon"], {"format": "%Y-%m-%d"}, "row 2, column 'c': 'soon' is no datetime written as"),
    "another word": (["a", "b"], {"values": ("a",)}, "row 2, column 'c': 'b' is no category of a"),
    "three truths": (["a", "b", "c"], {"kind": "boolean"}, "column 'c' has 3 values, a boolean has two"),
    "no key": (["a", "a"], {"kind": "key"}, "row 1, column 'c': 'a' is no key, whose values all differ"),
    "no constant": (["a", "b"], {"kind": "constant"}, "row 2, column 'c': 'b' is no constant"),
}


@pytest.mark.parametrize("case", STATED)
def test_a_stated_column_is_taken_as_stated(case: str) -> None:
    texts, stated, column = STATED[case]
    found, values = tell_or_take("c", pd.Series(texts, dtype="str"), None, "t.csv", ColumnChoice(**stated))
    assert found == column
    assert values.dtype == column.dtype


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_are_not_as_stated_are_refused(case: str) -> None:
    texts, stated, message = REFUSED[case]
    with pytest.raises(GenloopError, match=message):
        tell_or_take("c", pd.Series(texts, dtype="str"), None, "t.csv", ColumnChoice(**stated))


def test_a_stated_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age\n" + "1\n2\n" * 10)
    choices = TablePrepare(modality="table", columns={"aeg": ColumnChoice(kind="omit")})
    with pytest.raises(GenloopError, match=r"columns.aeg: .* has no such column; did you mean 'age'\?"):
        prepare(tmp_path, choices, tmp_path / "out")


def test_only_keys_and_constants_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,site\n" + "".join(f"K{row},x\n" for row in range(20)))
    with pytest.raises(GenloopError, match="holds only keys and constants"):
        prepare(tmp_path, TablePrepare(modality="table"), tmp_path / "out")


def test_parquet_comes_out_with_the_types_that_it_came_with(tmp_path: Path) -> None:
    rows = 40
    generator = np.random.default_rng(0)
    table = pa.table(
        {
            "i": pa.array(generator.integers(0, 5, rows), pa.int16()),
            "f": pa.array(generator.normal(size=rows), pa.float32()),
            "b": pa.array([None if row % 9 == 0 else row % 2 == 0 for row in range(rows)]),
            "t": pa.array([datetime.datetime(2024, 1, 1, row % 24) for row in range(rows)], pa.timestamp("us", "UTC")),
            "d": pa.array([datetime.date(2024, 1, 1 + row % 28) for row in range(rows)]),
            "m": pa.array([Decimal(row % 7) / 4 for row in range(rows)]),
            "w": pa.array(["low", "high"] * (rows // 2)).dictionary_encode(),
            "s": pa.array(generator.choice(["x", "y"], rows)),
            "n": pa.array(generator.integers(10, 13, rows).astype(str)),
            "k": pa.array(np.arange(rows), pa.int32()),
        }
    )  # fmt: skip
    (tmp_path / "raw").mkdir()
    pyarrow.parquet.write_table(table, tmp_path / "raw" / "t.parquet")
    prepare(tmp_path / "raw", TablePrepare(modality="table"), tmp_path / "out")
    encoding = read_schema(tmp_path / "out").encoding
    kinds = {column.name: column.kind for column in encoding.columns}
    assert kinds == {"i": "integer", "f": "float", "b": "boolean", "t": "datetime", "d": "datetime", "m": "float", "w": "category", "s": "category", "n": "integer", "k": "key"}  # fmt: skip  # noqa: E501
    codes, places = encoding.encode(pd.read_parquet(tmp_path / "out" / "train.parquet"))
    with Writer(tmp_path, encoding) as writer:
        writer.write(codes[:16], places[:16])
        writer.write(codes[16:], places[16:])
    written = pyarrow.parquet.read_table(tmp_path / "samples.parquet")
    types = {field.name: str(field.type) for field in written.schema}
    assert types == {
        "i": "int16", "f": "float", "b": "bool", "t": "timestamp[us, tz=UTC]", "d": "date32[day]",
        "m": "decimal128(3, 2)", "w": "dictionary<values=string, indices=int32, ordered=0>",
        "s": "string", "n": "string", "k": "int32",
    }  # fmt: skip
    assert written.num_rows == 32
    assert written["k"].to_pylist() == list(range(1, 33))
    assert {day.year for day in written["d"].to_pylist()} == {2024}
    assert pd.read_csv(tmp_path / "samples.csv")["d"].str.fullmatch(r"2024-01-\d\d").all()
    assert set(written["n"].to_pylist()) <= {"10", "11", "12"}
