"""Weights of every format that was ever written go on loading: they draw, fill and say what they did when new."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from genloop import plugins
from genloop.choices import ImageReference, TableReference
from genloop.config import GanEvaluate, ImageGan, ImageVae, TableGan, TableVae, VaeEvaluate
from genloop.errors import GenloopError
from genloop.evaluation import evaluate
from genloop.formats import FORMAT, read_run, state_format
from genloop.sampling import sample
from genloop.table.fill import fill
from tests.golden.make import GOLDEN, SAMPLES, arithmetic, bounds_of, read_made
from tests.test_docs import defaults

FORMATS = [GOLDEN / f"format_{number}" for number in range(1, FORMAT + 1)]
CASES = [
    pytest.param(folder, weights.name, id=f"{folder.name}-{weights.name}")
    for folder in FORMATS
    for weights in sorted((folder / "weights").glob("*"))
]
NEW_FORMAT = "the choices of training are not those of format {}; bring a new format: docs/releasing.md"
REFERENCES: dict[str, ImageReference | TableReference] = {
    "pictures": ImageReference(modality="image", count=40, epochs=1),
    "rows": TableReference(modality="table", count=40),
}


def is_exact(golden: Path) -> bool:
    """Whether a folder was made by the same arithmetic as here, so that bytes must be equal."""
    return bool(read_made(golden)["by"] == arithmetic())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the present version makes it: what a person has who goes on with old weights."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copytree(FORMATS[-1] / "prepared", folder / "prepared")
    for name, choices in REFERENCES.items():
        prepared, reference = folder / "prepared" / name, folder / "reference" / name
        plugins.scores(choices.modality).build_reference(prepared, choices, reference)
    return folder


def assert_alike(now: np.ndarray, then: np.ndarray, exact: bool) -> None:
    """Equal where arithmetic is; else a draw in a hundred may fall to the other side of a border."""
    assert now.shape == then.shape
    if exact:
        np.testing.assert_array_equal(now, then)
    elif now.dtype == np.uint8:
        assert np.abs(now.astype(int) - then).mean() < 0.1
    else:
        assert (now == then).mean() > 0.95


def cells(path: Path) -> np.ndarray:
    return pd.read_csv(path, dtype=str, keep_default_na=False).to_numpy(str)


@pytest.mark.parametrize(("golden", "name"), CASES)
def test_old_weights_draw_as_when_new(golden: Path, name: str, tmp_path: Path) -> None:
    weights, kept = golden / "weights" / name, golden / "samples" / name
    modality = read_run(weights).modality
    sample(weights, SAMPLES[modality], tmp_path / "drawn")
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (tmp_path / "drawn", kept)]
    assert manifests[0] == manifests[1]
    if modality == "image":
        with np.load(tmp_path / "drawn" / "samples.npz") as now, np.load(kept / "samples.npz") as then:
            assert now.files == then.files
            assert_alike(now["images"], then["images"], is_exact(golden))
    else:
        assert_alike(cells(tmp_path / "drawn" / "samples.csv"), cells(kept / "samples.csv"), is_exact(golden))


@pytest.mark.parametrize(("golden", "name"), CASES)
def test_old_weights_are_scored(golden: Path, name: str, data: Path) -> None:
    called = f"{golden.name}_{name}"
    weights = shutil.copytree(golden / "weights" / name, data / "weights" / called)
    choices = read_run(weights)
    sample(weights, SAMPLES[choices.modality], data / "samples" / called)
    said = read_made(golden)["bounds"][name]
    assert bool(said) == (choices.family == "vae")
    if said:
        assert bounds_of(weights, golden) == pytest.approx(said, rel=1e-9 if is_exact(golden) else 1e-3)
    scores = evaluate(called, VaeEvaluate(draws=2, importance=4) if said else GanEvaluate(), data)
    assert ("elbo" in scores) == bool(said)
    assert (data / "reports" / called / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(("golden", "name"), [case for case in CASES if "rows" in str(case.values[1])])
def test_old_weights_fill_gaps_as_when_new(golden: Path, name: str, tmp_path: Path) -> None:
    fill(golden / "weights" / name, golden / "filled" / "gaps.csv", tmp_path / "filled.csv", seed=7)
    assert_alike(cells(tmp_path / "filled.csv"), cells(golden / "filled" / f"{name}.csv"), is_exact(golden))


def test_what_format_1_did_not_state_is_what_it_did(tmp_path: Path) -> None:
    for weights in (FORMATS[0] / "weights").glob("*"):
        before = (weights / "run.json").read_bytes()
        stated = json.loads(before)
        assert "format" not in stated
        added = {"deterministic": True, "save_every": 10.0}
        assert read_run(weights).model_dump() == stated | {"trainer": stated["trainer"] | added}
        assert (weights / "run.json").read_bytes() == before  # reading writes nothing


def keys(stated: Any, prefix: str = "") -> set[str]:
    if not isinstance(stated, dict) or not stated:
        return {prefix.removesuffix(".")}
    return set().union(*(keys(value, f"{prefix}{key}.") for key, value in stated.items()))


@pytest.mark.parametrize("model", [ImageGan, ImageVae, TableGan, TableVae])
def test_the_present_format_states_all_that_training_chooses(model: type[BaseModel]) -> None:
    assert FORMATS[-1].exists(), f"{FORMATS[-1]} is missing; make it: docs/releasing.md"
    known = [json.loads(path.read_text()) for path in sorted((FORMATS[-1] / "weights").glob("*/run.json"))]
    modality, family = model.__name__.removesuffix("Gan").removesuffix("Vae").lower(), model.__name__[-3:].lower()
    (stated,) = [run for run in known if (run["modality"], run["family"]) == (modality, family)]
    assert stated.pop("format") == FORMAT
    assert keys(stated) == set(defaults(model)), NEW_FORMAT.format(FORMAT)


CHOICES = ImageGan(data="pictures", modality="image", family="gan").model_dump()
FAULTS: dict[str, tuple[str, str]] = {
    "newer": (
        json.dumps(state_format(CHOICES) | {"format": FORMAT + 1}),
        f"has format {FORMAT + 1}, made by a newer genloop; this one reads 1 to {FORMAT}: update genloop",
    ),
    "cut off": (json.dumps(CHOICES)[:40], r"cannot be read \(.*\); 'dvc checkout' brings back"),
    "no text": ("\x00\xff", r"cannot be read \("),
    "a deep one": ("[" * 100_000, r"cannot be read \("),
    "a list": ("[1]", r"cannot be read \(it holds no choices\)"),
    "no number": (json.dumps(CHOICES | {"format": "two"}), r'cannot be read \(there is no format "two"\)'),
    "none at all": (json.dumps(CHOICES | {"format": 0}), r"cannot be read \(there is no format 0\)"),
    "truth": (json.dumps(CHOICES | {"format": True}), r"cannot be read \(there is no format true\)"),
    "no choices": (json.dumps({"trainer": 3}), r"cannot be read \(it does not hold the choices of format 1\)"),
    "a choice too few": (
        json.dumps({key: CHOICES[key] for key in CHOICES if key != "lr"}),
        "lacks lr; run 'dvc repro'",
    ),
    "a choice too many": (
        json.dumps(CHOICES | {"depth": 3}),
        r"image\.gan\.depth: Extra inputs are not permitted; run",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_read_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    text, message = FAULTS[name]
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(GenloopError, match=rf"run\.json: {message}") as refused:
        read_run(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenloopError, match=r"run\.json: missing; run 'dvc repro'"):
        read_run(tmp_path)
