"""The champion of a real project: promoted, served by MLflow and rolled back by what people type."""

import argparse
import json
import sys
from importlib import import_module
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

RUNS = ("tiny_gan", "tiny_vae")
SERVED = """
import json, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc, pandas
mlflow.set_tracking_uri("sqlite:///.mlflow/mlflow.db")
model = mlflow.pyfunc.load_model("models:/genloop-tiny@champion")
print(json.dumps([model.metadata.metadata, len(model.predict(pandas.DataFrame(), params={"n": 3}))]))
"""


def say(verb: str, *words: str) -> None:
    """What ``python -m genloop`` does, in this process, which has imported MLflow."""
    module = import_module(f"genloop.verbs.{verb}")
    parser = argparse.ArgumentParser()
    module.declare(parser)
    module.work(parser.parse_args(words))


def test_promoted_rolled_back_and_served_by_hand(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone(monkeypatch, project.folder)
    found = {name: json.loads(Path(f"data/metrics/{name}.json").read_text())["identity"]["weights"] for name in RUNS}
    gan, vae = (f"{name}-{found[name][:7]}" for name in RUNS)  # as MLflow calls them
    say("promote", "tiny_vae")
    say("promote", gan, "--why", "it | draws\nbetter")
    say("rollback", "tiny")
    done = project.run(sys.executable, "-m", "genloop", "rollback", "tiny", "--why", "back").stdout
    assert done == f"tiny: the champion is {gan} again, {vae} is the previous one\n"
    metadata, count = json.loads(project.run(sys.executable, "-c", SERVED).stdout)
    assert (metadata["genloop.run"], metadata["genloop.weights"], count) == ("tiny_gan", found["tiny_gan"], 3)
    say("promote", "tiny_gan")
    capsys.readouterr()
    say("decisions")
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[2] for row in rows] == ["promoted", "promoted", "rolled back", "rolled back"]
    assert rows[1][-1] == "it \N{BROKEN BAR} draws\\nbetter"


def test_a_moved_project_serves_its_champion_from_where_it_is_now(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, project.folder)
    say("promote", "tiny_gan")
    (other,) = Store("tiny").client.search_experiments(filter_string="name LIKE 'genloop/%'")
    assert other.name == "genloop/decisions"
    assert other.artifact_location == f"{project.folder.as_uri()}/.mlflow/artifacts/decisions"
    assert len(list((project.folder / ".mlflow/artifacts/decisions").rglob("decision.md"))) == 1
    moved = project.folder.rename(project.folder.with_name("moved"))
    monkeypatch.chdir(moved)
    version = champion("tiny")  # whatever connects mends it
    assert version is not None
    place = MlflowClient("sqlite:///.mlflow/mlflow.db").get_model_version_download_uri("genloop-tiny", version.number)
    assert place.startswith(f"{moved.as_uri()}/.mlflow/artifacts/genloop-tiny/")
    assert (Path(place.removeprefix("file://")) / "MLmodel").exists()


def test_without_a_store_nothing_is_made_and_one_of_plain_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone(monkeypatch, tmp_path)
    assert champion("tiny") is None
    assert decisions("tiny") == []
    say("decisions")
    assert capsys.readouterr().out == "Nothing was decided yet.\n"
    with pytest.raises(
        GenloopError, match=r"mlflow\.db: MLflow has no store there; 'python -m genloop sync' makes one"
    ):
        say("rollback", "tiny")
    assert not (tmp_path / ".mlflow").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/mlruns")
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
    registry.point("champion", again.number)
    assert registry.holder("champion") == again
    registry.point("champion", "")
    assert registry.holder("champion") is None
    registry.mark(["1", "3"], registry.versions())
    assert registry.rolled_back() == {weights_of("one"), weights_of("three")}
    registry.mark(["2"], registry.versions())
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
