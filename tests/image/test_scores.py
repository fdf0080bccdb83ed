"""References of data sets with and without classes, and of too few pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genloop.choices import ImagePrepare, ImageReference
from genloop.errors import GenloopError
from genloop.image.data import PictureSchema, open_records, read_schema
from genloop.image.raw.prepare import prepare
from genloop.image.scores.compare import build_reference, draw_marginals, score, taken
from genloop.image.scores.judge import MANIFOLD, left_out
from genloop.image.scores.taught import NAME, Lesson
from genloop.scored import COPYING
from tests.conftest import tiny_pictures

CHOICES = ImageReference(modality="image", count=80, epochs=2)


def reference(folder: Path, count: int = 400, labelled: bool = True) -> dict[str, Any]:
    images, labels = tiny_pictures(count)
    (folder / "raw").mkdir(parents=True)
    arrays = {"images": images} | ({"labels": labels} if labelled else {})
    np.savez(folder / "raw" / "x.npz", **arrays)  # type: ignore[arg-type]
    prepare(folder / "raw", ImagePrepare(modality="image"), folder / "prepared")
    build_reference(folder / "prepared", CHOICES, folder / "reference")
    return dict(json.loads((folder / "reference" / "reference.json").read_text()))


@pytest.mark.parametrize(("labelled", "features"), [(True, "classifier"), (False, "random")])
def test_real_pictures_score_better_than_independent_pixels(tmp_path: Path, labelled: bool, features: str) -> None:
    found = reference(tmp_path, labelled=labelled)
    real, copier, trivial = (found["baselines"][name] for name in ("real", "bootstrap", "marginals"))
    assert found["protocol"]["features"] == features
    assert found["protocol"]["real_count"] == 80
    assert real["intervals"]["frechet"][1] < trivial["intervals"]["frechet"][0]
    assert copier["frechet"] < trivial["frechet"]
    assert real["intervals"].keys() == {name for name, value in real.items() if isinstance(value, float)}
    if labelled:
        assert found["protocol"]["features_accuracy"] == 1.0
        assert real["modes"] == 2
        assert real[NAME] > 0.9
        assert trivial["left_out"] == {NAME: "the pictures have no classes; set conditional: true"}
    else:
        assert set(real["left_out"]) == {"inception_score", "modes", "modes_divergence", NAME}
        assert real["left_out"]["modes"].startswith("the feature network tells no classes; label the pictures")


def test_the_same_reference_comes_out_twice_and_scores_too(tmp_path: Path) -> None:
    found = [reference(tmp_path / name) for name in "ab"]
    assert found[0] == found[1]
    pictures = open_records(tmp_path / "a/prepared", "test").pictures[:, 0]
    np.savez(tmp_path / "samples.npz", images=pictures)
    scores = [score(tmp_path, tmp_path / name / "reference", tmp_path / name / "prepared", tmp_path) for name in "ab"]
    assert (scores[0].figures, scores[0].protocol) == (scores[1].figures, scores[1].protocol)
    figures = scores[0].figures
    assert set(figures.left_out) == {NAME}
    assert figures.scores["precision"] == 1.0


def test_fewer_pictures_than_the_scores_compare_are_refused(tmp_path: Path) -> None:
    reference(tmp_path)
    np.savez(tmp_path / "samples.npz", images=open_records(tmp_path / "prepared", "test").pictures[:40, 0])
    told = "samples.npz: 40 pictures, the scores compare 80; raise sample.count"
    with pytest.raises(GenloopError, match=told):
        score(tmp_path, tmp_path / "reference", tmp_path / "prepared", tmp_path)


def test_of_two_training_pictures_nothing_is_said_of_copying(tmp_path: Path) -> None:
    found = reference(tmp_path, count=4)
    assert (
        found["baselines"]["marginals"]["left_out"]["copied"] == "2 training records are too few, at least 3 are needed"
    )
    np.savez(tmp_path / "samples.npz", images=tiny_pictures()[0])
    scored = score(tmp_path, tmp_path / "reference", tmp_path / "prepared", tmp_path)
    assert scored.suspicious is None
    assert set(COPYING) <= set(scored.figures.left_out)


def test_too_few_pictures_leave_scores_out_and_say_why(tmp_path: Path) -> None:
    found = reference(tmp_path, count=20)
    real = found["baselines"]["real"]
    assert real["left_out"]["recall"] == "4 held-out pictures, and balls reach to the 5th neighbor; raise holdout"
    assert "frechet" not in real
    assert np.isfinite(real["kid"])


def test_what_cannot_be_taken_of_nothing_or_of_one() -> None:
    assert left_out(0, 100, 64)["kid"] == "there are no held-out pictures, and pairs are compared; raise holdout"
    assert set(left_out(100, 1, 64)) == {"frechet", "kid", *MANIFOLD}
    assert left_out(100, 100, 64) == {}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [(None, "the pictures have no classes; set conditional: true"), ([1] * 9, "all pictures are of one class")],
)
def test_a_classifier_learns_nothing_of_pictures_without_classes(
    tmp_path: Path, labels: list[int] | None, reason: str
) -> None:
    reference(tmp_path, count=100)
    test = open_records(tmp_path / "prepared", "test")
    pictures = taken(test, np.arange(9))
    pictures = type(pictures)(pictures.pictures, None if labels is None else np.array(labels), 2)
    lesson = Lesson(read_schema(tmp_path / "prepared"), test, CHOICES)
    assert lesson.figures(pictures).left_out == {NAME: reason}
    assert Lesson(PictureSchema(1, 8, 8), test, CHOICES).figures(pictures).scores == {}


def test_marginals_keep_each_pixel_and_break_what_joins_them() -> None:
    pictures = np.stack([np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), 9, np.uint8)])
    drawn = draw_marginals(pictures, 2000, np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0, 9}
    np.testing.assert_allclose(drawn.mean(0), 4.5, atol=0.5)
    assert abs(np.corrcoef(drawn[:, 0, 0, 0], drawn[:, 0, 0, 1])[0, 1]) < 0.1
