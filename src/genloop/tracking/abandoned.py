"""Runs that a killed training left open: MLflow would show them as RUNNING for ever."""

from collections.abc import Iterator

from filelock import FileLock, Timeout
from mlflow.entities import Run

from genloop.tracking.store import FINGERPRINT, RUN, Store
from genloop.workspace import lock_of, state_folder


def abandoned(store: Store, own: str) -> Iterator[Run]:
    """Yield each open run of this checkout and experiment whose training is dead: nobody holds its lock.

    The run with the id ``own`` is left to whoever asks.
    """
    for run in store.find_running():
        lock = lock_of(state_folder(run.data.tags[RUN], run.data.tags[FINGERPRINT]))
        if run.info.run_id == own:
            continue
        if not lock.exists():  # the training came to its end, only the request that says so did not get through
            yield run
            continue
        try:
            with FileLock(lock, timeout=0):  # held meanwhile, lest the training begins again between look and closing
                yield run
        except Timeout:
            continue


def close_abandoned(store: Store, own: str) -> None:
    """Close abandoned runs as KILLED; a training that is said again opens its run again."""
    for run in abandoned(store, own):
        close(store, run)


def close(store: Store, run: Run) -> None:
    """Close an abandoned run, unless somebody was faster."""
    if store.client.get_run(run.info.run_id).info.status == "RUNNING":
        store.client.set_terminated(run.info.run_id, "KILLED")
