"""Each recorded run has one MLflow model: whole, without pickle, with code of its own, and refusing nonsense."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from benchmarks.gateway import Gateway
from genloop.config import ImageGan
from genloop.tracking import packing
from genloop.tracking.record import record
from supply.requirements import required
from tests.conftest import Project
from tests.tracking.conftest import ROOT, Outputs, clean_environment, free_port

# A process from which genloop cannot be imported, until it is told where another one is.
ALONE = """
import importlib.util, json, os, shutil, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder)]
sys.path[:] = [entry for entry in sys.path if not os.path.isdir(os.path.join(entry, "genloop"))]
folders, other = json.loads(sys.argv[1]), sys.argv[2]
assert importlib.util.find_spec("genloop") is None
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import load_model

def load(folder):
    return load_model(folder, suppress_warnings=True)

def answers(model, requests):
    return [model.predict([], params=params).to_dict("list") for params in requests]

def refused(model, params, data=None):
    try:
        model.predict(data, params=params)
    except MlflowException as error:
        return [error.get_http_status_code(), str(error)]

models = {run: load(folder) for run, folder in folders.items()}
assert importlib.util.find_spec("genloop") is None
asked = {run: [{"n": n} | ({"where": "{town: Ulm}"} if run == "rows_vae" else {"form": "arrays"}) for n in (1, 50)]
         for run in models}
said = {"answers": {run: answers(model, asked[run]) for run, model in models.items()}}
said["files"] = [str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
said["refused"] = [refused(models["tiny_vae"], params) for params in json.loads(sys.argv[3])]
said["data"] = refused(models["tiny_vae"], {}, [1, 2])

sys.path.append(other)  # another genloop, which this process has imported before it loads a model
import genloop.config, genloop.randomness
path, names = list(sys.path), {name for name in sys.modules if name.startswith("genloop")}
ours, changed = genloop.config, shutil.copytree(folders["tiny_gan"], "changed")
with open(changed + "/code/genloop/randomness.py", "a") as code:
    code.write("\\n_key = keyed_seed\\ndef keyed_seed(*of): return _key(*of) ^ 1\\n")
both = [answers(load(folder), asked["tiny_gan"]) for folder in (folders["tiny_gan"], changed)]
assert sys.path == path
assert {name for name in sys.modules if name.startswith("genloop")} == names
assert sys.modules["genloop.config"] is ours is genloop.config
said["equal"] = [str(each) == str(said["answers"]["tiny_gan"]) for each in both]
print(json.dumps(said, default=lambda value: value.tolist()))
"""
REFUSED = (
    ({"sede": 3}, "sede: no such parameter of this model; it takes n, seed, temperature, form"),
    ({"truncation": 1.0}, "truncation: no such parameter of this model"),
    ({"n": 0}, "n: 0 is not from 1 to 10,000 records"),
    ({"n": "3"}, "Can not safely convert `<class 'str'>`"),
    ({"temperature": 1.5}, "temperature: input should be less than or equal to 1"),
)
CLIENT = """
import json
from mlflow import MlflowClient
client = MlflowClient("sqlite:///.mlflow/mlflow.db")
def models():
    experiments = [each.experiment_id for each in client.search_experiments()]
    return sorted(client.search_logged_models(experiments), key=lambda model: model.name)
"""
LIST = """
print(json.dumps([{"name": model.name, "id": model.model_id, "status": model.status, "tags": model.tags,
                   "params": model.params, "folder": model.artifact_location} for model in models()]))
"""
BREAK = """
rows, gan = models()
client.create_logged_model(gan.experiment_id, gan.name, gan.source_run_id)  # a second one, cut short
client.delete_logged_model(rows.model_id)
print(client.create_logged_model(rows.experiment_id, rows.name, rows.source_run_id).model_id)
"""


def said(project: Project, script: str) -> str:
    return project.run(sys.executable, "-c", CLIENT + script).stdout


def models_of(project: Project) -> list[dict[str, Any]]:
    """The models of a project's store, by name."""
    return list(json.loads(said(project, LIST)))


def files_of(project: Project) -> dict[str, Path]:
    """Where each model's files lie, by the run's name."""
    found = {each["tags"]["genloop.run"]: each["folder"] for each in models_of(project)}
    return {run: Path(location.removeprefix("file://")) for run, location in found.items()}


@pytest.fixture(scope="module")
def samplers(finished: Project) -> dict[str, Path]:
    return files_of(finished)


def test_each_run_has_one_model_that_is_ready_and_named_after_it(finished: Project) -> None:
    found = models_of(finished)
    assert [each["tags"]["genloop.run"] for each in found] == ["rows_vae", "tiny_gan", "tiny_vae"]
    for each in found:
        run = each["tags"]["genloop.run"]
        receipt = json.loads((finished.folder / f"data/receipts/{run}.json").read_text())
        assert each["name"] == f"{run}-{receipt['weights'][:7]}"
        assert each["status"] == "READY"
        assert each["tags"]["genloop.weights"] == receipt["weights"]
        assert each["params"]["family"] == run.partition("_")[2]


def test_a_model_holds_its_weights_and_code_and_nothing_of_this_machine(
    finished: Project, samplers: dict[str, Path]
) -> None:
    for run, folder in samplers.items():
        files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
        artifacts = {name for name in files if name.startswith("artifacts/")}
        assert artifacts == {f"artifacts/{name}" for name in ("weights.safetensors", "run.json", "schema.json")}
        assert {"sampler.py", "code/genloop/serving.py", "MLmodel", "requirements.txt"} <= set(files)
        assert not any(name.endswith((".pkl", ".pyc")) or "tracking" in name for name in files)
        weights = finished.folder / "data/weights" / run / "weights.safetensors"
        assert files["artifacts/weights.safetensors"].read_bytes() == weights.read_bytes()
        for name in ("MLmodel", "requirements.txt", "conda.yaml", "python_env.yaml"):
            text = files[name].read_text()
            assert str(finished.folder) not in text
            assert "/tmp" not in text


@pytest.fixture(scope="module")
def alone(samplers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What models say in a process where genloop is not installed, and where pickle is not read."""
    environment = clean_environment() | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    environment.pop("PYTHONPATH", None)
    folders = json.dumps({run: str(folder) for run, folder in samplers.items()})
    refused = json.dumps([params for params, _ in REFUSED])
    done = subprocess.run(
        [sys.executable, "-c", ALONE, folders, str(ROOT / "src"), refused],
        cwd=tmp_path_factory.mktemp("alone"), env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("run", ["tiny_gan", "tiny_vae", "rows_vae"])
def test_it_draws_what_sample_draws_where_genloop_is_not_installed(
    run: str, finished: Project, samplers: dict[str, Path], alone: dict[str, Any]
) -> None:
    one, many = (pd.DataFrame(answer) for answer in alone["answers"][run])
    assert one.to_dict("list") == many[:1].to_dict("list")
    samples = finished.folder / "data/samples" / run
    if run == "rows_vae":
        drawn = pd.read_csv(samples / "samples.csv", dtype=str, keep_default_na=False)[:50]
        assert list(many["total"]) == list(drawn["total"].astype(float))
        assert list(many["id"]) == list(drawn["id"])
        assert set(many["town"]) == {"Ulm"}
    else:
        np.testing.assert_array_equal(np.array(list(many["picture"])), np.load(samples / "samples.npz")["images"])
    assert not [file for file in alone["files"] if "/genloop/" in file]


def test_a_model_keeps_its_own_code_beside_another_genloop(alone: dict[str, Any]) -> None:
    assert alone["equal"] == [True, False]  # in the second, other numbers are drawn for the same seed


def test_what_a_model_cannot_do_is_refused_by_name(alone: dict[str, Any]) -> None:
    for (status, told), (_, message) in zip(alone["refused"], REFUSED, strict=True):
        assert status == 400
        assert message in told
    assert alone["data"] == [400, "this model takes no data; send an empty list and params"]


def test_requirements_are_pinned_and_lead_to_all_that_is_imported(samplers: dict[str, Path]) -> None:
    for folder in samplers.values():
        pins = (folder / "requirements.txt").read_text().split()
        for pin in pins:
            name, _, pinned = pin.partition("==")
            assert version(name).partition("+")[0] == pinned
        assert {"torch", "numpy", "mlflow", "safetensors"} <= {pin.partition("==")[0] for pin in pins}
        required([pin.partition("==")[0] for pin in pins])  # all of these are installed


@pytest.fixture(scope="module")
def address(samplers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of MLflow that serves rows."""
    port, log = free_port(), tmp_path_factory.mktemp("serve") / "log"
    serve = ["mlflow", "models", "serve", "-m", str(samplers["rows_vae"]), "-p", str(port)]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *serve, "-h", "127.0.0.1", "--env-manager", "local"],
            env=clean_environment(), cwd=log.parent, stdout=stream, stderr=stream,
        )  # fmt: skip
        try:
            for _ in range(600):
                assert process.poll() is None, log.read_text()
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/invocations"
        finally:
            process.terminate()
            process.wait()


def asked(address: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    sent = urllib.request.Request(address, json.dumps(request).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(sent, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_server_answers_rows_and_refuses_with_400(address: str, finished: Project) -> None:
    status, answer = asked(address, {"inputs": [], "params": {"n": 3, "where": '{"town": "Ulm"}'}})
    assert status == 200
    drawn = pd.read_csv(finished.folder / "data/samples/rows_vae/samples.csv")[:3]
    assert [row["total"] for row in answer["predictions"]] == list(drawn["total"])
    assert {row["town"] for row in answer["predictions"]} == {"Ulm"}
    pd.to_datetime([row["start"] for row in answer["predictions"]], format="ISO8601")
    for params, message in (
        ({"truncation": 1.0}, "truncation: no such parameter of this model; it takes n, seed, where, temperature"),
        ({"n": -1}, "n: -1 is not from 1 to 10,000 records"),
        ({"n": 1.5}, "Can not safely convert"),
        ({"where": "{town: Rome}"}, "where.town: no row has 'Rome'"),
    ):
        status, answer = asked(address, {"inputs": [], "params": params})
        assert status == 400
        assert message in answer["message"]


def test_no_second_model_and_no_broken_one_and_a_lost_database_is_rebuilt(project: Project) -> None:
    def sync() -> list[tuple[str, str, str]]:
        project.run(sys.executable, "-m", "genloop", "sync", "tiny_gan", "rows_vae")
        return [(each["tags"].get("genloop.run", ""), each["id"], each["status"]) for each in models_of(project)]

    def contents() -> dict[str, bytes]:
        folder = files_of(project)["rows_vae"]
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    shutil.rmtree(project.folder / ".mlflow")
    rows, gan = sync()
    assert (rows[0], gan[0]) == ("rows_vae", "tiny_gan")
    before = contents()
    cut = said(project, BREAK).strip()
    project.run(sys.executable, "-m", "genloop", "sync", "tiny_gan", "rows_vae")
    found = models_of(project)
    assert [(each["id"], each["status"]) for each in found] == [(cut, "READY"), (gan[1], "READY")]
    location = Path(found[0]["folder"].removeprefix("file://"))
    after = {str(file.relative_to(location)): file.read_bytes() for file in location.rglob("*") if file.is_file()}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"MLmodel"}  # the model's id


def test_an_answer_that_is_lost_leaves_one_whole_model(gateway: Gateway, outputs: Outputs) -> None:
    lost: list[str] = []

    def once(method: str, path: str) -> Any:
        if method == "POST" and path.endswith("/logged-models") and not lost:
            lost.append(path)
            return "lose"
        return "forward"

    gateway.rule = once
    for _ in range(2):
        record(outputs.name, outputs.folder / "data")
    client = MlflowClient(gateway.address)
    experiment = client.get_experiment_by_name(f"genloop-{outputs.run.data}")
    assert experiment is not None
    (found,) = client.search_logged_models([experiment.experiment_id])
    assert lost
    assert found.status == "READY"
    assert "MLmodel" in {entry.path for entry in client.list_logged_model_artifacts(found.model_id)}


def test_networks_of_your_own_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(packing.SOURCE / "genloop", tmp_path / "src/genloop")
    (tmp_path / "src/mine").mkdir()
    for name, text in (("__init__", ""), ("flat", "import einops\nfrom beside import x\n"), ("unused", "")):
        (tmp_path / f"src/mine/{name}.py").write_text(text)
    (tmp_path / "src/beside.py").write_text("x = 1\n")
    monkeypatch.setattr(packing, "SOURCE", tmp_path / "src")
    run = ImageGan(data="tiny", modality="image", family="gan", networks="mine.flat@abc")
    wanted = packing.copy_code(run, tmp_path / "code")
    assert "einops" in wanted
    assert "genloop" not in wanted
    copied = {file.relative_to(tmp_path / "code").as_posix() for file in (tmp_path / "code").rglob("*.py")}
    assert {"mine/flat.py", "mine/unused.py", "beside.py", "genloop/serving.py"} <= copied
