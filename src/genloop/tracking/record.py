"""The record of a finished run: MLflow shows what DVC holds, added to the live run or built anew from the outputs."""

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from mlflow.entities import Dataset, DatasetInput, InputTag, Run

from genloop.comparison import read_metrics
from genloop.config import Gan, Vae
from genloop.errors import GenloopError
from genloop.faults import explain_fault
from genloop.formats import read_run
from genloop.identity import fingerprint, hash_files, hash_json, hash_weights
from genloop.masking import describe
from genloop.reading import read_json
from genloop.recipe import recipe_here
from genloop.tracking.abandoned import abandoned, close
from genloop.tracking.artifacts import LAYOUT, Outputs, log_artifacts, networks_in
from genloop.tracking.card import Facts, note
from genloop.tracking.curves import complete_curves
from genloop.tracking.model import complete_model
from genloop.tracking.parameters import Chosen, read_chosen
from genloop.tracking.pictures import complete_previews
from genloop.tracking.recipes import RECIPE, keep_recipe
from genloop.tracking.scores import log_scores
from genloop.tracking.store import (
    CHANGED,
    COMMIT,
    FAILURES,
    FINGERPRINT,
    GROUP,
    NOTE,
    RUN,
    WEIGHTS,
    Store,
    identity_tags,
)
from genloop.versions import hash_in, parse_lock
from genloop.workspace import main_root

RECORDED = "genloop.recorded"  # hash of the outputs whose artifacts MLflow holds


def record(name: str, data: Path) -> dict[str, str]:
    """Complete the MLflow run of a run's present outputs and return a receipt: what was recorded, by content.

    Recording twice changes nothing. A run that MLflow has never seen is built from the outputs.

    Raises:
        GenloopError: the outputs are not there, or MLflow does not take them.
    """
    weights, samples, report = (data / kind / name for kind in ("weights", "samples", "reports"))
    outputs = Outputs(weights, samples, report, data / "metrics" / f"{name}.json")
    kept = (weights / "weights.safetensors", weights / "training.json")
    for path in (*kept, samples / "manifest.json", report / "report.html", outputs.metrics):
        if not path.exists():
            raise GenloopError(f"{path}: missing; run 'dvc repro record@{name}'")
    run = read_run(weights)
    chosen = read_chosen(name, run, data / "config")
    receipt = {
        "run": name,
        "weights": hash_weights(weights / "weights.safetensors"),
        "content": hash_json([LAYOUT, hash_files(outputs), chosen._asdict()]),
    }
    try:
        _twice(lambda: _record(receipt, run, chosen, outputs))
    except FAILURES as error:
        failed, reason = f"{name}: MLflow does not take the record", describe(error)
        own = main_root() / ".mlflow" if not os.environ.get("MLFLOW_TRACKING_URI") else None
        if own and (fault := explain_fault(error, own)):  # of a server, its own people see to the disk
            raise GenloopError(f"{failed}: {fault}") from None
        slow = ", with MLFLOW_HTTP_REQUEST_TIMEOUT=60 if the server is only slow" if "timed out" in reason else ""
        again = f"run 'dvc repro' or 'python -m genloop sync' again later{slow}"
        raise GenloopError(f"{failed} ({reason}); {again}") from None  # whose text may hold a password
    return receipt


def _twice(work: Callable[[], None]) -> None:
    """Do the work, and once more if it fails: a server that stumbles is common, and recording twice is as once."""
    try:
        work()
    except FAILURES:
        work()


def _record(receipt: dict[str, str], run: Gan | Vae, chosen: Chosen, outputs: Outputs) -> None:
    store, weights = Store(run.data), outputs.weights
    identity = cache(lambda: fingerprint(receipt["run"], run))  # reads all of the data, and is seldom needed
    known = _find_or_begin(store, receipt, run, identity, chosen.group())
    run_id = str(known.info.run_id)
    store.complete_parameters(known, chosen.parameters())
    complete_curves(store, known, weights)
    complete_previews(store.client, run_id, weights / "previews")
    facts = _facts(receipt, run, outputs, known.data.tags)
    if known.data.tags.get(RECORDED) != receipt["content"]:
        log_artifacts(store, run_id, outputs, facts, chosen)
        keep_recipe(store.client, run_id, lambda: recipe_here(Path(), finished=receipt["run"]))
        store.client.set_tag(run_id, RECORDED, receipt["content"])
    elif RECIPE not in known.data.tags:  # recorded by an earlier version
        keep_recipe(store.client, run_id, lambda: recipe_here(Path(), finished=receipt["run"]))
    about = {GROUP: chosen.group(), NOTE: note(facts, run_id, store.experiment)}
    log_scores(store, known, facts.metrics, about)
    complete_model(store, known, run, weights)
    if not (known.inputs and known.inputs.dataset_inputs):
        store.client.log_inputs(run_id, [_dataset(run.data, weights)])
    if known.info.status != "FINISHED":
        store.client.set_terminated(run_id, "FINISHED")
    _settle_abandoned(store, run_id, receipt["run"], identity)
    _settle_twins(store, receipt)


def _settle_twins(store: Store, receipt: dict[str, str]) -> None:
    """Leave one run of these weights, the first: several machines that record them at once each begin one.

    Who is about to complete another one fails by that, and completes the first when it tries again.
    """
    for twin in store.find(run=receipt["run"], weights=receipt["weights"])[1:]:
        store.client.delete_run(twin.info.run_id)


def _facts(receipt: dict[str, str], run: Gan | Vae, outputs: Outputs, tags: dict[str, str]) -> Facts:
    return Facts(
        name=receipt["run"],
        run=run,
        weights=receipt["weights"],
        format=int(read_json(outputs.weights / "run.json").get("format", 1)),
        data=_dvc_hash(run.data),
        commit=tags.get(COMMIT, ""),
        changed=tags.get(CHANGED) == "true",
        networks=networks_in(outputs.weights / "weights.safetensors"),
        training=read_json(outputs.weights / "training.json"),
        metrics=read_metrics(outputs.metrics.read_text(), str(outputs.metrics)),
    )


def _settle_abandoned(store: Store, run_id: str, name: str, identity: Callable[[], str]) -> None:
    """Close the runs of killed trainings; the log of a training whose weights this run holds anyway gives way to it."""
    for other in abandoned(store, own=run_id):
        if other.data.tags[RUN] == name and other.data.tags[FINGERPRINT] == identity():
            store.client.delete_run(other.info.run_id)
        else:
            close(store, other)


def _find_or_begin(
    store: Store, receipt: dict[str, str], run: Gan | Vae, identity: Callable[[], str], group: str
) -> Run:
    name, weights = receipt["run"], receipt["weights"]
    known = store.find(run=name, weights=weights)
    if known:
        return store.client.get_run(known[0].info.run_id)
    for begun in store.find(run=name, fingerprint=identity()):
        if WEIGHTS not in begun.data.tags:
            # Its live log came to no end: a machine too busy, or a server that went away.
            store.name_after(begun.info.run_id, name, weights)
            return store.client.get_run(begun.info.run_id)
    tags = identity_tags(name, run, identity(), group) | {WEIGHTS: weights, "genloop.origin": "restored"}
    return store.begin(f"{name}-{weights[:7]}", tags)


def _dataset(data: str, weights: Path) -> DatasetInput:
    """Return the training data as an MLflow dataset whose digest is DVC's hash of the prepared folder."""
    schema = (weights / "schema.json").read_text()
    source = {"uri": f"data/prepared/{data}"}
    digest = _dvc_hash(data)
    dataset = Dataset(name=data, digest=digest, source_type="local", source=json.dumps(source), profile=schema)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _dvc_hash(data: str) -> str:
    """Return the hash that dvc.lock has for a prepared data set, or a word that says that DVC does not know it."""
    lock = Path("dvc.lock")
    known = parse_lock(lock.read_text()) if lock.exists() else {}
    return hash_in(known, f"data/prepared/{data}") or "not in dvc.lock"
