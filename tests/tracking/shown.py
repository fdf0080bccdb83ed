"""What MLflow holds of a run, against what it must hold: points, pictures, status."""

from collections import Counter

from mlflow.entities import Run

from genloop.tracking.curves import epoch_metrics, step_metrics
from genloop.tracking.store import Store
from tests.tracking.conftest import EPOCHS, Outputs


def only_run(outputs: Outputs) -> Run:
    """The one run of the project in its store."""
    store = Store(outputs.run.data)
    (run,) = store.client.search_runs([store.experiment])
    return run


def epochs_shown(outputs: Outputs) -> list[int]:
    """The epochs that are complete."""
    store = Store(outputs.run.data)
    points = store.client.get_metric_history(only_run(outputs).info.run_id, "records_seen")
    return sorted(point.step for point in points)


def check_whole(outputs: Outputs) -> None:
    """There is one run, and it has each point, picture and word once."""
    store, run = Store(outputs.run.data), only_run(outputs)
    expected = Counter(
        (point.key, point.step, point.value)
        for losses, layers in zip(outputs.losses, outputs.layers, strict=True)
        for point in epoch_metrics(losses, layers, 0)
    )
    expected.update((point.key, point.step, point.value) for rows in outputs.steps for point in step_metrics(rows, 0))
    expected[("doctor/plateau", 2, 1.0)] = 1
    found = Counter(
        (point.key, point.step, point.value)
        for key in run.data.metrics
        if not key.startswith("score")
        for point in _sampled(store, run.info.run_id, key)
    )
    assert found == Counter({point: count for point, count in expected.items() if _is_sampled(str(point[0]))})
    assert set(run.data.metrics) >= {str(key) for key, _, _ in expected}
    images = sorted(artifact.path for artifact in store.client.list_artifacts(run.info.run_id, "images"))
    steps = sorted((int(path.split("+step+")[1].split("+")[0]), path.rpartition(".")[2]) for path in images)
    assert steps == [(epoch, kind) for epoch in (0, EPOCHS) for kind in ("png", "webp")]
    assert run.info.status == "FINISHED"
    assert run.data.params["width"] == "4"
    assert run.data.tags["mlflow.loggedImages"] == "True"


def _is_sampled(key: str) -> bool:
    """Two of the first call of an epoch, two of the second, and all that are no layer's: 1,020 curves take too long."""
    return not key.startswith("weights/") or key.split("/")[1] in ("0", "100", "335", "339")


def _sampled(store: Store, run_id: str, key: str) -> list:
    return list(store.client.get_metric_history(run_id, key)) if _is_sampled(key) else []
