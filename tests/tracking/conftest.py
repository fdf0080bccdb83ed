"""A project of finished outputs without a training, events as a training tells them, and a real server of MLflow."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from benchmarks.gateway import Gateway, always
from genloop.config import ImageVae
from genloop.doctor import finding
from genloop.identity import fingerprint
from genloop.resolve import read_params, write_resolved
from genloop.tracking import ledger as ledger_module
from genloop.tracking import tries
from genloop.tracking.live import Live
from tests.conftest import ROOT as ROOT
from tests.tracking.ruled import alone, record_runs

# MLflow's own application in the simplest of servers: half the start of `mlflow server`, and one process to stop.
SERVE = """
import os, sys
folder, port = sys.argv[1], int(sys.argv[2])
os.environ |= {"_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
               "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
               "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"file://{folder}/artifacts",
               "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
from mlflow.server import app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", port, app, threaded=True)
"""
EPOCHS, LAYERS = 3, 340  # 3 metrics a layer: an epoch needs two calls


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_", "GENLOOP_"))}


class Server(NamedTuple):
    """A server of MLflow on this machine."""

    port: int
    folder: Path  # of its database and files


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen]:
    """A server of MLflow with its database and files in a folder, ready to answer."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder), str(port)], env=clean_environment(), stdout=log, stderr=log
        )
        try:
            for _ in range(600):
                assert process.poll() is None, (folder / "log").read_text()
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            first = http.client.HTTPConnection("127.0.0.1", port, timeout=60)  # its tables are made on first use
            first.request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
            assert first.getresponse().status == 200
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of MLflow with a store of its own."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    with serving(folder, port):
        yield Server(port, folder)


@pytest.fixture
def gateway(server: Server, outputs: "Outputs", monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A gateway before the server, to which MLflow is pointed; at first it forwards all."""
    with Gateway(server.port, always("forward")) as opened:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", opened.address)
        yield opened


class Outputs:
    """A run's finished outputs in a project of their own, and its training as an observer saw it."""

    def __init__(self, folder: Path, data: str) -> None:
        self.folder, self.name = folder, "tiny"
        (folder / "raw" / data).mkdir(parents=True)
        keys = "modality: image, family: vae, epochs: 3, width: 4, latent: 4"
        (folder / "params.yaml").write_text(
            f"data: {{{data}: {{modality: image}}}}\nruns: {{tiny: {{data: {data}, {keys}}}}}\n"
        )
        (folder / "dvc.yaml").write_text("stages: {train: {do: {deps: [data/config/tiny/train.json]}}}\n")
        write_resolved(read_params(folder / "params.yaml", folder / "raw"), folder / "data/config")
        choices = json.loads((folder / "data/config/tiny/train.json").read_text())
        self.run = ImageVae.model_validate(choices)
        self.losses = [
            {"epoch": epoch, "records_seen": 100 * epoch, "elbo": -1.0 / epoch, "rate": 0.1 * epoch}
            for epoch in range(1, EPOCHS + 1)
        ]
        self.layers = [
            [
                {"epoch": epoch, "layer": f"{layer}", "part": "weight", "mean": 0.1, "deviation": 1.0, "norm": epoch}
                for layer in range(LAYERS)
            ]
            for epoch in range(1, EPOCHS + 1)
        ]
        self.steps = [
            [{"step": 10 * epoch + step, "elbo": -2.0 / (epoch + 1), "rate": 0.2 * step} for step in (1, 4, 7)]
            for epoch in range(EPOCHS)
        ]
        self.finding = finding("plateau", 2, 20, "it has not gained")
        self._write(choices)

    def _write(self, choices: object) -> None:
        data = self.folder / "data"
        weights, samples, report = (data / kind / self.name for kind in ("weights", "samples", "reports"))
        for folder in (weights / "previews", samples, report, data / "metrics"):
            folder.mkdir(parents=True)
        for epoch in (0, EPOCHS):
            Image.new("L", (300, 20), color=epoch).save(weights / "previews" / f"epoch_{epoch:04d}.png")
        (weights / "weights.safetensors").write_bytes(save({"weight": torch.zeros(2)}))
        (weights / "run.json").write_text(json.dumps(choices))
        (weights / "schema.json").write_text("{}")
        (weights / "training.json").write_text(json.dumps({"findings": [self.finding.state()]}))
        pd.DataFrame(self.losses).to_csv(weights / "losses.csv", index=False)
        pd.DataFrame([row for rows in self.layers for row in rows]).to_csv(weights / "layers.csv", index=False)
        Image.new("L", (1500, 100)).save(samples / "grid.png")
        pd.DataFrame([row for rows in self.steps for row in rows]).to_csv(weights / "steps.csv", index=False)
        (samples / "manifest.json").write_text("{}")
        (report / "report.html").write_text("a report")
        found = {
            "kid": 0.5,
            "intervals": {"kid": [0.4, 0.6]},
            "left_out": {},
            "baselines": {"real": {"kid": 0.1, "intervals": {}}},
        }
        found |= {"protocol": {"data": {"count": 10}}, "identity": {"group": "g", "weights": "w"}}
        (data / "metrics" / f"{self.name}.json").write_text(json.dumps(found))

    def live(self) -> Live:
        """An observer of the training; the project's folder must be the present one."""
        return Live(self.name, self.run, fingerprint(self.name, self.run))

    def tell(self, live: Live, first: int = 1, last: int = EPOCHS) -> None:
        """Tell an observer the epochs from ``first`` to ``last``, as a training does."""
        previews = self.folder / "data/weights/tiny/previews"
        if first == 1:
            live.preview(0, previews / "epoch_0000.png")
        for losses, layers, steps in list(zip(self.losses, self.layers, self.steps, strict=True))[first - 1 : last]:
            live.epoch(losses, layers, steps)
            if losses["epoch"] == self.finding.epoch:
                live.finding(self.finding)
        if last == EPOCHS:
            live.preview(EPOCHS, previews / f"epoch_{EPOCHS:04d}.png")
            live.finish(self.folder / "data/weights/tiny")


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Outputs:
    """Finished outputs; the test runs in their folder; the data has its name, so that no two share an experiment."""
    made = Outputs(tmp_path, re.sub(r"\W", "_", request.node.name)[:60])
    alone(monkeypatch, tmp_path)
    return made


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three recorded runs and no champion."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patched:
        alone(patched, folder)
        record_runs()
    return folder


@pytest.fixture
def things(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the present folder; nobody waits for anybody."""
    folder = Path(shutil.copytree(recorded, tmp_path / "project"))
    alone(monkeypatch, folder)
    monkeypatch.setattr(tries, "PAUSES", (0.001, 0.001))
    monkeypatch.setattr(ledger_module, "PATIENCE", 0.0)
    return folder
