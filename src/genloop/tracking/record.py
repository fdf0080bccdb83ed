"""The record of a finished run: MLflow shows what DVC holds, added to the live run or built anew from the outputs."""

import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from mlflow.exceptions import MlflowException

from genloop.comparison import read_metrics
from genloop.doctor import Finding
from genloop.errors import GenloopError
from genloop.formats import read_run
from genloop.identity import fingerprint, hash_files, hash_weights
from genloop.tracking.pictures import complete_previews
from genloop.tracking.scores import log_scores
from genloop.tracking.store import WEIGHTS, Store, epoch_metrics, identity_tags, log_finding

RECORDED = "genloop.recorded"  # hash of the outputs whose artifacts MLflow holds


def record(name: str, data: Path) -> dict[str, str]:
    """Complete the MLflow run of a run's present outputs and return a receipt: what was recorded, by content.

    Recording twice changes nothing. A run that MLflow has never seen is built from the outputs.

    Raises:
        GenloopError: the outputs are not there, or MLflow does not take them.
    """
    weights, samples, report = (data / kind / name for kind in ("weights", "samples", "reports"))
    metrics = data / "metrics" / f"{name}.json"
    kept = (weights / "weights.safetensors", weights / "training.json")
    for path in (*kept, samples / "manifest.json", report / "report.html", metrics):
        if not path.exists():
            raise GenloopError(f"{path}: missing; run 'dvc repro record@{name}'")
    receipt = {
        "run": name,
        "weights": hash_weights(weights / "weights.safetensors"),
        "content": hash_files([weights, samples, report, metrics]),
    }
    try:
        _record(receipt, weights, samples, report, metrics)
    except (MlflowException, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise GenloopError(
            f"{name}: MLflow does not take the record ({reason}); run 'dvc repro' again later"
        ) from error
    return receipt


def _record(receipt: dict[str, str], weights: Path, samples: Path, report: Path, metrics: Path) -> None:
    run = read_run(weights)
    store = Store(run.data)
    run_id = _find_or_create(store, receipt["run"], run, receipt["weights"])
    known = store.client.get_run(run_id)
    _complete_curves(store, run_id, weights)
    for found in json.loads((weights / "training.json").read_text())["findings"]:
        log_finding(store, run_id, Finding(**found), int(time.time() * 1000))
    complete_previews(store.client, run_id, weights / "previews")
    log_scores(store, known, read_metrics(metrics.read_text(), str(metrics)))
    if known.data.tags.get(RECORDED) != receipt["content"]:
        for folder, target in ((weights, "weights"), (samples, "samples"), (report, "report")):
            store.client.log_artifacts(run_id, str(folder), target)
        store.client.log_artifact(run_id, str(metrics), "metrics")
        store.client.set_tag(run_id, RECORDED, receipt["content"])
    if not (known.inputs and known.inputs.dataset_inputs):
        store.client.log_inputs(run_id, [_dataset(run.data, weights)])
    if known.info.status != "FINISHED":
        store.client.set_terminated(run_id, "FINISHED")


def _find_or_create(store: Store, name: str, run: Any, weights: str) -> str:
    known = store.find(run=name, weights=weights)
    if known:
        return str(known[0].info.run_id)
    identity = fingerprint(name, run)
    for begun in store.find(run=name, fingerprint=identity):
        if WEIGHTS not in begun.data.tags:
            # Its live log came to no end: a machine too busy, or a server that went away.
            store.name_after(begun.info.run_id, name, weights)
            return str(begun.info.run_id)
    tags = identity_tags(name, run, identity) | {WEIGHTS: weights, "genloop.origin": "restored"}
    return store.begin(f"{name}-{weights[:7]}", run, tags)


def _complete_curves(store: Store, run_id: str, weights: Path) -> None:
    """Log the epochs that the live log did not bring through."""
    known, now = store.logged_epochs(run_id), int(time.time() * 1000)
    layers = dict(list(pd.read_csv(weights / "layers.csv").groupby("epoch")))
    points: list[Metric] = []
    for losses in _rows(pd.read_csv(weights / "losses.csv")):
        epoch = int(losses["epoch"])
        if epoch not in known:
            points += epoch_metrics(losses, _rows(layers[epoch]), now)
    if points:
        store.log(run_id, points)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _dataset(data: str, weights: Path) -> DatasetInput:
    """Return the training data as an MLflow dataset whose digest is DVC's hash of the prepared folder."""
    schema = (weights / "schema.json").read_text()
    source = {"uri": f"data/prepared/{data}"}
    digest = _dvc_hash(f"data/prepared/{data}")
    dataset = Dataset(name=data, digest=digest, source_type="local", source=json.dumps(source), profile=schema)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _dvc_hash(path: str) -> str:
    """Return the hash that dvc.lock has for an output, or a word that says that DVC does not know it."""
    lock = Path("dvc.lock")
    stages = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
    hashes = (out["md5"] for stage in stages.values() for out in stage.get("outs", ()) if out["path"] == path)
    return str(next(hashes, "not in dvc.lock"))
