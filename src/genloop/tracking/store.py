"""Where MLflow's store is, and how runs are found in it: by content, never by an id kept elsewhere."""

import logging
import os
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

# Before MLflow is imported: no reports to anyone, no long waits for a server that is gone.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag

from genloop.config import Training
from genloop.doctor import Finding
from genloop.workspace import git, main_root

for noisy in ("mlflow", "alembic"):
    logging.getLogger(noisy).setLevel(logging.WARNING)

RUN, FINGERPRINT, WEIGHTS = "genloop.run", "genloop.fingerprint", "genloop.weights"
GROUP = "genloop.group"  # equal for runs that differ in nothing but seeds
MARKER = "records_seen"  # the last metric that is logged of an epoch: where it is, the epoch is complete
LARGEST_BATCH = 1000  # metrics that MLflow takes in one call


def flat(choices: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested choices by names with dots, which MLflow can show as columns and axes."""
    found: dict[str, Any] = {}
    for key, value in choices.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def _make_database(path: Path) -> None:
    """Make MLflow's database with its tables, whole or not at all: a schema that is half made can never be mended."""
    if path.exists():
        return
    unfinished = path.with_name("unfinished.db")
    for leftover in path.parent.glob(f"{unfinished.name}*"):
        leftover.unlink()
    MlflowClient(f"sqlite:///{unfinished}").search_experiments()
    unfinished.replace(path)


class Store:
    """The experiment of one data set in MLflow's store."""

    def __init__(self, data: str) -> None:
        """Connect to MLFLOW_TRACKING_URI, else to a database below the main checkout, made on first use."""
        folder = main_root() / ".mlflow"
        own = not os.environ.get("MLFLOW_TRACKING_URI")
        if own:
            folder.mkdir(exist_ok=True)
        # Two processes that make the schema at once would break it.
        with FileLock(folder / "first-use.lock") if own else nullcontext():
            if own:
                _make_database(folder / "mlflow.db")
            self.client = MlflowClient(f"sqlite:///{folder}/mlflow.db" if own else None)
            name = f"genloop-{data}"
            known = self.client.get_experiment_by_name(name)
            # Without a location of its own, MLflow would keep artifacts below the folder of whoever came first.
            location = (folder / "artifacts" / name).as_uri() if own else None
            tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on curves, not on chats
            self.experiment = known.experiment_id if known else self.client.create_experiment(name, location, tags)

    def find(self, **tags: str) -> list[Run]:
        """Return the runs of this experiment that carry all these tags (``run``, ``fingerprint``, ``weights``)."""
        names = {"run": RUN, "fingerprint": FINGERPRINT, "weights": WEIGHTS}
        query = " and ".join(f"tags.`{names[key]}` = '{value}'" for key, value in tags.items())
        return list(self.client.search_runs([self.experiment], query, max_results=10, order_by=["start_time ASC"]))

    def begin(self, name: str, run: Training, tags: dict[str, str]) -> str:
        """Create an MLflow run of this name with a run's choices as parameters and these tags; return its id."""
        run_id = str(self.client.create_run(self.experiment, run_name=name).info.run_id)
        params = [Param(key, str(value)) for key, value in flat(run.model_dump()).items()]
        self.log(run_id, params=params, tags=[RunTag(key, value) for key, value in tags.items()])
        return run_id

    def name_after(self, run_id: str, name: str, weights: str) -> None:
        """Tie an MLflow run to its weights, by tag and by name."""
        self.client.set_tag(run_id, WEIGHTS, weights)
        self.client.update_run(run_id, name=f"{name}-{weights[:7]}")

    def log(
        self, run_id: str, metrics: Iterable[Metric] = (), params: Iterable[Param] = (), tags: Iterable[RunTag] = ()
    ) -> None:
        """Log any number of metrics, parameters and tags, in as few calls as MLflow allows."""
        points = list(metrics)
        self.client.log_batch(run_id, points[:LARGEST_BATCH], list(params), list(tags))
        for start in range(LARGEST_BATCH, len(points), LARGEST_BATCH):
            self.client.log_batch(run_id, points[start : start + LARGEST_BATCH])

    def logged_epochs(self, run_id: str) -> set[int]:
        """Return the epochs whose curves are complete."""
        return {point.step for point in self.client.get_metric_history(run_id, MARKER)}


def identity_tags(name: str, run: Training, fingerprint: str) -> dict[str, str]:
    """Return the tags that link a run to Git and DVC."""
    tags = {RUN: name, FINGERPRINT: fingerprint, "genloop.data": run.data, "genloop.stage": f"train@{name}"}
    commit = git("rev-parse", "HEAD")
    if commit:
        tags |= {"mlflow.source.git.commit": commit, "genloop.git": commit}
        tags["genloop.git_changed"] = str(bool(git("status", "--porcelain", "--untracked-files=no"))).lower()
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["genloop.experiment"] = experiment
    return tags | {"mlflow.source.name": f"dvc repro train@{name}", "mlflow.source.type": "LOCAL"}


def epoch_metrics(losses: dict[str, Any], layers: Iterable[dict[str, Any]], timestamp: int) -> list[Metric]:
    """Return one epoch's curves as metrics, the marker last; the step is the epoch, for both families."""
    epoch = int(losses["epoch"])
    values = {f"loss/{name}": value for name, value in losses.items() if name not in ("epoch", MARKER)}
    for row in layers:
        for statistic in ("mean", "deviation", "norm"):
            values[f"weights/{row['layer']}/{row['part']}_{statistic}"] = row[statistic]
    values[MARKER] = losses[MARKER]
    known = {name: float(value) for name, value in values.items() if value == value}  # not every epoch is validated
    return [Metric(name, value, timestamp, epoch) for name, value in known.items()]


DISEASE = "doctor"  # before a disease, in the names of its tag and of its metric


def log_finding(store: Store, run_id: str, found: Finding, timestamp: int) -> None:
    """Log a disease as a tag that says what was seen, and as an event at its epoch; twice is as once."""
    name = f"{DISEASE}.{found.disease}"
    if name not in store.client.get_run(run_id).data.tags:
        event = Metric(f"{DISEASE}/{found.disease}", 1.0, timestamp, found.epoch)
        store.log(run_id, [event], tags=[RunTag(name, found.line)])
