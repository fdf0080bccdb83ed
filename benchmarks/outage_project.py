"""A small project, a real server of MLflow, and a training that is timed: what ``benchmarks.outages`` works with."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genloop.doctor import Finding
from genloop.observing import Row

if TYPE_CHECKING:
    from genloop.tracking.store import Store

ROOT = Path(__file__).resolve().parents[1]
RUN, DATA = "digits_vae", "digits"
SLOWEST_START = 120.0  # seconds in which a server must answer


def make_project(folder: Path, epochs: int) -> None:
    """Make a project with random pictures and one run, and its outputs but for the record."""
    for name in ("src", "stages", "dvc.yaml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    (folder / "params.yaml").write_text(
        f"data: {{{DATA}: {{modality: image, reference: {{count: 100, epochs: 1}}}}}}\n"
        f"runs: {{{RUN}: {{data: {DATA}, modality: image, family: vae, epochs: {epochs}, width: 8, latent: 8, "
        "sample: {count: 100}}}\n"
    )
    pictures = np.random.default_rng(0).integers(0, 256, (2000, 8, 8)).astype(np.uint8)
    (folder / "data/raw" / DATA).mkdir(parents=True)
    np.savez(folder / "data/raw" / DATA / "pictures.npz", images=pictures, labels=np.arange(2000) % 2)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)  # else its main checkout would be the one around it
    for stage in ("configure", f"prepare {DATA}", f"reference {DATA}"):
        run_module(folder, f"stages.{stage}", {})
    train_timed(folder, {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/unused.db"})
    for stage in (f"sample {RUN}", f"evaluate {RUN}"):
        run_module(folder, f"stages.{stage}", {})


def environment(more: dict[str, str]) -> dict[str, str]:
    """Return the environment of a command in the project: this code, and no store but the one that is given."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
    return clean | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src")))} | more


def run_module(folder: Path, command: str, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``python -m`` with a command in the project; raise SystemExit if it fails."""
    words = [sys.executable, "-m", *command.split()]
    done = subprocess.run(words, cwd=folder, env=environment(more), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")
    return done


@dataclass(frozen=True)
class Timed:
    """What a training took."""

    calls: float  # seconds in the observer's calls, of the thread that trains
    wait: float  # seconds at the end
    whole: float  # seconds from the start of the process to its end
    lines: list[str]  # that were told of MLflow


def train_timed(folder: Path, more: dict[str, str], at: int = 0, strike: Callable[[], None] = lambda: None) -> Timed:
    """Train the project's run in a process of its own, and call ``strike`` when epoch ``at`` is over."""
    start = time.monotonic()
    words = [sys.executable, "-m", "benchmarks.outage_project"]
    with (folder / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            words, cwd=folder, env=environment(more), stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    found: dict[str, float] = {}
    for line in process.stdout:
        told = json.loads(line)
        if told.get("epoch") == at:
            strike()
        found = told
    code = process.wait()
    whole = time.monotonic() - start
    lines = (folder / "errors.txt").read_text().splitlines()
    if code:
        raise SystemExit("\n".join(lines))
    return Timed(found["calls"], found["wait"], whole, [line for line in lines if "MLflow" in line])


class Stopped:
    """Hands everything on to the live log and adds up the time that it takes; tells each epoch."""

    def __init__(self, live: Any) -> None:
        """Take the live log."""
        self.live, self.seconds = live, 0.0

    def _timed(self, call: Callable[..., None], *arguments: Any) -> None:
        start = time.monotonic()
        call(*arguments)
        self.seconds += time.monotonic() - start

    def epoch(self, losses: Row, layers: list[Row], steps: list[Row]) -> None:
        """Hand on an epoch."""
        self._timed(self.live.epoch, losses, layers, steps)
        print(json.dumps({"epoch": losses["epoch"]}), flush=True)

    def preview(self, epoch: int, path: Path) -> None:
        """Hand on a picture."""
        self._timed(self.live.preview, epoch, path)

    def finding(self, found: Finding) -> None:
        """Hand on a disease."""
        self._timed(self.live.finding, found)


class Server:
    """`mlflow server` with one worker on a folder of its own, in a group of processes of its own."""

    def __init__(self, folder: Path) -> None:
        """Choose a port and start."""
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start and wait until it answers."""
        words = f"mlflow server --host 127.0.0.1 --port {self.port} --workers 1 --serve-artifacts"
        words += f" --backend-store-uri sqlite:///{self.folder}/mlflow.db --artifacts-destination {self.folder}/files"
        more = {"MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self.folder.parent / "server.txt").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *words.split()],
                env=environment(more),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + SLOWEST_START
        while not self._answers():
            if time.monotonic() > end:
                raise SystemExit("mlflow server does not start")
            time.sleep(0.2)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SLOWEST_START)
        try:
            connection.request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def send(self, what: signal.Signals) -> None:
        """Send a signal to all its processes."""
        os.killpg(self.process.pid, what)

    def kill(self) -> None:
        """Kill it and wait for its end."""
        self.send(signal.SIGKILL)
        self.process.wait()


@dataclass(frozen=True)
class Shown:
    """What a server holds of the training."""

    runs: int
    epochs: int  # that are complete
    missing: int  # points of the outputs that it lacks
    doubled: int  # points beyond one at a step of a curve


def shown(address: str, folder: Path) -> Shown:
    """Compare what a server holds with the curves in the outputs."""
    from genloop.tracking.curves import MARKER, epoch_metrics, step_metrics

    weights = folder / "data/weights" / RUN
    layers: Any = dict(list(pd.read_csv(weights / "layers.csv").groupby("epoch")))
    curves: Any = pd.read_csv(weights / "losses.csv").to_dict("records")
    expected = {
        (point.key, point.step)
        for losses in curves
        for point in epoch_metrics(losses, layers[losses["epoch"]].to_dict("records"), 0)
    }
    steps: Any = pd.read_csv(weights / "steps.csv").to_dict("records")
    expected |= {(point.key, point.step) for point in step_metrics(steps, 0)}
    store = store_at(address)
    runs = store.client.search_runs([store.experiment])
    keys = {key for key, _ in expected}
    found = Counter(
        (key, point.step)
        for run in runs
        for key in run.data.metrics.keys() & keys
        for point in store.client.get_metric_history(run.info.run_id, key)
    )
    epochs = sum(key == MARKER for key, _ in found)
    return Shown(len(runs), epochs, len(expected - found.keys()), sum(count - 1 for count in found.values()))


def forget(address: str) -> None:
    """Delete the runs of the training on a server."""
    store = store_at(address)
    for run in store.client.search_runs([store.experiment]):
        store.client.delete_run(run.info.run_id)


def store_at(address: str) -> "Store":
    """Return the experiment of the project's data on a server."""
    from genloop.tracking.store import Store

    os.environ["MLFLOW_TRACKING_URI"] = address
    return Store(DATA)


def main() -> None:
    """Train in the present folder as ``stages.train`` does, and tell what it took."""
    from genloop.config import Train
    from genloop.identity import fingerprint
    from genloop.outputs import read_choices
    from genloop.tracking.live import Live
    from genloop.training import train
    from genloop.workspace import state_folder

    choices = read_choices(Path(f"data/config/{RUN}/train.json"), Train)
    identity, out = fingerprint(RUN, choices), Path(f"data/weights/{RUN}")
    with Live(RUN, choices, identity) as live:
        stopped = Stopped(live)
        train(RUN, choices, Path(f"data/prepared/{DATA}"), out, state_folder(RUN, identity), stopped)
        live.finish(out)
        end = time.monotonic()
    print(json.dumps({"calls": stopped.seconds, "wait": time.monotonic() - end}), flush=True)


if __name__ == "__main__":
    main()
