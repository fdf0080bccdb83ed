"""Runs in the store that is there: looking makes neither a store nor an experiment."""

import os
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from genloop.errors import GenloopError
from genloop.masking import describe
from genloop.tracking.moved import mend
from genloop.tracking.store import FAILURES, RUN, SQLITE, WEIGHTS
from genloop.workspace import main_root

PAGE = 1000  # runs that are asked for at once
SHORTEST = 4  # characters of an id that are taken for its beginning


class Known:
    """All runs of the project's store, whatever their data set."""

    def __init__(self) -> None:
        """Connect to MLFLOW_TRACKING_URI, else to the database below the main checkout.

        Raises:
            GenloopError: there is none, or it cannot be reached.
        """
        given, own = os.environ.get("MLFLOW_TRACKING_URI"), main_root() / ".mlflow"
        database = Path(given.removeprefix(SQLITE)) if given and given.startswith(SQLITE) else own / "mlflow.db"
        if (not given or given.startswith(SQLITE)) and not database.exists():
            raise GenloopError(f"{database}: MLflow has no store there; 'python -m genloop sync' makes one")
        try:
            self.client = MlflowClient(given or f"{SQLITE}{database}")
            experiments = self.client.search_experiments()
            if not given:
                mend(experiments, own)
        except FAILURES as error:
            raise GenloopError(f"MLflow cannot be asked ({describe(error)}); try again when it answers") from None
        self.experiments = [found.experiment_id for found in experiments]

    def _search(self, query: str) -> Iterator[Run]:
        token: str | None = None
        while token != "":
            found = self.client.search_runs(self.experiments, query, ViewType.ACTIVE_ONLY, PAGE, None, token)
            yield from (run for run in found if RUN in run.data.tags)
            token = found.token or ""

    def of_weights(self, weights: str) -> list[Run]:
        """Return the runs that hold these weights."""
        return list(self._search(f"tags.`{WEIGHTS}` = '{weights}'"))

    def find(self, name: str) -> Run:
        """Return the run with this id, or whose id begins so, or with this name in MLflow.

        Raises:
            GenloopError: there is none, or more than one.
        """
        runs = list(self._search(""))
        exact = [run for run in runs if run.info.run_id == name]
        begun = [run for run in runs if len(name) >= SHORTEST and run.info.run_id.startswith(name)]
        named = [run for run in runs if run.info.run_name == name]
        found = exact or named or begun
        if not found:
            raise GenloopError(
                f"{name}: neither a run of MLflow, by its id or its name there, nor one of the workspace; "
                f"'python -m genloop sync' records those of the workspace"
            )
        if len(found) > 1:
            told = ", ".join(f"{run.info.run_id} ({run.info.run_name})" for run in found[:5])
            raise GenloopError(f"{name}: {len(found)} runs of MLflow match: {told}; give a whole id")
        return found[0]
