"""A split by content: every record keeps its side when data grow, whatever their order."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from genloop.choices import ImagePrepare, TablePrepare
from genloop.deliveries.overlap import overlap
from genloop.image.raw.prepare import prepare as prepare_pictures
from genloop.splitting import equal_before, held_out_by_content, tell_repeats_apart
from genloop.table.raw.prepare import prepare as prepare_table
from tests.table.test_prepare import write_table

SIDES = "train", "test"


def contents(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_the_share_is_met_but_for_chance(share: float) -> None:
    held_out = held_out_by_content(contents(100_000), share, seed=3)
    assert abs(held_out.mean() - share) < 5 * np.sqrt(share * (1 - share) / 100_000)
    # Numbers that follow each other are as good as any.
    counted = held_out_by_content(np.arange(100_000, dtype=np.uint64), share, seed=3)
    assert abs(counted.mean() - share) < 5 * np.sqrt(share * (1 - share) / 100_000)


def test_no_record_depends_on_the_others() -> None:
    known, more = contents(1_000), contents(9_000, seed=1)
    alone, grown = (held_out_by_content(numbers, 0.2, 0) for numbers in (known, np.concatenate([more, known])))
    assert np.array_equal(alone, grown[len(more) :])
    order = np.random.default_rng(2).permutation(len(known))
    assert np.array_equal(held_out_by_content(known[order], 0.2, 0), alone[order])


def test_seeds_draw_splits_that_have_nothing_to_do_with_each_other() -> None:
    one, two = (held_out_by_content(contents(100_000), 0.2, seed) for seed in (0, 1))
    assert abs((one & two).mean() - 0.04) < 5 * np.sqrt(0.04 * 0.96 / 100_000)


def test_of_two_unlike_records_one_is_held_out_and_of_equal_ones_none() -> None:
    for share in (0.001, 0.999):
        for count in (2, 3, 7):
            assert 0 < held_out_by_content(contents(count), share, 0).sum() < count
    assert held_out_by_content(contents(0), 0.2, 0).shape == (0,)
    assert not held_out_by_content(np.full(5, 7, np.uint64), 0.9, 0).any()
    assert not held_out_by_content(contents(1), 0.9, 0).any()


def test_records_that_repeat_others_are_told_apart() -> None:
    repeated = np.array([5, 7, 5, 5, 9], np.uint64)
    assert equal_before(repeated).tolist() == [0, 0, 1, 2, 0]
    apart = tell_repeats_apart(repeated)
    assert apart[[0, 1, 4]].tolist() == [5, 7, 9]
    assert len(set(apart.tolist())) == 5


def write_pictures(folder: Path, count: int, seed: int, kinds: int = 3) -> None:
    for number, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (count, 8, 8)).astype(np.uint8)):
        path = folder / f"kind_{number % kinds}" / f"{seed}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def pictures_of(folder: Path, split: str) -> set[bytes]:
    return {picture.tobytes() for picture in np.load(folder / f"{split}.npy")}


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())


def test_pictures_keep_their_side_when_more_come_and_classes_too(tmp_path: Path) -> None:
    choices = ImagePrepare(modality="image", holdout_by="content")
    write_pictures(tmp_path / "raw", 120, seed=5)
    prepare_pictures(tmp_path / "raw", choices, tmp_path / "before")
    assert report_of(tmp_path / "before")["split"] == "drawn by content"
    assert set(np.load(tmp_path / "before/test_labels.npy")) == {0, 1, 2}
    write_pictures(tmp_path / "raw", 80, seed=1, kinds=4)  # their names come first
    prepare_pictures(tmp_path / "raw", choices, tmp_path / "now")
    for split in SIDES:
        assert pictures_of(tmp_path / "before", split) < pictures_of(tmp_path / "now", split)
    assert overlap("image", tmp_path / "before", tmp_path / "now").seen == 0
    by_place = ImagePrepare(modality="image")
    prepare_pictures(tmp_path / "raw", by_place, tmp_path / "by_place")
    assert overlap("image", tmp_path / "before", tmp_path / "by_place").seen > 10


def test_equal_pictures_end_on_one_side_in_files_and_in_arrays(tmp_path: Path) -> None:
    choices = ImagePrepare(modality="image", holdout_by="content", holdout=0.4)
    write_pictures(tmp_path / "raw", 40, seed=2)
    for path in sorted((tmp_path / "raw").rglob("*.png")):
        shutil.copy(path, path.with_name(f"again_{path.name}"))
    prepare_pictures(tmp_path / "raw", choices, tmp_path / "files")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8)
    (tmp_path / "arrays").mkdir()
    np.savez(tmp_path / "arrays/pictures.npz", images=np.concatenate([pixels, pixels]))
    prepare_pictures(tmp_path / "arrays", choices, tmp_path / "npz")
    for out in ("files", "npz"):
        report = report_of(tmp_path / out)
        assert report["duplicates"]["test_in_train"] == 0
        assert report["duplicates"]["within_test"] == report["test"] // 2 > 0


def test_a_picture_that_cannot_be_read_moves_no_other(tmp_path: Path) -> None:
    choices = ImagePrepare(modality="image", holdout_by="content", on_bad_record="set_aside")
    write_pictures(tmp_path / "raw", 60, seed=4)
    prepare_pictures(tmp_path / "raw", choices, tmp_path / "before")
    (tmp_path / "raw/kind_0/0_broken.png").write_text("no picture")
    prepare_pictures(tmp_path / "raw", choices, tmp_path / "now")
    assert [one["name"] for one in report_of(tmp_path / "now")["set_aside"]] == ["kind_0/0_broken.png"]
    for split in SIDES:
        assert (tmp_path / f"before/{split}.npy").read_bytes() == (tmp_path / f"now/{split}.npy").read_bytes()


def rows_of(folder: Path, split: str) -> list[tuple[Any, ...]]:
    """Rows as what they hold, without their key, in an order that does not matter."""
    rows = pd.read_parquet(folder / f"{split}.parquet").drop(columns="id")
    return sorted(map(tuple, rows.astype("string").fillna("").itertuples(index=False)))


def test_rows_keep_their_side_when_more_come_in_another_order_with_other_keys(tmp_path: Path) -> None:
    choices = TablePrepare(modality="table", holdout_by="content")
    frame = write_table(tmp_path / "raw", 400)
    prepare_table(tmp_path / "raw", choices, tmp_path / "before")
    assert report_of(tmp_path / "before")["split"] == "drawn by content"
    grown = pd.concat([write_table(tmp_path / "more", 300), frame]).sample(frac=1, random_state=0)
    grown["id"] = [f"K{row:03d}" for row in range(len(grown))]
    grown.loc[grown.index[0], "town"] = "Aalen"  # a new value, which may be that of a known row
    grown.to_csv(tmp_path / "raw/people.csv", index=False)
    prepare_table(tmp_path / "raw", choices, tmp_path / "now")
    for split in SIDES:
        before, now = rows_of(tmp_path / "before", split), rows_of(tmp_path / "now", split)
        assert len(set(before) - set(now)) <= 1
    assert overlap("table", tmp_path / "before", tmp_path / "now").seen == 0
    prepare_table(tmp_path / "raw", TablePrepare(modality="table"), tmp_path / "by_place")
    assert overlap("table", tmp_path / "before", tmp_path / "by_place").seen > 30


def test_equal_rows_are_split_as_others_are(tmp_path: Path) -> None:
    rows = pd.DataFrame({"town": ["Ulm", "Bonn"] * 200, "member": ["yes", "yes", "no", "no"] * 100})
    (tmp_path / "raw").mkdir()
    rows.to_csv(tmp_path / "raw/few.csv", index=False)
    prepare_table(tmp_path / "raw", TablePrepare(modality="table", holdout_by="content"), tmp_path / "out")
    for split, wanted in (("train", 80), ("test", 20)):
        counts = pd.read_parquet(tmp_path / f"out/{split}.parquet").value_counts()
        assert len(counts) == 4
        assert ((counts - wanted).abs() < 25).all()
