"""Pipelines that start at once on a store that is new."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.gateway import Gateway
from genloop.tracking.store import Store
from tests.tracking.conftest import ROOT, Outputs, clean_environment

BEGIN = """
import sys
from genloop.tracking.store import Store
from genloop.workspace import checkout_id
print(Store(sys.argv[1]).begin("tiny", {"genloop.checkout": checkout_id()}).info.experiment_id)
"""


@pytest.mark.parametrize("address", ["", "sqlite:///given/store.db"])
def test_processes_that_start_at_once_make_one_database(address: str, outputs: Outputs) -> None:
    more = {"PYTHONPATH": f"{ROOT}/src"} | ({"MLFLOW_TRACKING_URI": address} if address else {})
    words = [sys.executable, "-c", BEGIN, outputs.run.data]
    processes = [
        subprocess.Popen(words, env=clean_environment() | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ends = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert len({out for out, _ in ends}) == 1
    assert len(list((outputs.folder / ".state").glob("checkout"))) == 1
    assert (outputs.folder / ("given/store.db" if address else ".mlflow/mlflow.db")).exists()


def test_an_experiment_that_somebody_else_makes_at_the_same_time_is_taken(outputs: Outputs, gateway: Gateway) -> None:
    with ThreadPoolExecutor(6) as pool:
        experiments = list(pool.map(lambda _: Store(outputs.run.data).experiment, range(6)))
    assert len(set(experiments)) == 1
    made = gateway.asked.count("POST /api/2.0/mlflow/experiments/create")
    assert made > 1, "nobody came at the same time"
