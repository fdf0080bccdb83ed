"""What making a run again needs is kept with it, without secrets; what cannot be made again is refused in a line."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from genloop.changes import Changes
from genloop.errors import GenloopError
from genloop.own import is_missing
from genloop.recipe import STAGES, Recipe, dvc_hash, recipe_here
from genloop.reproduction import Recorded, check_whole, find
from genloop.tracking.lookup import Logbook
from genloop.tracking.recipes import read_recipe
from genloop.tracking.record import record
from genloop.tracking.store import Store
from genloop.worktree import worktree
from tests.tracking.conftest import Outputs

# SQLAlchemy 2.1 warns of MLflow's own tables, which are read in this process here.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
PLANTED = "AKIA" + "ABCDEFGHIJKLMNOP", "correct-horse-battery", "planted-token"
TRAIN = "data/config/tiny/train.json"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def lock(outputs: Outputs) -> None:
    """Write what DVC would have written after the stages ran."""
    deps = [{"path": path, "md5": dvc_hash(outputs.folder / path)} for path in (TRAIN, "src/model.py")]
    stages = {f"{stage}@tiny": {"deps": deps} for stage in STAGES}
    (outputs.folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


@pytest.fixture
def repository(outputs: Outputs, monkeypatch: pytest.MonkeyPatch) -> Outputs:
    """Finished outputs in a repository with a change that is not committed."""
    folder = outputs.folder
    (folder / "dvc.yaml").write_text(f"stages: {{train: {{do: {{deps: [{TRAIN}, src/model.py]}}}}}}\n")
    (folder / "src").mkdir()
    (folder / "src/model.py").write_text("width = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", "dvc.yaml", "params.yaml", "src")
    git(folder, "commit", "-qm", "begin")
    (folder / "src/model.py").write_text("width = 2\n")
    monkeypatch.setenv("DEPLOY_TOKEN", PLANTED[2])
    return outputs


def the_run(outputs: Outputs) -> tuple[Store, dict[str, str], str]:
    store = Store(outputs.run.data)
    (run,) = store.client.search_runs([store.experiment])
    return store, run.data.tags, run.info.run_id


def test_a_run_keeps_what_making_it_again_needs_and_no_secret(repository: Outputs) -> None:
    folder, data = repository.folder, repository.folder / "data"
    (folder / "src/keys.py").write_text(f"KEY = '{PLANTED[0]}'\n")
    (folder / "src/login.ini").write_text(f"password = {PLANTED[1]}\n")
    (folder / "src/own.py").write_text(f"# {PLANTED[2]}\n")
    Store(repository.run.data)  # made before, which takes longer than the end of a training waits
    with repository.live() as live:
        repository.tell(live)
    _, tags, _ = the_run(repository)
    assert tags["genloop.recipe"] == "as the training began"
    assert tags["genloop.patch_left_out"] == "src/keys.py, src/login.ini, src/own.py"
    lock(repository)
    record("tiny", data)
    store, tags, run_id = the_run(repository)
    assert tags["genloop.recipe"] == "whole"
    kept = read_recipe(store.client, store.client.get_run(run_id))
    assert kept.changes.commit == git(folder, "rev-parse", "HEAD").strip()
    assert "+width = 2" in kept.changes.patch.decode()
    assert kept.changes.left_out == ("src/keys.py", "src/login.ini", "src/own.py")
    assert kept.lock == (folder / "dvc.lock").read_text()
    assert {"python", "torch", "numpy", "pillow"} <= kept.versions.keys()
    found = [path for path in (folder / ".mlflow").rglob("*") if path.is_file()]
    assert any(path.name == "changes.patch" for path in found)
    assert not [path for path in found for secret in PLANTED if secret.encode() in path.read_bytes()]
    with pytest.raises(GenloopError, match=r"src/keys.py, src/login.ini, src/own.py were not kept, .* a secret"):
        check_whole(Recorded("tiny", kept, "w", {}))
    for path in ("src/keys.py", "src/login.ini", "src/own.py"):
        (folder / path).unlink()
    (data / "samples/tiny/more.txt").write_text("other samples of the same weights")
    record("tiny", data)
    assert "genloop.patch_left_out" not in the_run(repository)[1]
    (folder / "src/model.py").write_text("width = 3\n")  # so that the outputs are no longer of what lies here
    record("tiny", data)
    assert the_run(repository)[1]["genloop.recipe"] == "whole"
    (data / "samples/tiny/more.txt").write_text("once more")
    record("tiny", data)
    told = the_run(repository)[1]["genloop.recipe"]
    assert told == "none: src/model.py has changed since train@tiny ran; run 'dvc repro'"


def test_what_cannot_be_made_again_is_refused(repository: Outputs) -> None:
    for path in (".git/refs", ".git/HEAD"):
        (repository.folder / path).rename(repository.folder / f"{path}.away")
    record("tiny", repository.folder / "data")  # no commit: recorded all the same
    for path in (".git/refs", ".git/HEAD"):
        (repository.folder / f"{path}.away").rename(repository.folder / path)
    store, _, run_id = the_run(repository)
    (repository.folder / "data/metrics/tiny.json").rename(repository.folder / "scores.json")  # not in the workspace
    tags = {"genloop.run": "tiny"}
    for name in ("twin", "twin", "busy", "dead"):
        made = store.client.create_run(store.experiment, run_name=name, tags=tags)
        if name == "dead":
            store.client.set_terminated(made.info.run_id, "KILLED")
    for which, message in {
        "nobody": "nobody: neither a run of MLflow, by its id or its name there, nor one of the workspace",
        "twin": "twin: 2 runs of MLflow match: ",
        "busy": "busy: is still RUNNING; wait until it is trained and recorded",
        "dead": "dead: has no weights, its training is KILLED; take another run",
        run_id[:9]: "MLflow has nothing to make it again from (none: there is no commit of Git here",
    }.items():
        with pytest.raises(GenloopError) as refused:
            find(which)
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
    assert Logbook().one(run_id[:9]).info.run_id == run_id
    tag = store.client.get_run(run_id).data.tags["genloop.recipe"]
    assert json.dumps(tag).startswith('"none: there is no commit of Git here')


def recipe(repository: Outputs, **more: object) -> Recipe:
    commit = git(repository.folder, "rev-parse", "HEAD").strip()
    return Recipe(Changes(**{"commit": commit} | more), "", {}, "schema: '2.0'\n")  # type: ignore[arg-type]


def test_a_worktree_has_commit_and_changes_and_leaves_nothing(repository: Outputs, tmp_path: Path) -> None:
    folder = repository.folder
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("['remote \"near\"']\n    url = ../near\n[core]\n    remote = near\n")
    git(folder, "add", ".dvc")
    git(folder, "commit", "-qm", "DVC", "--", ".dvc")
    found = recipe_here(folder)
    with worktree(found, folder, keep=False) as tree:
        assert (tree.folder / "src/model.py").read_text() == "width = 2\n"
        settings = (tree.folder / ".dvc/config.local").read_text()
        assert f"dir = {folder / '.dvc/cache'}" in settings
        (url,) = (line.partition(" = ")[2] for line in settings.splitlines() if "url" in line)
        assert (tree.folder / ".dvc" / url).resolve() == (folder / "near").resolve()
        environment = tree.environment
        assert Path(environment["DVC_ROOT"]).is_relative_to(tree.scratch)
        scratch = tree.scratch
    assert not scratch.exists()
    for fault in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(fault), worktree(found, folder, keep=False) as tree:  # noqa: PT012 (its end is the point)
            scratch = tree.scratch
            raise fault
        assert not scratch.exists()
    lost = recipe(repository, commit="1" * 40)
    with pytest.raises(GenloopError, match=r"is not in this repository; bring it with 'git fetch'"):
        worktree(lost, folder, keep=False).__enter__()
    broken = recipe(repository, patch=found.changes.patch.replace(b"-width = 1", b"-width = 7"))
    with pytest.raises(GenloopError, match="its changes do not apply to its commit"):
        worktree(broken, folder, keep=False).__enter__()
    assert git(folder, "worktree", "list").count("\n") == 1
    with worktree(found, folder, keep=True) as tree:
        pass
    assert (tree.folder / "src/model.py").exists()
    shutil.rmtree(tree.scratch)


def test_changes_that_were_too_large_are_named() -> None:
    large = Recorded("tiny", Recipe(Changes("c", too_large=("src/huge.bin",)), "", {}), "w", {})
    with pytest.raises(GenloopError, match=r"^tiny: its changes were too large to be kept: src/huge.bin$"):
        check_whole(large)


def test_a_module_that_is_gone_is_missing(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/networks_of_a_test.py").write_text("")
    assert not is_missing("networks_of_a_test@abc", tmp_path)
    assert not is_missing("genloop.image.networks.dense@abc", tmp_path)
    assert is_missing("networks_that_are_gone@abc", tmp_path)
    assert is_missing("json@abc", tmp_path)  # is there, but elsewhere
