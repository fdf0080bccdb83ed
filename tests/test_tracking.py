"""MLflow shows what DVC holds: live, after a lost database, after forced and failed runs, from temporary workspaces."""

import json
import shutil
import subprocess
import sys
from typing import Any

import pandas as pd

from tests.conftest import Project

LIST = """
import json, sys
from genloop.tracking.store import Store
store = Store("tiny")
found = {}
for run in store.client.search_runs([store.experiment]):
    run_id = run.info.run_id
    def files(folder=""):
        for entry in store.client.list_artifacts(run_id, folder):
            yield from files(entry.path) if entry.is_dir else [entry.path]
    found.setdefault(run.data.tags["genloop.run"], []).append({
        "id": run_id, "status": run.info.status, "name": run.info.run_name,
        "tags": run.data.tags, "params": run.data.params, "metrics": run.data.metrics, "files": sorted(files()),
        "points": {key: len(store.client.get_metric_history(run_id, key)) for key in run.data.metrics},
        "data": [entry.dataset.digest for entry in run.inputs.dataset_inputs],
    })
print(json.dumps(found))
"""


VAE_SCORES = (
    *("elbo", "rate", "distortion", "bits_per_dimension", "active_units", "latent"),
    *("importance_bound", "importance_bound_error", "importance_bound_standard_error", "importance_bits_per_dimension"),
)


def mlflow_runs(project: Project) -> dict[str, list[dict[str, Any]]]:
    return dict(json.loads(project.run(sys.executable, "-c", LIST).stdout))


def shown(run: dict[str, Any]) -> dict[str, Any]:
    """What a person sees of a run, without what may differ when it is restored."""
    files = [name for name in run["files"] if not name.startswith("images/")]
    images = sorted(name.split("timestamp")[0] for name in run["files"] if name.startswith("images/"))
    return {key: run[key] for key in ("name", "status", "params", "metrics", "points", "data")} | {
        "files": files,
        "images": images,
    }


def test_every_run_is_shown_whole(finished: Project) -> None:
    runs = mlflow_runs(finished)
    assert set(runs) == {"tiny_gan", "tiny_vae"}
    for name, (run,) in runs.items():
        receipt = json.loads((finished.folder / f"data/receipts/{name}.json").read_text())
        assert run["status"] == "FINISHED"
        assert run["name"] == f"{name}-{receipt['weights'][:7]}"
        assert run["tags"]["genloop.weights"] == receipt["weights"]
        assert run["tags"]["genloop.stage"] == f"train@{name}"
        assert len(run["tags"]["mlflow.source.git.commit"]) == 40
        assert run["params"]["epochs"] == "3"
        assert run["params"]["lr_final"] == "0.05"  # defaults too
        assert run["data"][0].endswith(".dir")  # DVC's hash of the prepared pictures
        assert {"weights/weights.safetensors", "weights/layers.png", "samples/grid.png"} <= set(run["files"])
        assert {f"metrics/{name}.json", "report/report.html", "report/copies.png"} <= set(run["files"])
        assert sum("previews" in file and file.endswith(".png") and "images" in file for file in run["files"]) == 4
        assert run["points"]["records_seen"] == 3
        curves = {key: count for key, count in run["points"].items() if key.startswith(("loss/", "weights/"))}
        assert curves.pop("loss/validation") == {"tiny_gan": 1, "tiny_vae": 3}[name]  # fakes cost more
        assert set(curves.values()) == {3}
        assert any(key.endswith("bias_gradient_norm") for key in curves)
        scores = json.loads((finished.folder / f"data/metrics/{name}.json").read_text())
        assert run["metrics"]["score/kid"] == scores["kid"]
        assert run["metrics"]["score_interval/kid_high"] == scores["intervals"]["kid"][1]
        assert run["metrics"]["score_of_marginals/kid"] == scores["baselines"]["marginals"]["kid"]
        assert run["tags"]["left_out.frechet"].startswith("16 held-out pictures, and a covariance of 64 features")
        assert run["tags"]["protocol.data.features"] == "classifier"
        assert run["tags"]["genloop.group"].split(" ")[0] == name.removeprefix("tiny_")
        single = pd.read_csv(finished.folder / f"data/weights/{name}/steps.csv")
        assert {run["points"][f"step/{loss}"] for loss in single.columns.drop("step")} == {len(single)}
        assert run["metrics"][f"step/{single.columns[1]}"] == single.iloc[-1, 1]
        assert {"weights/README.md", "weights/steps.csv", "params.json", "description.png"} <= set(run["files"])
        assert f"run_uuid={run['id']}" in run["tags"]["mlflow.note.content"]
        assert run["params"]["data.holdout"] == "0.2"
    gan, vae = (
        {key for key in runs[name][0]["metrics"] if key.startswith("score/")} for name in ("tiny_gan", "tiny_vae")
    )
    assert vae - gan == {f"score/{name}" for name in VAE_SCORES}
    assert gan < vae


def test_a_lost_database_is_rebuilt_and_rebuilding_twice_changes_nothing(project: Project) -> None:
    before = {name: shown(run) for name, (run,) in mlflow_runs(project).items()}
    shutil.rmtree(project.folder / ".mlflow")
    project.run(sys.executable, "-m", "genloop", "sync")
    restored = mlflow_runs(project)
    assert {name: shown(run) for name, (run,) in restored.items()} == before
    project.run(sys.executable, "-m", "genloop", "sync")
    assert mlflow_runs(project) == restored


def test_a_database_whose_making_was_cut_short_is_made_anew(project: Project) -> None:
    """As when a training ends while its thread makes the tables: the live log is lost, the store is not."""
    shutil.rmtree(project.folder / ".mlflow")
    (project.folder / ".mlflow").mkdir()
    making = "import threading, time, os; from pathlib import Path; from genloop.tracking import store\n"
    making += "threading.Thread(target=lambda: store.Store('tiny'), daemon=True).start()\n"
    making += "while not Path('.mlflow/unfinished.db').exists(): time.sleep(0.001)\ntime.sleep(0.3); os._exit(0)"
    project.run(sys.executable, "-c", making)
    assert (project.folder / ".mlflow/unfinished.db").exists()
    assert not (project.folder / ".mlflow/mlflow.db").exists()
    project.run(sys.executable, "-m", "genloop", "sync")
    assert {name: len(found) for name, found in mlflow_runs(project).items()} == {"tiny_gan": 1, "tiny_vae": 1}


def test_a_live_log_that_came_to_no_end_is_completed_and_no_second_run_made(project: Project) -> None:
    before = {name: [shown(run) for run in runs] for name, runs in mlflow_runs(project).items()}
    cut = "from genloop.tracking.store import WEIGHTS, Store; client = Store('tiny').client\n"
    cut += "for run in Store('tiny').find(run='tiny_gan'):\n    client.delete_tag(run.info.run_id, WEIGHTS)\n"
    cut += "    client.update_run(run.info.run_id, status='RUNNING', name='tiny_gan')"
    project.run(sys.executable, "-c", cut)
    project.run(sys.executable, "-m", "genloop", "sync")
    assert {name: [shown(run) for run in runs] for name, runs in mlflow_runs(project).items()} == before


def test_several_that_record_the_same_at_once_leave_one_run(project: Project) -> None:
    shutil.rmtree(project.folder / ".mlflow")
    begin = "from genloop.tracking.store import RUN, WEIGHTS, Store; import json; store = Store('tiny')\n"
    begin += "weights = json.load(open('data/receipts/tiny_gan.json'))['weights']\n"
    begin += "for _ in range(2):\n    store.begin('tiny_gan', {RUN: 'tiny_gan', WEIGHTS: weights})"
    project.run(sys.executable, "-c", begin)  # as two would who found none a moment ago
    command = [sys.executable, "-m", "genloop", "sync", "tiny_gan"]
    at_once = [subprocess.Popen(command, cwd=project.folder, env=project.environment) for _ in range(2)]
    assert [process.wait(timeout=120) for process in at_once] == [0, 0]
    (run,) = mlflow_runs(project)["tiny_gan"]
    assert run["status"] == "FINISHED"
    assert "weights/weights.safetensors" in run["files"]


def test_sync_refuses_unknown_runs(project: Project) -> None:
    done = project.run(sys.executable, "-m", "genloop", "sync", "nobody", succeeds=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "genloop: nobody: no such run; params.yaml has rows_vae, tiny_gan, tiny_vae"


def test_training_again_with_the_same_result_adds_no_run(project: Project) -> None:
    before = mlflow_runs(project)
    project.dvc("repro", "--force", "--single-item", "train@tiny_gan")
    project.edit("src/genloop/gan.py", "BETAS = ", "# a comment\nBETAS = ")
    project.dvc("repro")
    after = mlflow_runs(project)
    assert {name: [shown(run) for run in runs] for name, runs in after.items()} == {
        name: [shown(run) for run in runs] for name, runs in before.items()
    }


def test_a_server_that_is_not_there_neither_stops_nor_changes_the_training(project: Project) -> None:
    before = project.bytes_of("data/weights")
    away = "http://127.0.0.1:9"
    done = project.dvc("repro", "--force", "--single-item", "train@tiny_gan", MLFLOW_TRACKING_URI=away)
    assert "MLflow does not take the live log" in done.stderr
    assert project.bytes_of("data/weights") == before
    (project.folder / "data/receipts/tiny_gan.json").unlink()
    refused = project.dvc("repro", "record@tiny_gan", succeeds=False, MLFLOW_TRACKING_URI=away)
    assert refused.returncode != 0
    assert "tiny_gan: MLflow does not take the record" in refused.stderr
    assert "Traceback" not in refused.stderr
    project.dvc("repro")
    assert (project.folder / "data/receipts/tiny_gan.json").exists()


def test_a_temporary_workspace_records_into_the_same_store(project: Project) -> None:
    project.dvc("exp", "run", "--temp", "-S", "+runs.tiny_gan.seed=5")
    assert project.run("git", "status", "--porcelain").stdout == ""
    runs = mlflow_runs(project)
    assert sorted(run["params"]["seed"] for run in runs["tiny_gan"]) == ["0", "5"]
    experiment = next(run for run in runs["tiny_gan"] if run["params"]["seed"] == "5")
    assert experiment["tags"]["genloop.experiment"]
    assert experiment["metrics"]["score/kid"]
    assert len({run["tags"]["genloop.group"] for run in runs["tiny_gan"]}) == 1
    assert len(runs["tiny_vae"]) == 1
    compared = project.run(sys.executable, "-m", "genloop", "compare").stdout  # both seeds in one line
    lines = [line for line in compared.splitlines() if line.startswith("| tiny_")]
    assert [line.split(" | ")[:2] for line in lines] == [["| tiny_gan", "2"], ["| tiny_vae", "1"]]
    values = [run["metrics"]["score/precision"] for run in runs["tiny_gan"]]
    assert f"{sum(values) / 2:.2f}"[:3] in lines[0]


def test_the_store_lies_in_the_main_checkout_also_from_a_worktree(project: Project) -> None:
    project.run("git", "worktree", "add", "-q", "../worktree")
    root = Project(project.folder.parent / "worktree").run(
        sys.executable, "-c", "import stages; from genloop.workspace import main_root; print(main_root())"
    )
    assert root.stdout.strip() == str(project.folder.resolve())


def test_a_disease_is_a_tag_and_an_event_also_in_a_store_that_is_new(project: Project) -> None:
    project.edit("params.yaml", "networks: genloop.image.networks.dense,", "lr: 1.0,")
    done = project.dvc("repro", "record@tiny_vae")
    (told,) = (line for line in done.stderr.splitlines() if line.startswith("genloop: tiny_vae: explosion at epoch"))
    line = told.removeprefix("genloop: tiny_vae: ")

    def found() -> dict[str, Any]:
        (run,) = (run for run in mlflow_runs(project)["tiny_vae"] if run["params"]["lr"] == "1.0")
        assert run["status"] == "FINISHED"
        assert run["tags"]["doctor.explosion"] == line
        assert run["metrics"]["doctor/explosion"] == 1.0
        assert run["points"]["doctor/explosion"] == 1
        return shown(run)

    before = found()
    shutil.rmtree(project.folder / ".mlflow")
    for _ in range(2):
        project.run(sys.executable, "-m", "genloop", "sync")
        assert found() == before


def test_a_training_that_broke_is_a_failed_run_that_says_where(project: Project) -> None:
    project.edit("params.yaml", "family: gan, epochs: 3", "family: gan, penalty: 1.0e+38, critic_norm: none, epochs: 3")
    project.dvc("repro", "configure")
    done = project.dvc("repro", "train@tiny_gan", succeeds=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    told = [line for line in done.stderr.splitlines() if "not_finite at epoch 1, step 1: the critic's loss" in line]
    assert len(told) == 2  # at once, and at the end
    assert told[1].startswith(told[0])
    assert told[1].endswith("data/weights/tiny_gan has the last good weights, those after epoch 0")
    assert (project.folder / "data/weights/tiny_gan/weights.safetensors").exists()
    (run,) = (run for run in mlflow_runs(project)["tiny_gan"] if run["params"]["penalty"] == "1e+38")
    assert run["status"] == "FAILED"
    assert told[0].endswith(run["tags"]["doctor.not_finite"])
    assert run["metrics"]["doctor/not_finite"] == 1.0
