"""A data set with recorded runs in a store of its own, rulings on them, and what is there to be seen afterwards."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from genloop.comparison import Entry
from genloop.gate.ruling import Outcome, Rule, Ruling
from genloop.identity import hash_json
from genloop.tracking.decision import Decision
from genloop.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, ROLLED_BACK, Registry
from genloop.tracking.store import RUN, WEIGHTS, Store

DATA = "things"
NAMES = ("one", "two", "three")


def alone(patched: pytest.MonkeyPatch, folder: Path) -> None:
    """Go to a project, whose own store is asked."""
    for key in list(os.environ):
        if key.startswith(("DVC_", "MLFLOW_TRACKING_", "GENLOOP_")):
            patched.delenv(key)
    patched.chdir(folder)


def weights_of(name: str) -> str:
    """The hash of a run's weights."""
    return hash_json(name)


def record_runs() -> None:
    """Record three runs as far as a registry sees them: an MLflow run each with the weights' hash, and a model."""
    store = Store(DATA)
    for name in NAMES:
        tags = {RUN: name, WEIGHTS: weights_of(name), "genloop.data": DATA}
        run_id = store.begin(f"{name}-{weights_of(name)[:7]}", tags).info.run_id
        model = store.client.create_logged_model(store.experiment, name, run_id)
        store.client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        store.client.set_terminated(run_id)


def entry(name: str, weights: str = "") -> Entry:
    """A run as the gate knows it."""
    return Entry(name, DATA, {"identity": {"weights": weights or weights_of(name)}})


def ruling(outcome: Outcome, name: str, *seeds: str, why: str = "it is so") -> Ruling:
    """What a gate may say of a run and its other seeds."""
    rules = (
        Rule("kid", "at most 3", "0.5", "", "", outcome != "refused", "within"),
        Rule("kid", "not worse by 2 %", "0.5", "0.6", "-0.1", True, "better"),
        Rule("rolled back", "never", "no", "", "", True, "it was not"),
    )
    return Ruling(outcome, why, rules, entry(name), tuple(entry(each) for each in (name, *seeds)))


def held() -> dict[str, str]:
    """The labels of the versions that aliases point to."""
    registry = Registry(DATA)
    found = {alias: registry.holder(alias) for alias in (CHAMPION, CHALLENGER, PREVIOUS)}
    return {alias: version.run for alias, version in found.items() if version}


def shown() -> dict[str, Any]:
    """All that people see of decisions in MLflow, but for times and what is drawn at random."""
    registry = Registry(DATA)
    client: MlflowClient = registry.client
    gate = ("genloop.gate", "genloop.rule.", ROLLED_BACK, "genloop.seeds")
    experiments = client.search_experiments(filter_string=f"name = 'genloop-{DATA}'")
    runs = client.search_runs([each.experiment_id for each in experiments])
    return {
        "aliases": held(),
        "versions": {number: _starting(each.tags, gate) for number, each in registry.versions().items()},
        "runs": {str(run.info.run_name): _starting(run.data.tags, gate) for run in runs},
        "log": [vars(each) | {"when": ""} for each in told()],
    }


def told() -> list[Decision]:
    """The log."""
    from genloop.tracking.promotion import decisions

    return decisions(DATA)


def _starting(tags: dict[str, str], beginnings: Sequence[str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.startswith(tuple(beginnings))}


class CutOffError(BaseException):
    """As a kill: nothing catches it."""


WRITES = ("create", "set_", "delete_", "log_", "update_", "rename_")


def cut_off(monkeypatch: pytest.MonkeyPatch, after: int, failure: Callable[[], BaseException]) -> list[str]:
    """Have every client of MLflow raise instead of the write after so many; return the names of those that were made.

    Writes that are made within others, as the upload within the logging of a text, are no writes of their own.
    """
    made: list[str] = []
    within: list[str] = []

    def wrapped(name: str) -> Callable[..., Any]:
        original = getattr(MlflowClient, name)

        def call(self: MlflowClient, *arguments: Any, **named: Any) -> Any:
            if within:
                return original(self, *arguments, **named)
            if len(made) >= after:
                raise failure()
            made.append(name)
            within.append(name)
            try:
                return original(self, *arguments, **named)
            finally:
                within.pop()

        return call

    for name in dir(MlflowClient):
        if name.startswith(WRITES):
            monkeypatch.setattr(MlflowClient, name, wrapped(name))
    return made
