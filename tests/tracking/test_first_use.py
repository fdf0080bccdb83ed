"""Pipelines that start at once on a store that is new."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.gateway import Gateway
from genloop.tracking.store import Store
from tests.tracking.conftest import ROOT, Outputs, clean_environment

GIVEN = "sqlite:///given/store.db"
BEGIN = f"""
import os, sys
from genloop.tracking.store import Store
from genloop.workspace import checkout_id
for address in ("", "{GIVEN}"):
    os.environ["MLFLOW_TRACKING_URI"] = address
    print(Store(sys.argv[1]).begin("tiny", {{"genloop.checkout": checkout_id()}}).info.experiment_id, checkout_id())
"""


def test_processes_that_start_at_once_make_one_database(outputs: Outputs) -> None:
    """Once where the store is genloop's own, and once where its address was given."""
    words = [sys.executable, "-c", BEGIN, outputs.run.data]
    processes = [
        subprocess.Popen(
            words,
            env=clean_environment() | {"PYTHONPATH": f"{ROOT}/src"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    ends = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert ends[0][0] == ends[1][0]
    assert (outputs.folder / ".mlflow/mlflow.db").exists()
    assert (outputs.folder / "given/store.db").exists()


def test_an_experiment_that_somebody_else_makes_at_the_same_time_is_taken(outputs: Outputs, gateway: Gateway) -> None:
    with ThreadPoolExecutor(6) as pool:
        experiments = list(pool.map(lambda _: Store(outputs.run.data).experiment, range(6)))
    assert len(set(experiments)) == 1
    made = gateway.asked.count("POST /api/2.0/mlflow/experiments/create")
    assert made > 1, "nobody came at the same time"
