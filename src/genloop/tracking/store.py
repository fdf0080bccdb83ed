"""Where MLflow's store is, and how runs are found in it: by content, never by an id kept elsewhere."""

import logging
import os
import sqlite3
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

# Before MLflow is imported: no reports to anyone, no long waits for a server that is gone, no addresses in the output.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # the address may hold a password
# A request that failed may have been carried out, so that MLflow must not repeat it blindly: a run would be made twice.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from genloop.config import Training
from genloop.tracking.moved import mend
from genloop.workspace import checkout_id, git, main_root

for noisy in ("mlflow", "alembic", "urllib3"):  # what fails is raised, and told in one line
    logging.getLogger(noisy).setLevel(logging.CRITICAL)

RUN, FINGERPRINT, WEIGHTS = "genloop.run", "genloop.fingerprint", "genloop.weights"
CHECKOUT = "genloop.checkout"  # where the run was trained; says who may close it
COMMIT, CHANGED = "genloop.git", "genloop.git_changed"  # of Git, and whether there was more than is committed
NOTE = "mlflow.note.content"  # the description that the UI shows
GROUP = "genloop.group"  # equal for runs that differ in nothing but seeds
LARGEST_BATCH, MOST_PARAMETERS = 1000, 100  # metrics and parameters that MLflow takes in one call
SQLITE = "sqlite:///"
SECONDS_FOR_FIRST_USE = 60.0  # making the tables takes up to ten on a busy machine, and several processes take turns
FAILURES = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError)  # what a store that fails comes up with


def _make_database(path: Path) -> None:
    """Make MLflow's database with its tables, whole or not at all: a schema that is half made can never be mended."""
    if path.exists():
        return
    unfinished = path.with_name("unfinished.db")
    for leftover in path.parent.glob(f"{unfinished.name}*"):
        leftover.unlink()
    MlflowClient(f"{SQLITE}{unfinished}").search_experiments()
    unfinished.replace(path)


class Store:
    """The experiment of one data set in MLflow's store."""

    def __init__(self, data: str) -> None:
        """Connect to MLFLOW_TRACKING_URI, else to a database below the main checkout, made on first use.

        Raises:
            FAILURES: it cannot be reached, or another process holds it for too long.
        """
        folder = main_root() / ".mlflow"
        given = os.environ.get("MLFLOW_TRACKING_URI")
        address = given or f"{SQLITE}{folder}/mlflow.db"
        database = Path(address.removeprefix(SQLITE)) if address.startswith(SQLITE) else None
        if database:
            database.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that make the schema at once would break it.
            guard = FileLock(database.with_name("first-use.lock"), timeout=SECONDS_FOR_FIRST_USE)
        with guard if database else nullcontext():
            if database:
                _make_database(database)
            self.client = MlflowClient(None if given else address)
            name = f"genloop-{data}"
            # Without a location of its own, MLflow would keep artifacts below the folder of whoever came first.
            location = None if given else (folder / "artifacts" / name).as_uri()
            self.experiment = find_experiment(self.client, name, location)
            if not given:
                mend([self.client.get_experiment(self.experiment)], folder)

    def find(self, **tags: str) -> list[Run]:
        """Return the runs of this experiment that carry all these tags (``run``, ``fingerprint``, ``weights``)."""
        names = {"run": RUN, "fingerprint": FINGERPRINT, "weights": WEIGHTS}
        query = " and ".join(f"tags.`{names[key]}` = '{value}'" for key, value in tags.items())
        return list(self.client.search_runs([self.experiment], query, max_results=10, order_by=["start_time ASC"]))

    def find_running(self) -> list[Run]:
        """Return the runs of this experiment that this checkout has begun and nobody has closed."""
        query = f"attributes.status = 'RUNNING' and tags.`{CHECKOUT}` = '{checkout_id()}'"
        return list(self.client.search_runs([self.experiment], query))

    def begin(self, name: str, tags: dict[str, str]) -> Run:
        """Create an MLflow run of this name, still without parameters.

        It carries the tags from its first moment: so it is found again even if the answer gets lost.
        """
        return self.client.create_run(self.experiment, run_name=name, tags=tags)

    def complete_parameters(self, begun: Run, parameters: dict[str, str]) -> None:
        """Log the parameters that a run lacks; those that it has never change."""
        lacking = [Param(key, value) for key, value in parameters.items() if key not in begun.data.params]
        for start in range(0, len(lacking), MOST_PARAMETERS):
            self.client.log_batch(begun.info.run_id, params=lacking[start : start + MOST_PARAMETERS])

    def name_after(self, run_id: str, name: str, weights: str) -> None:
        """Tie an MLflow run to its weights, by tag and by name."""
        self.client.set_tag(run_id, WEIGHTS, weights)
        self.client.update_run(run_id, name=f"{name}-{weights[:7]}")

    def log(self, run_id: str, metrics: Iterable[Metric] = (), tags: Iterable[RunTag] = ()) -> None:
        """Log any number of metrics and tags, in as few calls as MLflow allows."""
        points = list(metrics)
        self.client.log_batch(run_id, points[:LARGEST_BATCH], tags=list(tags))
        for start in range(LARGEST_BATCH, len(points), LARGEST_BATCH):
            self.client.log_batch(run_id, points[start : start + LARGEST_BATCH])


def find_experiment(client: MlflowClient, name: str, location: str | None) -> str:
    """Return the id of the experiment of this name, which may be made by somebody else in this very moment."""
    tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on curves, not on chats
    known = client.get_experiment_by_name(name)
    try:
        return str(known.experiment_id if known else client.create_experiment(name, location, tags))
    except MlflowException as error:
        known = client.get_experiment_by_name(name)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or known is None:
            raise
        return str(known.experiment_id)


def identity_tags(name: str, run: Training, fingerprint: str, group: str) -> dict[str, str]:
    """Return the tags that link a run to Git and DVC, to this checkout, and to runs with other seeds."""
    tags = {RUN: name, FINGERPRINT: fingerprint, "genloop.data": run.data, "genloop.stage": f"train@{name}"}
    tags |= {CHECKOUT: checkout_id(), GROUP: group}
    commit = git("rev-parse", "HEAD")
    if commit:
        tags |= {"mlflow.source.git.commit": commit, COMMIT: commit}
        tags[CHANGED] = str(bool(git("status", "--porcelain", "--untracked-files=no"))).lower()
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["genloop.experiment"] = experiment
    return tags | {"mlflow.source.name": f"dvc repro train@{name}", "mlflow.source.type": "LOCAL"}
