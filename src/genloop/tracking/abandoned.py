"""Runs that a killed training left open: MLflow would show them as RUNNING for ever."""

from filelock import FileLock, Timeout
from mlflow.entities import Run

from genloop.tracking.store import FINGERPRINT, RUN, Store
from genloop.workspace import trainer_lock


def close_abandoned(store: Store, own: str) -> None:
    """Close as KILLED each open run of this checkout and experiment whose training is dead: nobody holds its lock.

    A training that is said again opens its run again. The run with the id ``own`` is left to whoever calls.
    """
    for run in store.find_running():
        if run.info.run_id == own:
            continue
        lock = trainer_lock(run.data.tags[RUN], run.data.tags[FINGERPRINT])
        if not lock.exists():  # the training came to its end, only the request that says so did not get through
            _close(store, run)
            continue
        try:
            with FileLock(lock, timeout=0):  # held meanwhile, lest the training begins again between look and closing
                _close(store, run)
        except Timeout:
            continue


def _close(store: Store, run: Run) -> None:
    if store.client.get_run(run.info.run_id).info.status == "RUNNING":
        store.client.set_terminated(run.info.run_id, "KILLED")
