"""From a raw folder to typed rows and codes, or to one line that says why not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genloop.choices import TablePrepare
from genloop.errors import GenloopError
from genloop.table.data import open_records, read_schema
from genloop.table.raw.prepare import prepare

CHOICES = TablePrepare(modality="table", holdout=0.25)


def write_table(folder: Path, rows: int = 40, name: str = "people.csv") -> pd.DataFrame:
    """Write a table with a key, numbers, words, dates and gaps."""
    generator = np.random.default_rng(rows)
    frame = pd.DataFrame(
        {
            "id": [f"P{row:03d}" for row in range(rows)],
            "height (cm)": generator.normal(170, 9, rows).round(1),
            "town": generator.choice(["Ulm", "Bad Aibling", "?"], rows),
            "member": generator.choice(["yes", "no"], rows),
            "born": pd.Timestamp("1970-01-01") + pd.to_timedelta(generator.integers(0, 9_000, rows), unit="D"),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / name, index=False)
    return frame


def test_a_table_becomes_typed_rows_codes_schema_and_report(tmp_path: Path) -> None:
    frame = write_table(tmp_path / "raw")
    prepare(tmp_path / "raw", CHOICES, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["columns"] == {
        "id": "key", "height (cm)": "float", "town": "category", "member": "boolean", "born": "datetime",
    }  # fmt: skip
    assert (report["train"], report["test"], report["split"]) == (30, 10, "drawn")
    assert report["missing"]["town"] > 0
    rows = pd.concat(pd.read_parquet(tmp_path / "out" / f"{split}.parquet") for split in ("train", "test"))
    assert sorted(rows["height (cm)"]) == sorted(frame["height (cm)"])
    schema, records = read_schema(tmp_path / "out"), open_records(tmp_path / "out", "train")
    assert [span.column for span in schema.encoding.spans] == ["height (cm)", "town", "member", "born"]
    x = records.gather([0, 3])
    assert x.shape == (2, schema.width)
    assert x.sum(1).tolist() == [4, 4]
    assert np.array_equal(records.layout.codes(x).numpy(), np.load(tmp_path / "out" / "train.npy")[[0, 3]])


def test_official_splits_are_kept(tmp_path: Path) -> None:
    write_table(tmp_path / "raw", 30, "train.csv")
    write_table(tmp_path / "raw", 12, "test.csv")
    prepare(tmp_path / "raw", CHOICES, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["train"], report["test"], report["split"]) == (30, 12, "official")


def test_what_cannot_be_prepared_leaves_earlier_outputs_whole(tmp_path: Path) -> None:
    write_table(tmp_path / "raw")
    prepare(tmp_path / "raw", CHOICES, tmp_path / "out")
    before = (tmp_path / "out" / "train.npy").read_bytes()
    write_table(tmp_path / "raw", 3)
    with pytest.raises(GenloopError, match="3 rows are too few"):
        prepare(tmp_path / "raw", CHOICES, tmp_path / "out")
    (tmp_path / "raw" / "people.csv").rename(tmp_path / "raw" / "train.csv")
    (tmp_path / "raw" / "test.csv").write_text("id,height (cm)\n1,2\n")
    with pytest.raises(GenloopError, match="train and test differ in the column born"):
        prepare(tmp_path / "raw", CHOICES, tmp_path / "out")
    assert (tmp_path / "out" / "train.npy").read_bytes() == before
