"""Scores as MLflow shows them: metrics with intervals and baselines, and tags for how they were taken."""

import json
import time
from typing import Any

from mlflow.entities import Metric, Run, RunTag

from genloop.comparison import scores_in
from genloop.tracking.store import Store

TOLD = ("protocol.", "left_out.")  # how the names of tags begin that are of the present scores


def log_scores(store: Store, known: Run, found: dict[str, Any], more: dict[str, str]) -> None:
    """Log each score, those of the baselines and the ends of intervals, unless they stand there, and tags for the rest.

    They have the step 0, as has everything that is no curve: so the UI compares them as bars, whatever the epochs.
    """
    latest, now = known.data.metrics, int(time.time() * 1000)
    points = [Metric(key, value, now, 0) for key, value in score_metrics(found).items() if latest.get(key) != value]
    words = score_tags(found) | more
    for stale in known.data.tags.keys() - words.keys():
        if stale.startswith(TOLD):
            store.client.delete_tag(known.info.run_id, stale)
    store.log(known.info.run_id, points, tags=[RunTag(key, value) for key, value in words.items()])


def score_tags(found: dict[str, Any]) -> dict[str, str]:
    """Return how scores were taken and why some were not; what was asked of rows may be of any words, so it is JSON."""
    words = {}
    for group, protocol in found["protocol"].items():
        for key, value in protocol.items():
            words[f"protocol.{group}.{key}"] = json.dumps(value) if isinstance(value, dict) else str(value)
    return words | {f"left_out.{key}": reason for key, reason in found["left_out"].items()}


def score_metrics(found: dict[str, Any]) -> dict[str, float]:
    """Return what ``evaluate`` found as metrics by the names that they have in MLflow.

    The UI shows a section per prefix, sorted by name: so losses and scores come before what they are compared with.
    """
    metrics = {f"score/{key}": value for key, value in scores_in(found).items()}
    for key, (low, high) in found["intervals"].items():
        metrics |= {f"score_interval/{key}_low": low, f"score_interval/{key}_high": high}
    for kind, baseline in found["baselines"].items():
        metrics |= {f"score_of_{kind}/{key}": value for key, value in scores_in(baseline).items()}
    return metrics
