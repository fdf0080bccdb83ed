"""What people may call a run: each form leads to its weights and scores, and what leads nowhere is said in one line."""

import json
import shutil
from pathlib import Path

import pytest

from genloop.errors import GenloopError
from genloop.identity import hash_weights
from genloop.references.find import find_places, found_runs
from genloop.references.reference import Reference
from genloop.references.revisions import commits_of, data_hash
from genloop.tracking.lookup import Logbook
from tests.conftest import Project

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # of MLflow's own store


@pytest.fixture(scope="module")
def seeded(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished project with the experiment ``other`` on an earlier commit, where one run has another seed."""
    folder = tmp_path_factory.mktemp("seeded") / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    project = Project(folder)
    project.dvc("exp", "run", "--temp", "-n", "other", "-S", "+runs.tiny_gan.seed=5")
    project.run("git", "tag", "first")
    project.run("git", "commit", "-q", "--allow-empty", "-m", "second")
    return project


def enter(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project.folder)


@pytest.fixture
def inside(seeded: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    enter(seeded, monkeypatch)
    return seeded


@pytest.fixture
def alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of its own, with nothing in MLflow's default store that could be asked."""
    enter(project, monkeypatch)
    shutil.rmtree(project.folder / ".mlflow")
    return project


def opened(*words: str) -> list[Reference]:
    with found_runs(words, Logbook()) as found:
        for reference in found:
            assert hash_weights(reference.weights / "weights.safetensors") == reference.weights_hash
            assert reference.entry.identity["seed"] == reference.choices.seed
        return found


def test_every_form_of_a_name_leads_to_its_weights(inside: Project) -> None:
    here, first, other = opened("tiny_gan", "tiny_gan@first", "tiny_gan@other")
    assert here.weights_hash == first.weights_hash != other.weights_hash
    assert [run.label for run in (here, first, other)] == ["tiny_gan", "tiny_gan@first", "tiny_gan@other"]
    assert (other.name, other.data, other.modality, other.choices.seed) == ("tiny_gan", "tiny", "image", 5)
    assert here.origin.commit == inside.run("git", "rev-parse", "HEAD").stdout.strip()
    assert first.origin.commit == inside.run("git", "rev-parse", "first").stdout.strip()
    assert here.origin.data_hash == other.origin.data_hash is not None
    ids = [str(run.origin.mlflow) for run in (here, other)]
    assert len(set(ids)) == 2
    by_name, by_id = opened(f"tiny_gan-{other.weights_hash[:7]}", ids[0][:9])
    assert [run.weights_hash for run in (by_name, by_id)] == [other.weights_hash, here.weights_hash]
    assert by_name.label == f"tiny_gan-{other.weights_hash[:7]}"
    assert by_name.origin.mlflow == ids[1]
    assert not by_name.weights.exists()  # what was fetched is gone afterwards
    assert here.weights.exists()


def test_an_experiment_alone_stands_for_the_runs_that_are_named_otherwise(inside: Project) -> None:
    assert [place.label for place in find_places(["tiny_gan", "other"], Logbook())] == ["tiny_gan", "tiny_gan@other"]
    both = find_places(["tiny_gan", "other", "tiny_vae"], Logbook())
    assert [place.label for place in both] == ["tiny_gan", "tiny_gan@other", "tiny_vae@other", "tiny_vae"]
    every = find_places(["other"], Logbook())
    assert sorted(place.label for place in every) == ["rows_vae@other", "tiny_gan@other", "tiny_vae@other"]


FAULTS = {
    "nothing of that name": (["nobody"], "nobody: no such run; params.yaml has rows_vae, tiny_gan, tiny_vae; it is"),
    "no such revision": (["tiny_gan@never"], "tiny_gan@never: there is neither a Git revision nor an experiment"),
    "no such run there": (["nobody@first"], "first: that revision has no scores of nobody; it has rows_vae, tiny_gan"),
    "named twice": (["tiny_gan", "tiny_gan"], "tiny_gan: is named twice"),
    "a quote": (["it's"], "it's: no such run"),
    "a way out": (["../weights/tiny_gan"], "../weights/tiny_gan: no such run"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_leads_nowhere_is_said_in_one_line(name: str, inside: Project) -> None:
    words, told = FAULTS[name]
    with pytest.raises(GenloopError) as error:
        opened(*words)
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)


def test_a_word_that_may_be_two_things_is_refused(alone: Project) -> None:
    head = alone.run("git", "rev-parse", "HEAD").stdout.strip()
    alone.run("git", "commit", "-q", "--allow-empty", "-m", "second")
    after = alone.run("git", "rev-parse", "HEAD").stdout.strip()
    for base, commit in ((head, head), (after, after)):
        alone.run("git", "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/twin", commit)
    assert set(commits_of("twin")) == {head, after}
    with pytest.raises(GenloopError, match=r"'twin' may be an experiment on \w{7} .* or an experiment on"):
        opened("tiny_gan@twin")
    with pytest.raises(GenloopError, match="twin: may be an experiment on"):
        opened("twin")
    alone.run("git", "update-ref", "-d", f"refs/exps/{head[:2]}/{head[2:]}/twin")
    alone.run("git", "tag", "twin", head)
    with pytest.raises(GenloopError, match=r"'twin' may be an experiment on .* or a Git revision"):
        opened("tiny_gan@twin")
    assert opened(f"tiny_gan@{head[:8]}")[0].origin.commit == head


def test_weights_come_from_the_remote_when_the_cache_is_gone(alone: Project, tmp_path: Path) -> None:
    made = opened("tiny_vae")[0].weights_hash
    shutil.rmtree(alone.folder / "data/weights")
    assert opened("tiny_vae@HEAD")[0].weights_hash == made  # from the cache
    alone.dvc("remote", "add", "-d", "--local", "store", str(tmp_path / "store"))
    alone.dvc("push", "train@tiny_vae")
    shutil.rmtree(alone.folder / ".dvc/cache")
    assert opened("tiny_vae@HEAD")[0].weights_hash == made
    shutil.rmtree(alone.folder / ".dvc/cache", ignore_errors=True)
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(GenloopError) as error:
        opened("tiny_vae@HEAD")
    assert str(error.value).startswith("tiny_vae@HEAD: its weights are neither in DVC's cache nor in its remote (")
    assert "'dvc fetch --all-commits'" in str(error.value)


def test_weights_that_cannot_be_used_are_refused_by_the_name_of_the_run(alone: Project) -> None:
    path = alone.folder / "data/weights/tiny_gan/run.json"
    kept = path.read_text()
    path.unlink()
    path.write_text(json.dumps(json.loads(kept) | {"format": 99}))
    with pytest.raises(GenloopError, match=r"tiny_gan: run.json: has format 99, made by a newer genloop"):
        opened("tiny_gan")
    path.write_text(kept)
    metrics = alone.folder / "data/metrics/tiny_gan.json"
    metrics.write_text((alone.folder / "data/metrics/tiny_vae.json").read_text())
    with pytest.raises(GenloopError, match="tiny_gan: its metrics are of other weights; run 'dvc repro'"):
        opened("tiny_gan")
    metrics.unlink()
    with pytest.raises(GenloopError, match="tiny_gan: is not scored yet"):
        opened("tiny_gan")
    shutil.rmtree(path.parent)
    with pytest.raises(GenloopError, match="tiny_gan: is not trained yet; run 'dvc repro' or 'dvc pull' first"):
        opened("tiny_gan")


def test_runs_of_the_workspace_are_found_without_mlflow(inside: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    logbook = Logbook()
    with found_runs(["tiny_gan", "tiny_gan@first"], logbook) as found:
        assert [run.origin.mlflow for run in found] == [None, None]
    assert logbook.failure is not None
    with pytest.raises(GenloopError, match=r"nobody: no such run; .* MLflow cannot be asked for it \("):
        opened("nobody")


def test_a_question_makes_no_store(alone: Project) -> None:
    assert opened("tiny_gan")[0].origin.mlflow is None
    assert not (alone.folder / ".mlflow").exists()


@pytest.mark.parametrize("lock", ["", "{", "stages: 3", "stages: {a: {outs: [{path: data/prepared/tiny}]}}", "[]"])
def test_a_lock_file_of_another_kind_tells_no_hash(lock: str) -> None:
    assert data_hash(lock, "tiny") is None


def test_runs_of_a_project_below_the_root_of_git_are_found(
    alone: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = Project(tmp_path / "outer")
    outer.folder.mkdir()
    shutil.move(alone.folder, outer.folder / "inner")
    shutil.rmtree(outer.folder / "inner/.git")
    outer.run("git", "init", "-q")
    outer.run("git", "add", "-A")
    outer.run("git", "commit", "-qm", "all")
    monkeypatch.chdir(outer.folder / "inner")
    here, there = opened("tiny_gan", "tiny_gan@HEAD")
    assert here.weights_hash == there.weights_hash
