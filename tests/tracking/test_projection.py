"""MLflow is a projection of what DVC holds, wherever that comes from; the other cases are in tests/test_tracking.py.

There: a lost store, a training that is forced again, a temporary workspace, a worktree.
"""

import json
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.test_tracking import mlflow_runs, shown

DRAWN = "count: 50}}\n  tiny_vae"


def genloop(project: Project, *arguments: str, succeeds: bool = True, **environment: str) -> str:
    done = project.run(sys.executable, "-m", "genloop", *arguments, succeeds=succeeds, **environment)
    return done.stdout if succeeds else done.stderr


def test_an_edit_and_its_reversal_are_followed_though_dvc_serves_them_from_its_cache(project: Project) -> None:
    """DVC runs no stage but ``record`` when outputs come back from its cache of runs."""
    (before,) = mlflow_runs(project)["tiny_gan"]
    project.edit("params.yaml", DRAWN, DRAWN.replace("50", "50, seed: 7"))
    project.dvc("repro", "record@tiny_gan")
    (edited,) = mlflow_runs(project)["tiny_gan"]
    assert edited["tags"]["protocol.data.sample_seed"] == "7"
    assert edited["tags"]["genloop.recorded"] != before["tags"]["genloop.recorded"]
    project.edit("params.yaml", "50, seed: 7", "50")
    told = project.dvc("repro", "record@tiny_gan").stdout
    for stage in ("sample", "evaluate"):
        assert f"Stage '{stage}@tiny_gan' is cached - skipping run" in told
    (after,) = mlflow_runs(project)["tiny_gan"]
    assert after["id"] == before["id"]
    assert shown(after) | {"points": before["points"]} == shown(before)  # a score that came back is a further point
    scores = json.loads((project.folder / "data/metrics/tiny_gan.json").read_text())
    assert after["metrics"]["score/kid"] == scores["kid"]
    assert after["tags"]["genloop.recipe"] == "whole"


def test_a_fresh_clone_shows_what_it_pulled(finished: Project, project: Project, tmp_path: Path) -> None:
    project.dvc("remote", "add", "-d", "store", "../remote")
    project.run("git", "commit", "-qam", "remote")
    project.dvc("push", "-q")
    project.run("git", "clone", "-q", str(project.folder), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    clone.dvc("pull", "-q")
    done = clone.dvc("repro")
    ran = {line.split()[3] for line in done.stdout.splitlines() if line.startswith("> python -m stages.")}
    assert ran == {"stages.record", "stages.summarize"}
    pulled, original = mlflow_runs(clone), mlflow_runs(finished)
    assert {name: [shown(run) for run in runs] for name, runs in pulled.items()} == {
        name: [shown(run) for run in runs] for name, runs in original.items()
    }
    assert {run["tags"]["genloop.recipe"] for runs in pulled.values() for run in runs} == {"whole"}


def test_a_moved_project_finds_its_artifacts_again(project: Project) -> None:
    project.run(sys.executable, "-m", "genloop", "sync")  # the project of this test is a copy: the store follows it
    before = mlflow_runs(project)
    project.folder = project.folder.rename(project.folder.with_name("moved 'here'"))
    genloop(project, "trace", "data/samples/tiny_gan/grid.png")  # whatever connects mends it
    assert mlflow_runs(project) == before
    assert len(before["tiny_gan"][0]["files"]) > 10
    places = project.run(
        sys.executable,
        "-c",
        "from genloop.tracking.store import Store; store = Store('tiny'); "
        "print(*(run.info.artifact_uri for run in store.client.search_runs([store.experiment])), sep='\\n')",
    ).stdout.splitlines()
    assert [place.startswith("file://") and "moved%20%27here%27/.mlflow" in place for place in places] == [True, True]
    weights = project.folder / "data/weights/tiny_gan"
    (weights / "losses.png").write_bytes(b"other")
    genloop(project, "sync", "tiny_gan")
    (held,) = (project.folder / ".mlflow").rglob(f"{before['tiny_gan'][0]['id']}/artifacts/weights/losses.png")
    assert held.read_bytes() == b"other"


@pytest.mark.long
def test_a_queued_experiment_with_changes_is_made_again_from_a_fresh_clone(project: Project, tmp_path: Path) -> None:
    """It is recorded in the same store; commit, changes and choices come from MLflow, data from DVC's remote."""
    project.edit("src/genloop/gan.py", "BETAS = (0.5", "BETAS = (0.4")
    project.dvc("exp", "run", "--queue", "-S", "+runs.tiny_gan.seed=5")
    project.dvc("queue", "start")
    for _ in range(240):
        if "Success" in project.dvc("queue", "status").stdout:
            break
        time.sleep(1)
    runs = {run["params"]["seed"]: run for run in mlflow_runs(project)["tiny_gan"]}
    assert set(runs) == {"0", "5"}
    assert runs["5"]["tags"]["genloop.experiment"]
    assert runs["5"]["tags"]["genloop.recipe"] == "whole"
    assert runs["5"]["tags"]["genloop.git_changed"] == "true"
    project.run("git", "clone", "-q", str(project.folder), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    clone.environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{project.folder}/.mlflow/mlflow.db"
    name = runs["5"]["name"]
    lost = genloop(clone, "reproduce", name, succeeds=False)
    assert lost.startswith("genloop: data/config, DVC hash ")
    assert "is neither in DVC's cache nor in its remote" in lost
    assert lost.count("\n") == 1
    clone.dvc("remote", "add", "--local", "-d", "near", str(project.folder / ".dvc/cache"))  # has the form of a remote
    told = genloop(clone, "reproduce", runs["5"]["id"][:8])
    assert f"tiny_gan, weights {name[-7:]}: commit " in told
    assert told.splitlines()[-4:] == [
        f"weights  equal ({name[-7:]}), all files the same bytes",
        "samples  equal",
        "metrics  equal",
        "reproduced",
    ]
    assert not (clone.folder / "data/weights").exists()
    assert not (clone.folder / ".mlflow").exists()
    assert not (clone.folder / ".state").exists()
    assert clone.run("git", "worktree", "list").stdout.count("\n") == 1
    assert len(mlflow_runs(project)["tiny_gan"]) == 2
