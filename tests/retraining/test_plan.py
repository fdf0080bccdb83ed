"""What has to run anew is told without any data."""

from pathlib import Path

import pytest

from genloop.retraining.plan import make_plan
from tests.conftest import Project


@pytest.fixture
def clone(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A fresh clone of the finished project, in which the test runs: without outputs and without a cache."""
    finished.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    clone = Project(tmp_path / "clone")
    clone.dvc("repro", "configure")
    return clone


def test_a_fresh_clone_has_nothing_to_run(clone: Project) -> None:
    plan = make_plan()
    assert not plan.stages
    assert not plan.inputs
    assert not (clone.folder / "data/weights").exists()


def test_a_changed_choice_makes_one_run_anew_from_outputs_that_are_named(clone: Project) -> None:
    clone.edit("params.yaml", "family: gan, epochs: 3", "family: gan, epochs: 4")
    clone.dvc("repro", "configure")
    plan = make_plan()
    stages = [f"{kind}@tiny_gan" for kind in ("train", "sample", "evaluate", "record")]
    assert list(plan.stages) == [*stages, "summarize"]
    assert plan.names("train") == ["tiny_gan"]
    assert plan.why("tiny_gan") == "changed: data/config/tiny_gan/train.json"
    assert {"data/prepared/tiny", "data/reference/tiny"} <= set(plan.inputs)
    assert "data/weights/tiny_gan" not in plan.inputs


def test_new_raw_data_make_all_runs_on_them_anew(clone: Project) -> None:
    path = clone.folder / "data/raw/rows/rows.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    plan = make_plan()
    assert plan.names("prepare") == ["rows"]
    assert plan.names("train") == ["rows_vae"]
    assert plan.why("rows_vae") == "changed: data/raw/rows"
    assert not [stage for stage in plan.without(["rows", "rows_vae"]).stages if "rows" in stage]


def test_data_of_dvc_that_moved_on_are_seen_without_the_data(clone: Project) -> None:
    rows = clone.folder / "data/raw/rows"
    clone.run("git", "rm", "-q", "-r", "--cached", "data/raw/rows")
    clone.dvc("add", "-q", "data/raw/rows")
    assert not make_plan().stages
    (rows / "rows.csv").write_text((rows / "rows.csv").read_text().replace("Ulm", "Bonn"))
    clone.dvc("add", "-q", "data/raw/rows")
    clone.run("rm", "-r", "data/raw/rows")
    assert make_plan().why("rows_vae") == "changed: data/raw/rows"


def test_a_change_of_code_is_told_by_its_file(clone: Project) -> None:
    with (clone.folder / "src/genloop/vae.py").open("a") as source:
        source.write("# a comment\n")
    plan = make_plan()
    assert plan.names("train") == ["tiny_vae", "rows_vae"]
    assert plan.why("tiny_vae") == "changed: src/genloop/vae.py"
