"""Parquet's types and what people state of them: every column comes back in its own type, and odd ones are refused."""

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
from genloop.table.encoding.write import Writer
from genloop.table.raw.prepare import prepare

ROWS = 60
DAYS = [datetime.date(2024, 1, 1 + row % 5) for row in range(ROWS)]
MOMENTS = [datetime.datetime(2024, 1, 1, row % 24, 0, 0, 250_000) for row in range(ROWS)]
TRUTHS = [row % 3 == 0 for row in range(ROWS)]
ZONE = "Europe/Vienna"
WORDS = pa.array(["low", "high", "none"] * 20).dictionary_encode()
FLOATS = pa.array([None if row % 9 == 0 else float(row % 7) for row in range(ROWS)])
MINUTES = pa.array([datetime.datetime(2024, 1, 1, 0, row) for row in range(ROWS)])
QUARTERS = pa.array([Decimal(row % 7) / 4 for row in range(ROWS)], pa.decimal256(10, 3))
CASES: dict[str, tuple[pa.Array, dict[str, Any], str]] = {
    "small integers": (pa.array([row % 7 for row in range(ROWS)], pa.int8()), {}, "int8"),
    "integers with gaps as floats": (FLOATS, {}, "double"),
    "a key of few bits": (pa.array(range(ROWS), pa.int8()), {}, "int64"),
    "a constant truth": (pa.array([True] * ROWS), {}, "bool"),
    "a constant day": (pa.array([DAYS[0]] * ROWS), {}, "date32[day]"),
    "truths as categories": (pa.array(TRUTHS), {"kind": "category"}, "bool"),
    "days as categories": (pa.array(DAYS), {"kind": "category"}, "date32[day]"),
    "moments as a key": (MINUTES, {"kind": "key"}, "string"),
    "one and two as truths": (pa.array([1 + row % 2 for row in range(ROWS)]), {"kind": "boolean"}, "int64"),
    "wide decimals": (QUARTERS, {}, "decimal256(10, 3)"),
    "whole decimals": (pa.array([100.0 + row % 9 for row in range(ROWS)]), {}, "double"),
    "parts of a second": (pa.array(MOMENTS, pa.timestamp("ms")), {}, "timestamp[ms]"),
    "moments in a zone": (pa.array(MOMENTS, pa.timestamp("us", ZONE)), {}, f"timestamp[us, tz={ZONE}]"),
    "an ordered dictionary": (WORDS, {}, str(WORDS.type)),
    "text that is numbers": (pa.array([f"{row % 7}.50" for row in range(ROWS)]), {}, "string"),
}  # fmt: skip


def prepared(folder: Path, array: Any, **stated: Any) -> Path:
    """Prepare a table of the column ``c`` and another."""
    (folder / "raw").mkdir()
    table = pa.table({"c": array, "other": np.arange(len(array)) % 4 + 0.5})
    pyarrow.parquet.write_table(table, folder / "raw" / "t.parquet")
    columns = {"c": ColumnChoice(**stated)} if stated else {}
    prepare(folder / "raw", TablePrepare(modality="table", columns=columns), folder / "out")
    return folder / "out"


@pytest.mark.parametrize("case", CASES)
def test_a_column_comes_back_in_its_type_with_its_values(case: str, tmp_path: Path) -> None:
    array, stated, kind = CASES[case]
    encoding = read_schema(prepared(tmp_path, array, **stated)).encoding
    codes, places = encoding.encode(pd.read_parquet(tmp_path / "out" / "train.parquet"))
    with Writer(tmp_path, encoding) as writer:
        writer.write(codes, places)
        writer.write(codes, places)
    written = pyarrow.parquet.read_table(tmp_path / "samples.parquet")["c"]
    assert str(written.type) == kind
    if encoding.by_name["c"].kind != "key":
        raw = array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array
        assert set(written.to_pylist()) <= set(raw.to_pylist())
        assert len(set(written.to_pylist())) > 1 or "constant" in case
    texts = pd.read_csv(tmp_path / "samples.csv", dtype=str, keep_default_na=False)["c"]
    assert texts.nunique() == pd.Series(written.to_pylist()).nunique(dropna=False)


REFUSED: dict[str, tuple[pa.Array, str]] = {
    "lists": (pa.array([[row] for row in range(ROWS)]), r"column 'c' has the type list<.*; set columns.c: omit"),
    "structs": (pa.array([{"a": row} for row in range(ROWS)]), "column 'c' has the type struct<"),
    "times": (pa.array([datetime.time(row % 24) for row in range(ROWS)]), r"column 'c' has the type time64\[us\]"),
    "durations": (pa.array([datetime.timedelta(row) for row in range(ROWS)]), "column 'c' has the type timedelta64"),
    "huge integers": (pa.array([2**63 + row % 5 for row in range(ROWS)], pa.uint64()), r"holds integers beyond 2\^53"),
    "large negative ones": (pa.array([-(2**60) - row % 5 for row in range(ROWS)]), r"holds integers beyond 2\^53"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_types_that_are_none_of_a_table_are_refused(case: str, tmp_path: Path) -> None:
    array, message = REFUSED[case]
    with pytest.raises(GenloopError, match=message):
        prepared(tmp_path, array)


def test_an_index_with_a_name_is_a_column_and_row_numbers_are_none(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [0.5, 1.5] * 10, "town": ["Ulm", "Bern"] * 10})
    for name, indexed in (("named", frame.set_index("town")), ("shuffled", frame.sample(frac=1, random_state=0))):
        (tmp_path / name).mkdir()
        indexed.to_parquet(tmp_path / name / "t.parquet")
        prepare(tmp_path / name, TablePrepare(modality="table"), tmp_path / "out")
        assert set(read_schema(tmp_path / "out").encoding.by_name) == {"x", "town"}


def test_a_column_without_a_training_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x,c\n" + "1.5,\n2.5,\n" * 20)
    (tmp_path / "test.csv").write_text("x,c\n" + "1.5,3\n2.5,4\n" * 20)
    with pytest.raises(GenloopError, match="among the training rows: column 'c' holds no value"):
        prepare(tmp_path, TablePrepare(modality="table"), tmp_path / "out")


def test_a_rule_on_whole_floats_holds_after_the_schema_is_read_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    part = generator.integers(0, 9_000, 300) / 100
    frame = pd.DataFrame({"part": part, "total": np.ceil(part) + generator.integers(0, 20, 300).astype(float)})
    (tmp_path / "raw").mkdir()
    frame.to_parquet(tmp_path / "raw" / "t.parquet", index=False)
    prepare(tmp_path / "raw", TablePrepare(modality="table", rules=("total >= part",)), tmp_path / "out")
    encoding = read_schema(tmp_path / "out").encoding
    codes = np.stack([generator.integers(0, span.size, 4_000) for span in encoding.spans], 1)
    drawn = encoding.decode(codes, generator.random(codes.shape))
    assert (drawn["total"] >= drawn["part"]).all()
    assert drawn["total"].max() <= frame["total"].max()
    assert (drawn["total"] % 1 == 0).all()
