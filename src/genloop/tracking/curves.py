"""Curves and diseases as points in MLflow: what a run has of them, so that no point is logged twice."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Metric, Run, RunTag

from genloop.doctor import Finding
from genloop.reading import read_json
from genloop.tracking.store import LARGEST_BATCH, Store

MARKER = "records_seen"  # the last metric that is logged of an epoch: where it is, the epoch is complete
DISEASE = "doctor"  # before a disease, in the names of its tag and of its metric


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


def step_metrics(steps: Iterable[dict[str, Any]], timestamp: int) -> list[Metric]:
    """Return the losses of single steps as metrics, whose step is that of the training."""
    return [
        Metric(f"step/{name}", float(value), timestamp, int(row["step"]))
        for row in steps
        for name, value in row.items()
        if name != "step" and value == value
    ]


class Curves:
    """What MLflow had of a run's curves when it was first asked.

    MLflow ignores a point that is there already only if it agrees in its time as well, and a request that failed may
    have been carried out. So after each failure, ask anew.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        """Take the run; nothing is asked yet."""
        self.store, self.run_id = store, run_id
        self._steps: dict[str, set[int]] = {}

    def steps(self, key: str) -> set[int]:
        """Return the steps at which a metric has a point."""
        if key not in self._steps:
            points = self.store.client.get_metric_history(self.run_id, key)
            self._steps[key] = {point.step for point in points}
        return self._steps[key]

    def lacking(self, points: list[Metric]) -> list[list[Metric]]:
        """Return what MLflow lacks of an epoch, the marker last, in parts that each fit into one call."""
        if points[-1].step in self.steps(MARKER):
            return []
        starts = range(0, len(points), LARGEST_BATCH)
        parts = (self._lacking(points[start : start + LARGEST_BATCH]) for start in starts)
        return [part for part in parts if part]

    def lacking_steps(self, points: list[Metric]) -> list[list[Metric]]:
        """Return what MLflow lacks of single steps, asked one by one, in parts that each fit into one call."""
        lacking = [point for point in points if point.step not in self.steps(point.key)]
        return [lacking[start : start + LARGEST_BATCH] for start in range(0, len(lacking), LARGEST_BATCH)]

    def _lacking(self, part: list[Metric]) -> list[Metric]:
        """Return what MLflow lacks of a part, which was sent in one call, so that its ends tell of nearly all cases."""
        if part[-1].step in self.steps(part[-1].key):
            return []
        if part[0].step not in self.steps(part[0].key):
            return part
        return [point for point in part if point.step not in self.steps(point.key)]

    def log(self, parts: Iterable[list[Metric]]) -> None:
        """Log parts in as few calls as MLflow allows, none of them over two calls."""
        waiting: list[Metric] = []
        for part in parts:
            if len(waiting) + len(part) > LARGEST_BATCH:
                self.store.log(self.run_id, waiting)
                waiting = []
            waiting = waiting + part
        if waiting:
            self.store.log(self.run_id, waiting)

    def log_finding(self, tags: dict[str, str], found: Finding, timestamp: int) -> None:
        """Log a disease as a tag that says what was seen, and as an event at its epoch, unless ``tags`` has it."""
        name, key = f"{DISEASE}.{found.disease}", f"{DISEASE}/{found.disease}"
        if name not in tags:
            event = [] if self.steps(key) else [Metric(key, 1.0, timestamp, found.epoch)]
            self.store.log(self.run_id, event, tags=[RunTag(name, found.line)])


def complete_curves(store: Store, known: Run, weights: Path) -> None:
    """Log the epochs and the diseases that the live log did not bring through.

    Their time follows from the run, so that two records at once, or a late one, log the same points.
    """
    curves, start = Curves(store, known.info.run_id), known.info.start_time
    layers = dict(list(pd.read_csv(weights / "layers.csv").groupby("epoch")))
    parts: list[list[Metric]] = []
    for losses in _rows(pd.read_csv(weights / "losses.csv")):
        epoch = int(losses["epoch"])
        parts += curves.lacking(epoch_metrics(losses, _rows(layers[epoch]), start + epoch))
    single = weights / "steps.csv"
    if single.exists():  # weights of earlier versions have none
        points = [
            point for row in _rows(pd.read_csv(single)) for point in step_metrics([row], start + int(row["step"]))
        ]
        parts += curves.lacking_steps(points)
    curves.log(parts)
    for found in read_json(weights / "training.json")["findings"]:
        curves.log_finding(known.data.tags, Finding(**found), start + found["epoch"])


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
