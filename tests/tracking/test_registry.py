"""The champion of a real project: promoted, served by MLflow and rolled back by what people type."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from genloop.actor import actor
from genloop.errors import GenloopError
from genloop.tracking.promotion import champion, decisions
from genloop.tracking.registry import Registry
from genloop.tracking.store import Store
from tests.conftest import Project
from tests.tracking.ruled import DATA, NAMES, alone, weights_of

SERVED = """
import json, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc, pandas
mlflow.set_tracking_uri("sqlite:///.mlflow/mlflow.db")
model = mlflow.pyfunc.load_model("models:/genloop-tiny@champion")
print(json.dumps([model.metadata.metadata, len(model.predict(pandas.DataFrame(), params={"n": 3}))]))
"""


def genloop(project: Project, *words: str, succeeds: bool = True) -> str:
    done = project.run(sys.executable, "-m", "genloop", *words, succeeds=succeeds)
    return done.stdout if succeeds else done.stderr


def test_promoted_served_and_rolled_back_by_hand(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads((project.folder / "data/metrics/tiny_vae.json").read_text())["identity"]["weights"]
    assert genloop(project, "promote", "tiny_gan").startswith("tiny: the champion is tiny_gan-")
    vae = f"tiny_vae-{found[:7]}"  # as MLflow calls it
    assert genloop(project, "promote", vae, "--why", "it | draws\nbetter").startswith(f"tiny: the champion is {vae}, ")
    metadata, count = json.loads(project.run(sys.executable, "-c", SERVED).stdout)
    assert (metadata["genloop.run"], metadata["genloop.weights"], count) == ("tiny_vae", found, 3)
    assert f"again, {vae} is the previous one" in genloop(project, "rollback", "tiny")
    metadata, count = json.loads(project.run(sys.executable, "-c", SERVED).stdout)
    assert metadata["genloop.run"] == "tiny_gan"
    told = genloop(project, "decisions")
    assert [line.split(" | ")[2] for line in told.splitlines()[2:]] == ["promoted", "promoted", "rolled back"]
    assert "test@example.invalid" not in told  # Git's variables name the author of commits, its settings who acts
    assert "it \N{BROKEN BAR} draws\\nbetter" in told
    alone(monkeypatch, project.folder)
    (other,) = Store("tiny").client.search_experiments(filter_string="name LIKE 'genloop/%'")
    assert other.name == "genloop/decisions"
    assert Path(other.artifact_location.removeprefix("file://")).parent == project.folder / ".mlflow/artifacts"
    assert len(list((project.folder / ".mlflow/artifacts/decisions").rglob("decision.md"))) == 3
    moved = project.folder.rename(project.folder.with_name("moved"))
    monkeypatch.chdir(moved)
    Registry("tiny")  # whatever connects mends it
    version = champion("tiny")
    assert version is not None
    place = MlflowClient("sqlite:///.mlflow/mlflow.db").get_model_version_download_uri("genloop-tiny", version.number)
    assert place.startswith(f"{moved.as_uri()}/.mlflow/artifacts/genloop-tiny/")


def test_what_is_named_must_be_one_recorded_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, project.folder)
    shutil.rmtree(project.folder / ".mlflow")
    assert champion("tiny") is None
    assert decisions("tiny") == []
    assert "there is no" in genloop(project, "promote", "tiny_vae@nowhere", succeeds=False)
    assert "'python -m genloop sync' makes one" in genloop(project, "rollback", "tiny", succeeds=False)
    assert genloop(project, "decisions") == "Nothing was decided yet.\n"
    assert not (project.folder / ".mlflow").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{project.folder}/mlruns")
    with pytest.raises(GenloopError, match="MLFLOW_TRACKING_URI: MLflow's store of plain files cannot hold champions"):
        champion("tiny")


def test_registering_twice_makes_one_version(things: Path) -> None:
    registry = Registry(DATA)
    assert (registry.model(), registry.holder("champion"), registry.find("one", weights_of("one"))) == (None,) * 3
    registry.make({"a": "b"})
    registry.make({"a": "c"})
    first = registry.register("one", weights_of("one"))
    again = registry.register("one", weights_of("one"), [("two", weights_of("two")), ("three", weights_of("three"))])
    assert (first.number, again.number) == ("1", "1")
    assert first.mlflow == again.mlflow[:1]
    assert registry.find("one", weights_of("one")) == again
    assert len(registry.versions()) == 1
    for number, name in enumerate(NAMES[1:], start=2):
        assert registry.register(name, weights_of(name)).number == str(number)
    registry.point("champion", again)
    assert registry.holder("champion") == again
    registry.point("champion", None)
    assert registry.holder("champion") is None
    registry.mark(["1", "3"])
    assert registry.rolled_back() == {weights_of("one"), weights_of("three")}
    registry.mark(["2"])
    assert registry.rolled_back() == {weights_of("two")}
    registry.client.create_model_version(registry.name, "file:///elsewhere", await_creation_for=0)
    registry.client.set_registered_model_alias(registry.name, "champion", "4")
    with pytest.raises(GenloopError, match="version 4 of genloop-things in MLflow was not registered by genloop"):
        champion(DATA)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"GITHUB_ACTOR": "octocat"}, "octocat"),
        (
            {
                "GITHUB_ACTOR": "octocat",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "me/it",
                "GITHUB_RUN_ID": "7",
            },
            "octocat (https://github.com/me/it/actions/runs/7)",
        ),
        (
            {"GITLAB_USER_LOGIN": "ada", "CI_JOB_URL": "https://u:p@lab.invalid/jobs/7"},
            "ada (https://lab.invalid/jobs/7)",
        ),
        ({"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "Ada L."}, "Ada L."),
        ({"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "LOGNAME": "ada"}, "ada"),
    ],
)
def test_who_acts(given: dict[str, str], wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "CI_JOB_URL", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert actor() == wanted
