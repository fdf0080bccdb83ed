"""Generated files carry the identity of their run, in equal bytes, and nothing of a machine or a moment."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from genloop.errors import GenloopError
from genloop.identity import hash_weights
from genloop.marking import KEY, Mark, mark_folder, mark_parquet, png_info, read_mark
from tests.conftest import Project

MARK = Mark("digits_gan", "ab" * 32, 7, 50, {"label": "3", "where": {"Straße": None}}, {"lr": 0.1, "data": "digits"})


def test_a_marked_picture_keeps_its_pixels_and_its_resolution(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name, dpi=(110, 110))
    (tmp_path / "c.txt").write_text("no picture")
    mark_folder(tmp_path, MARK)
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), pixels)
        assert picture.info["dpi"] == pytest.approx((110, 110), abs=0.1)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert read_mark(tmp_path / "a.png") == MARK
    assert json.loads(MARK.text)["format"] == 1


def test_a_marked_table_keeps_its_rows_types_and_metadata(tmp_path: Path) -> None:
    rows = pd.DataFrame({"town": pd.Categorical(["Ulm", "Bern", "Ulm"]), "price": [1.5, None, 2.0]})
    path = tmp_path / "rows.parquet"
    pa.parquet.write_table(pa.Table.from_pandas(rows), path, row_group_size=2)
    before = pa.parquet.read_table(path)
    mark_parquet(path, MARK)
    after = pa.parquet.read_table(path)
    assert after.schema.equals(before.schema)
    assert after.equals(before)
    assert after.schema.metadata.pop(KEY.encode()).decode() == MARK.text
    assert before.schema.metadata.items() <= after.schema.metadata.items()
    pd.testing.assert_frame_equal(pd.read_parquet(path), rows)
    assert pa.parquet.ParquetFile(path).num_row_groups == 2
    assert read_mark(path) == MARK
    assert [file.name for file in tmp_path.iterdir()] == ["rows.parquet"]


def test_samples_and_reports_of_a_project_are_marked(finished: Project) -> None:
    data = finished.folder / "data"
    paths = [*data.glob("samples/*/*.png"), *data.glob("reports/*/*.png"), *data.glob("samples/*/*.parquet")]
    assert {path.parent.name for path in paths} == {"tiny_gan", "tiny_vae", "rows_vae"}
    assert len(paths) > 8
    for path in paths:
        run = path.parent.name
        mark = read_mark(path)
        assert mark.run == run
        assert mark.weights == hash_weights(data / f"weights/{run}/weights.safetensors")
        assert (mark.seed, mark.asked) == (0, {"where": {"town": "Ulm"}} if run == "rows_vae" else {})
        stated = json.loads((data / f"weights/{run}/run.json").read_text())
        assert dict(mark.choices) == {key: value for key, value in stated.items() if key != "format"}


def picture(path: Path, text: str) -> None:
    info = png_info(MARK)
    info.chunks.clear()
    info.add_text(KEY, text)
    Image.new("L", (2, 2)).save(path, pnginfo=info)


REFUSED = {
    "missing": (lambda path: None, "there is no such file"),
    "a text": (lambda path: path.write_text("a,b\n1,2\n"), "is neither PNG nor Parquet"),
    "empty": (lambda path: path.write_bytes(b""), "is neither PNG nor Parquet"),
    "a cut picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0"), "cannot be read"),
    "a cut table": (lambda path: path.write_bytes(b"PAR1\0\0"), "cannot be read"),
    "a picture of others": (lambda path: Image.new("L", (2, 2)).save(path, "png"), "carries no identity of a run"),
    "a table of others": (lambda path: pa.parquet.write_table(pa.table({"a": [1]}), path), "carries no identity"),
    "no JSON": (lambda path: picture(path, "{"), "its identity is damaged"),
    "a list": (lambda path: picture(path, "[1]"), "its identity is damaged"),
    "too deep": (lambda path: picture(path, "[" * 100_000), "its identity is damaged"),
    "a key too many": (lambda path: picture(path, MARK.text.replace('"run"', '"x":1,"run"')), "is damaged"),
    "another kind": (lambda path: picture(path, MARK.text.replace('"seed":7', '"seed":"7"')), "is damaged"),
    "a hash that is a query": (lambda path: picture(path, MARK.text.replace("ab" * 32, "' or ''='")), "is damaged"),
    "newer": (
        lambda path: picture(path, MARK.text.replace('"format":1', '"format":2')),
        "has format 2, made by another",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_without_a_whole_identity_are_refused(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    make(tmp_path / "x.png")
    with pytest.raises(GenloopError) as refused:
        read_mark(tmp_path / "x.png")
    assert message in str(refused.value)
    assert str(tmp_path / "x.png") in str(refused.value)
