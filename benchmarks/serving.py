"""A recorded run behind MLflow's server: 50 clients at once, 1,000 requests over seeds and numbers of records.

Every request must be answered, equal ones with equal bytes, and the server's memory must stay as it is. Run it in a
project whose runs are recorded: ``python -m benchmarks.serving digits_gan cancer_vae``.
"""

import argparse
import itertools
import json
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

from benchmarks.measure import machine, table
from genloop.workspace import main_root

STORE = "from mlflow import MlflowClient; client = MlflowClient('sqlite:///{root}/.mlflow/mlflow.db')"
FIND = """
found = client.search_logged_models([each.experiment_id for each in client.search_experiments()])
print(max((each.creation_timestamp, each.model_id) for each in found if each.tags["genloop.run"] == "{run}")[1])
"""
COUNTS = (1, 1, 1, 4, 16, 64, 300)


def main(choices: argparse.Namespace) -> None:
    """Print how requests went, for each run."""
    rows: list[tuple[str | float, ...]] = []
    for run in choices.runs:
        model, address = model_of(run), f"http://127.0.0.1:{choices.port}"
        with served(model, choices.port, choices.workers) as process:
            first, answers = resident(process), dict[str, set[bytes]]()
            marks, taken, errors = [], list[float](), 0
            start = time.perf_counter()
            for part in parts_of(requests(choices.requests, choices.seeds), (0.1, 0.5, 1.0)):
                with ThreadPoolExecutor(choices.clients) as pool:
                    for body, status, content, seconds in pool.map(partial(asked, address), part):
                        taken.append(seconds)
                        errors += status != 200
                        answers.setdefault(body, set()).add(content)
                marks.append(f"{resident(process):.0f}")
            passed = time.perf_counter() - start
        differ = sum(len(contents) > 1 for contents in answers.values())
        p50, p95 = (f"{np.percentile(taken, share) * 1000:.0f}" for share in (50, 95))
        memory = f"{first:.0f}, {', '.join(marks)}"
        rows.append((run, len(taken), errors, differ, f"{len(taken) / passed:.0f}", p50, p95, memory))
    head = ("run", "requests", "errors", "unequal", "a second", "p50 ms", "p95 ms", "MiB at 0, 10, 50, 100 %")
    print(machine(), table(head, rows), sep="\n\n")
    if any(row[2] or row[3] for row in rows):
        sys.exit("not every request was answered alike")


def requests(count: int, seeds: int) -> list[str]:
    """Return requests in an order that is the same each time."""
    chance = random.Random(0)
    params = [{"n": chance.choice(COUNTS), "seed": chance.randrange(seeds)} for _ in range(count)]
    return [json.dumps({"inputs": [], "params": each}) for each in params]


def parts_of(whole: list[str], ends: tuple[float, ...]) -> Iterator[list[str]]:
    """Yield requests up to each share of all."""
    places = [0, *(round(end * len(whole)) for end in ends)]
    for start, end in itertools.pairwise(places):
        yield whole[start:end]


def asked(address: str, body: str) -> tuple[str, int, bytes, float]:
    """Return a request with its status, its answer, and the seconds that it took."""
    request = urllib.request.Request(f"{address}/invocations", body.encode(), {"Content-Type": "application/json"})
    start = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    except OSError as error:
        status, content = 0, str(error).encode()
    return body, status, content, time.perf_counter() - start


def model_of(run: str) -> str:
    """Return the id of a run's newest model."""
    script = STORE.format(root=main_root()) + FIND.format(run=run)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@contextmanager
def served(model: str, port: int, workers: int) -> Iterator[psutil.Process]:
    """Serve a model as its guide says, and give the process when it answers."""
    serve = ["mlflow", "models", "serve", "-m", f"models:/{model}", "-p", str(port), "-w", str(workers)]
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{main_root()}/.mlflow/mlflow.db"}
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        process = psutil.Popen(
            [sys.executable, "-m", *serve, "-h", "127.0.0.1", "--env-manager", "local"],
            env=dict(psutil.Process().environ()) | environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            while not pinged(port):
                if process.poll() is not None:
                    sys.exit((Path(folder) / "log").read_text())
                time.sleep(0.2)
            yield process
        finally:
            for each in [*process.children(recursive=True), process]:
                each.terminate()
            process.wait()


def pinged(port: int) -> bool:
    """Return whether a server answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
            return True
    except OSError:
        return False


def resident(process: Any) -> float:
    """Return the memory of a process and its children, in MiB."""
    family = [process, *process.children(recursive=True)]
    return float(sum(each.memory_info().rss for each in family)) / 2**20


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("runs", nargs="+")
    arguments.add_argument("--requests", type=int, default=1000)
    arguments.add_argument("--clients", type=int, default=50)
    arguments.add_argument("--seeds", type=int, default=20)
    arguments.add_argument("--port", type=int, default=5030)
    arguments.add_argument("--workers", type=int, default=1)
    main(arguments.parse_args())
