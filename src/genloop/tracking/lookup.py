"""Runs as MLflow knows them: found by what people type, fetched, and given further artifacts. Nothing is made here."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run

from genloop.errors import GenloopError
from genloop.masking import describe
from genloop.tracking.model import known_models, whole_models
from genloop.tracking.moved import mend
from genloop.tracking.recipes import read_recipe
from genloop.tracking.store import CHANGED, COMMIT, FAILURES, RUN, SQLITE, WEIGHTS
from genloop.versions import Lock
from genloop.workspace import main_root

T = TypeVar("T")
EXPERIMENTS = "genloop-"  # how the names of their experiments begin
IDENTIFIER = re.compile(r"[0-9a-f]{4,32}")  # of a run, or how it begins
MOST = 50  # runs that are looked at, of one name or beginning


@dataclass(frozen=True)
class Logged:
    """A run as MLflow knows it."""

    run_id: str
    label: str  # its name in MLflow
    name: str  # that of the run
    weights: str | None  # hash; None: its training came to no end
    data_hash: str | None
    commit: str | None  # at which it was trained
    changed: bool  # whether there were changes that no commit has


class Logbook:
    """MLflow's store, read as far as it is there. After it has failed once it is not asked again.

    A request to a server that is away takes seconds, and a sheet of many runs asks for each of them.
    """

    def __init__(self) -> None:
        """Connect at the first question."""
        self.failure: str | None = None
        self._client: MlflowClient | None = None

    def named(self, word: str) -> list[Logged]:
        """Return the runs of this MLflow name or id, or whose id begins so; of equal weights the first one."""
        queries = [f"attributes.run_name = '{word}'"] if re.fullmatch(r"[\w.@+-]+", word) else []
        if IDENTIFIER.fullmatch(word):
            queries.append(f"attributes.run_id LIKE '{word}%'")
        found = {run.info.run_id: run for query in queries for run in self._search("", query)}
        if word in found:
            return [_logged(found[word])]
        first: dict[tuple[str, str], Logged] = {}
        for logged in map(_logged, found.values()):
            first.setdefault((logged.name, logged.weights or logged.run_id), logged)
        return list(first.values())

    def one(self, word: str) -> Run:
        """Return the run that :meth:`named` finds.

        Raises:
            GenloopError: there is none, or more than one, or no store that can be asked.
        """
        found = self.named(word)
        self.check()
        if not found:
            raise GenloopError(
                f"{word}: neither a run of MLflow, by its id or its name there, nor one of the workspace; "
                "'python -m genloop sync' records those of the workspace"
            )
        if len(found) > 1:
            told = ", ".join(f"{logged.run_id} ({logged.label})" for logged in found[:5])
            raise GenloopError(f"{word}: {len(found)} runs of MLflow match: {told}; give a whole id")
        return self.client.get_run(found[0].run_id)

    def of_weights(self, weights: str) -> list[Run]:
        """Return the runs that hold these weights.

        Raises:
            GenloopError: there is no store that can be asked.
        """
        found = self._search("", f"tags.`{WEIGHTS}` = '{weights}'")
        self.check()
        return found

    def lock_of(self, run_id: str) -> Lock | None:
        """Return what dvc.lock said when a run was recorded, if that is kept with it.

        Raises:
            GenloopError: there is no store that can be asked.
        """
        found = self._asked(lambda client: client.get_run(run_id), None)
        self.check()
        try:
            return read_recipe(self.client, found).stages if found else None
        except GenloopError:
            return None

    def whole(self, name: str, data: str, weights: str) -> bool:
        """Return whether these weights are recorded to the end, with the model that draws from them.

        Raises:
            GenloopError: the store does not answer.
        """
        query = f"tags.`{RUN}` = '{name}' and tags.`{WEIGHTS}` = '{weights}'"
        found = self._search(data, query)
        models: list[LoggedModel] = self._asked(partial(_whole_models, found[0]), list[LoggedModel]()) if found else []
        if self.failure is not None:
            self.check()
        return bool(models) and found[0].info.status == "FINISHED"

    def check(self) -> None:
        """Check that there is a store, and that it answered.

        Raises:
            GenloopError: says which of the two is missing.
        """
        if without_store():
            raise GenloopError(f"{_database()}: MLflow has no store there; 'python -m genloop sync' makes one")
        if self.failure is not None:
            raise GenloopError(f"MLflow cannot be asked ({self.failure}); try again when it answers")

    def holding(self, name: str, data: str, weights: str) -> Logged | None:
        """Return the run of these weights, the first where there are several."""
        query = f"tags.`{RUN}` = '{name}' and tags.`{WEIGHTS}` = '{weights}'"
        return next((_logged(run) for run in self._search(data, query)), None)

    def fetch(self, logged: Logged, folder: Path) -> None:
        """Download ``weights/`` and ``metrics/`` of a run into ``folder``.

        Raises:
            GenloopError: MLflow does not have them any more.
        """
        try:
            for part in ("weights", "metrics"):
                self.client.download_artifacts(logged.run_id, part, str(folder))
        except FAILURES as error:
            told = f"MLflow does not hand out weights and metrics of run {logged.run_id}"
            raise GenloopError(f"{logged.label}: {told} ({describe(error, 160)}); name it by a Git revision") from None

    def file(self, run_id: str, path: str, folder: Path) -> Path | None:
        """Download an artifact of a run into a folder, which is made; None if it cannot be had."""
        folder.mkdir(parents=True, exist_ok=True)
        got = self._asked(lambda client: client.download_artifacts(run_id, path, str(folder)), None)
        return Path(got) if got else None

    def attach(self, runs: Iterable[str], files: Iterable[Path], target: str) -> None:
        """Give files to runs as artifacts below ``target``, unless the store fails."""
        for run_id in runs:
            self._asked(partial(_log, run_id, list(files), target), None)

    def _search(self, data: str, query: str) -> list[Run]:
        return self._asked(lambda client: _search(client, data, query), [])

    def _asked(self, question: Callable[[MlflowClient], T], otherwise: T) -> T:
        """Return the answer; where there is no store, or it fails, what is said ``otherwise``."""
        if self.failure is not None or without_store():
            return otherwise
        try:
            return question(self.client)
        except FAILURES as error:
            self.failure = describe(error, 160)
            return otherwise

    @property
    def client(self) -> MlflowClient:
        """Connected to MLFLOW_TRACKING_URI, else to the database below the main checkout, which may have been moved."""
        if self._client is None:
            given, own = os.environ.get("MLFLOW_TRACKING_URI"), main_root() / ".mlflow"
            self._client = MlflowClient(given or f"{SQLITE}{_database()}")
            if not given:
                mend(self._client.search_experiments(), own)
        return self._client


def _database() -> Path:
    """Return where the database is, if there is no server."""
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    return Path(given.removeprefix(SQLITE)) if given.startswith(SQLITE) else main_root() / ".mlflow" / "mlflow.db"


def without_store() -> bool:
    """Return whether there is no store yet, which a question must not make."""
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    return (not given or given.startswith(SQLITE)) and not _database().exists()


def _search(client: MlflowClient, data: str, query: str) -> list[Run]:
    """Return runs of one data set, or of all if none is named."""
    name = f"name = '{EXPERIMENTS}{data}'" if data else f"name LIKE '{EXPERIMENTS}%'"
    known = [found.experiment_id for found in client.search_experiments(filter_string=name)]
    if not known:
        return []
    return list(client.search_runs(known, query, max_results=MOST, order_by=["start_time ASC"]))


def _log(run_id: str, files: list[Path], target: str, client: MlflowClient) -> None:
    for file in files:
        client.log_artifact(run_id, str(file), target)


def _whole_models(run: Run, client: MlflowClient) -> list[LoggedModel]:
    return whole_models(known_models(client, run.info.experiment_id, run.info.run_id))


def _logged(run: Run) -> Logged:
    tags = run.data.tags
    inputs = run.inputs.dataset_inputs if run.inputs else []
    return Logged(
        run_id=str(run.info.run_id),
        label=str(run.info.run_name or run.info.run_id),
        name=str(tags.get(RUN, "")),
        weights=tags.get(WEIGHTS),
        data_hash=next((str(given.dataset.digest) for given in inputs if " " not in given.dataset.digest), None),
        commit=tags.get(COMMIT),
        changed=tags.get(CHANGED) == "true",
    )
