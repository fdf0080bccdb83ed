"""A champion beside today's runs: by what was recorded, or scored again where data or protocol have moved on."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genloop.comparison import Entry
from genloop.config import Evaluate
from genloop.errors import GenloopError
from genloop.evaluation import evaluate
from genloop.gate.champion import champion_entries
from genloop.outputs import read_choices
from genloop.tracking.promotion import champion, promote_by_hand
from genloop.tracking.registry import Version
from stages.prepare import prepare
from stages.reference import reference
from tests.conftest import Project, tiny_pictures, tiny_table
from tests.tracking.ruled import alone

DATA = Path("data")


@pytest.fixture(scope="module")
def grown(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project with a champion on both data sets, and then more data, prepared and with a reference."""
    folder = Path(shutil.copytree(finished.folder, tmp_path_factory.mktemp("grown") / "project", symlinks=True))
    with pytest.MonkeyPatch.context() as patched:
        alone(patched, folder)
        for name in ("tiny_vae", "rows_vae"):
            promote_by_hand(name, weights_of(name), "Ada", "")
        images, labels = tiny_pictures(120)
        np.savez(folder / "data/raw/tiny/tiny.npz", images=images, labels=labels)
        tiny_table(150).to_csv(folder / "data/raw/rows/rows.csv", index=False)
        for data in ("tiny", "rows"):
            prepare(data)
            reference(data)
    return folder


@pytest.fixture
def project_folder(grown: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    alone(monkeypatch, grown)
    return grown


def weights_of(name: str) -> str:
    return str(recorded(name)["identity"]["weights"])


def recorded(name: str) -> dict[str, Any]:
    return dict(json.loads((DATA / "metrics" / f"{name}.json").read_text()))


def now(data: str) -> Version:
    found = champion(data)
    assert found is not None
    return found


def today(data: str, name: str) -> Entry:
    """A run as it would be scored today."""
    asked = recorded(name)["protocol"]["data"]["asked"]
    protocol = json.loads((DATA / "reference" / data / "reference.json").read_text())["protocol"]
    return Entry(name, data, {"protocol": {"data": protocol | {"sample_seed": 0, "asked": asked}}})


def test_what_was_recorded_is_taken_where_the_protocol_is_still_the_same(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genloop.gate.champion._scored_again", None)
    entry = Entry("tiny_gan", "tiny", recorded("tiny_gan"))
    (found,) = champion_entries(now("tiny"), entry, DATA)
    assert (found.name, found.data, found.metrics) == ("tiny_vae", "tiny", recorded("tiny_vae"))


def test_a_champion_of_pictures_is_scored_again_against_grown_data(project_folder: Path) -> None:
    before = contents(project_folder)
    (found,) = champion_entries(now("tiny"), today("tiny", "tiny_gan"), DATA)
    assert contents(project_folder) == before
    assert found.protocol["data"]["real_count"] == 24
    assert found.metrics["kid"] != recorded("tiny_vae")["kid"]
    choices = read_choices(DATA / "config/tiny_vae/evaluate.json", Evaluate)
    scored = evaluate("tiny_vae", choices, DATA)  # the samples in the workspace are of the same weights and choices
    assert found.metrics == scored


def test_a_champion_of_rows_draws_as_many_as_are_compared_today(project_folder: Path) -> None:
    before = contents(project_folder)
    (found,) = champion_entries(now("rows"), today("rows", "rows_vae"), DATA)
    assert contents(project_folder) == before
    protocol, earlier = found.protocol["data"], recorded("rows_vae")["protocol"]["data"]
    assert protocol["generated_count"] > earlier["generated_count"]
    assert protocol["asked"] == earlier["asked"] == {"where": {"town": "Ulm"}}
    assert found.identity["weights"] == now("rows").weights
    assert "other codes" in found.metrics["left_out"]["elbo"]  # more rows have moved them
    assert "elbo" not in found.metrics


def test_a_champion_that_cannot_be_scored_today_is_told_in_one_line(project_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for part in ("prepared", "reference", "config"):
        shutil.copytree(DATA / part, tmp_path / "data" / part)
    rows = tmp_path / "data/prepared/rows/schema.json"
    schema = json.loads(rows.read_text())
    schema["columns"].append({"name": "postage", "kind": "float", "decimals": 2})
    rows.write_text(json.dumps(schema))
    told = r"rows_vae-\w{7}: the champion cannot be scored as today's runs are \(column 'postage', today float, is unk"
    with pytest.raises(GenloopError, match=told) as failed:
        champion_entries(now("rows"), today("rows", "rows_vae"), tmp_path / "data")
    assert str(failed.value).endswith("choose by hand which run takes its place: 'python -m genloop promote RUN'")
    pictures = tmp_path / "data/prepared/tiny/schema.json"
    pictures.write_text(pictures.read_text().replace('"height": 8', '"height": 16'))
    with pytest.raises(GenloopError, match="it draws pictures of 1x8x8, and those of today are of 1x16x8"):
        champion_entries(now("tiny"), today("tiny", "tiny_gan"), tmp_path / "data")
    other = today("tiny", "tiny_gan")
    other.metrics["protocol"]["data"]["version"] = 99
    with pytest.raises(GenloopError, match=r"data\.version: 2 against 99"):
        champion_entries(now("tiny"), other, DATA)
    shutil.rmtree(tmp_path / "data/reference/tiny")
    with pytest.raises(GenloopError, match=r"reference/tiny: missing; run 'dvc pull .*data/prepared/tiny .*' to score"):
        champion_entries(now("tiny"), other, tmp_path / "data")


def contents(folder: Path) -> dict[str, bytes]:
    """All outputs of the workspace."""
    return {str(path): path.read_bytes() for path in sorted((folder / "data").rglob("*")) if path.is_file()}
