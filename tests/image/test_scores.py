"""References of data sets with and without classes, and of too few pictures."""

import json
from pathlib import Path

import numpy as np
import pytest

from genloop.choices import ImagePrepare, ImageReference
from genloop.errors import GenloopError
from genloop.image.raw.prepare import prepare
from genloop.image.scores.compare import build_reference, draw_marginals
from tests.conftest import tiny_pictures

CHOICES = ImageReference(modality="image", count=30, epochs=6)


def reference(folder: Path, count: int = 80, labelled: bool = True) -> dict:
    images, labels = tiny_pictures(count)
    (folder / "raw").mkdir(parents=True)
    arrays = {"images": images} | ({"labels": labels} if labelled else {})
    np.savez(folder / "raw" / "x.npz", **arrays)  # type: ignore[arg-type]
    prepare(folder / "raw", ImagePrepare(modality="image"), folder / "prepared")
    build_reference(folder / "prepared", CHOICES, folder / "reference")
    return dict(json.loads((folder / "reference" / "reference.json").read_text()))


@pytest.mark.parametrize(("labelled", "features"), [(True, "classifier"), (False, "random network")])
def test_real_pictures_score_better_than_independent_pixels(tmp_path: Path, labelled: bool, features: str) -> None:
    found = reference(tmp_path, labelled=labelled)
    assert found["protocol"]["features"] == features
    assert found["protocol"]["real_count"] == 16
    assert found["scores"]["real"]["frechet"] < found["scores"]["marginals"]["frechet"]
    if labelled:
        assert found["protocol"]["features_accuracy"] == 1.0


def test_the_same_reference_comes_out_twice(tmp_path: Path) -> None:
    assert reference(tmp_path / "a") == reference(tmp_path / "b")


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GenloopError, match=r"16 training and 4 test pictures are too few for scores"):
        reference(tmp_path, count=20)


def test_marginals_keep_each_pixel_and_break_what_joins_them() -> None:
    pictures = np.stack([np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), 9, np.uint8)])
    drawn = draw_marginals(pictures, 2000, np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0, 9}
    np.testing.assert_allclose(drawn.mean(0), 4.5, atol=0.5)
    assert abs(np.corrcoef(drawn[:, 0, 0, 0], drawn[:, 0, 0, 1])[0, 1]) < 0.1
