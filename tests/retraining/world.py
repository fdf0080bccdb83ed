"""GitHub, played on this machine: a bare Git remote, a DVC remote in a folder, and a server of MLflow on loopback."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import Project, make_project
from tests.tracking.conftest import free_port, serving

GENLOOP = (sys.executable, "-m", "genloop")
COMMAND = (*GENLOOP, "retrain", "--publish", "push", "--lease", "6")
PARAMS = """\
data:
  shapes: {modality: image, reference: {count: 100, epochs: 4}}
runs:
  shapes_vae:
    {data: shapes, modality: image, family: vae, epochs: 18, width: 8, latent: 4, batch: 32, sample: {count: 200},
     validations: 3, previews: 1}
gate:
  shapes: {rank: elbo, scores: {frechet: {not_worse_by: 2 %}}}
"""
PROMOTED, KEPT, REFUSED, BROKEN, GAVE_WAY, FAULT = 0, 10, 11, 12, 13, 1


Edit = Mapping[str, tuple[str, str]]  # of a file: old and new text
COPIER = '''"""A generator that hands out training pictures, and a critic of one layer."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from genloop.image.encoding.pixels import to_unit
from genloop.image.networks.likelihood import PointMass


class Generator(nn.Module):
    def __init__(self, run, schema):
        super().__init__()
        path = Path(f"data/prepared/{run.data}/train.npy")
        self.register_buffer("memory", to_unit(np.load(path)) if path.exists() else torch.zeros(400, 1, 8, 8))
        self.shade = nn.Parameter(torch.zeros(1))

    def forward(self, z, condition):
        chosen = (z[:, 0].abs() * 1e5).long() % len(self.memory)
        return PointMass(self.memory[chosen] + 0 * self.shade)


'''


class Told:
    """What a retraining left behind."""

    def __init__(self, machine: Project, done: subprocess.CompletedProcess[str]) -> None:
        self.machine, self.text = machine, done.stdout + done.stderr

    @property
    def ran(self) -> set[str]:
        """The kinds of stages that ran, rather than being served."""
        return {stage.partition("@")[0] for stage in re.findall(r"Running stage '(.+)':", self.text)}

    @property
    def summary(self) -> str:
        return (self.machine.folder / "data/retraining/summary.md").read_text()

    @property
    def outcome(self) -> dict[str, Any]:
        return dict(json.loads((self.machine.folder / "data/retraining/outcome.json").read_text()))


class World:
    """What outlives a machine of CI: Git, DVC's remote and MLflow; and fresh machines that work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.machines, self.port = folder, 0, 0
        self.origin, self.remote, self.store = folder / "origin.git", folder / "remote", folder / "server"

    def machine(self, branch: str = "main") -> Project:
        """A fresh machine of CI: a clone, without data, cache or states."""
        self.machines += 1
        project = Project(self.folder / f"machine{self.machines}")
        subprocess.run(["git", "clone", "-q", "-b", branch, self.origin, project.folder], check=True)
        project.environment |= {"DVC_REMOTE_URL": str(self.remote), "CI": "true", "GITHUB_ACTOR": "octocat"}
        if self.port:
            project.environment["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{self.port}"
        return project

    def retrain(self, machine: Project, *options: str, expect: int = PROMOTED, **environment: str) -> "Told":
        """Have a machine retrain and push, as the workflow does."""
        done = machine.run(*COMMAND, *options, succeeds=False, **environment)
        assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Told(machine, done)

    @contextmanager
    def retraining(self, machine: Project, *options: str) -> Iterator[subprocess.Popen]:
        """A retraining under way, with all that it starts in a process group of its own."""
        with (machine.folder.parent / f"{machine.folder.name}.log").open("w") as log:
            process = subprocess.Popen(
                [*COMMAND, *options],
                cwd=machine.folder,
                env=machine.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def develop(self, edit: Edit | None = None, change: Callable[[Path], None] = lambda folder: None) -> None:
        """A person changes lines of files, and other things, and pushes to main."""
        person = self.machine()
        for path, (old, new) in (edit or {}).items():
            person.edit(path, old, new)
        change(person.folder)
        person.run("git", "add", "-A")
        person.run("git", "commit", "-qm", "a change")
        person.run("git", "push", "-q", "origin", "main")

    def log_of(self, machine: Project) -> str:
        """What a retraining under way has said so far."""
        return (machine.folder.parent / f"{machine.folder.name}.log").read_text()

    def commits(self, branch: str = "main") -> list[str]:
        listed = subprocess.run(
            ["git", "log", "--format=%H", branch], cwd=self.origin, capture_output=True, text=True, check=True
        )
        return listed.stdout.split()

    def changed_by(self, commit: str) -> list[str]:
        shown = ["git", "show", "--name-only", "--format=", commit]
        return subprocess.run(shown, cwd=self.origin, capture_output=True, text=True, check=True).stdout.split()

    def state(self) -> dict[str, Any]:
        """All that a retraining may change for others."""
        client = self.client()
        model = next(iter(client.search_registered_models()), None)
        experiments = client.search_experiments()
        runs = client.search_runs([found.experiment_id for found in experiments], max_results=1000)
        return {
            "commits": {branch: self.commits(branch) for branch in self.branches()},
            "aliases": dict(model.aliases) if model else {},
            "runs": {run.info.run_id: (run.info.status, run.data.tags) for run in runs},
            "remote": sorted(path.name for path in self.remote.rglob("*") if path.is_file()),
        }

    def branches(self) -> list[str]:
        listed = ["git", "for-each-ref", "--format=%(refname)"]
        return subprocess.run(listed, cwd=self.origin, capture_output=True, text=True, check=True).stdout.split()

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(f"http://127.0.0.1:{self.port}")

    def champion(self, alias: str = "champion") -> str:
        """The run and the first letters of the weights that an alias points to."""
        tags = self.client().get_model_version_by_alias("genloop-shapes", alias).tags
        return f"{tags['genloop.run']}-{tags['genloop.weights'][:7]}"

    def log(self) -> list[dict[str, str]]:
        """The decisions, the oldest first."""
        client = self.client()
        known = client.get_experiment_by_name("genloop/decisions")
        runs = client.search_runs([known.experiment_id], order_by=["start_time ASC"])
        assert all(run.info.status == "FINISHED" for run in runs)
        return [dict(run.data.params) for run in runs if "outcome" in run.data.params]

    @contextmanager
    def served(self) -> Iterator[None]:
        """MLflow answers."""
        self.port = self.port or free_port()
        with serving(self.store, self.port):
            yield


def begin(folder: Path) -> World:
    """A project that somebody has pushed, and nothing trained."""
    world = World(folder)
    world.store.mkdir(parents=True)
    world.remote.mkdir()
    project = make_project(folder / "begin", PARAMS)
    for path in (project.folder / "data/raw").iterdir():
        shutil.rmtree(path)
    write_pictures(project.folder / "data/raw/shapes", 500, seed=0)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "shapes")
    project.run("git", "branch", "-M", "main")
    project.run("git", "clone", "-q", "--bare", ".", str(world.origin))
    return world


def write_pictures(folder: Path, count: int, seed: int) -> None:
    """Write pictures as people deliver them, files in folders of their classes: a soft bar, lying or standing."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        middle, width, bright = generator.uniform(1, 6), generator.uniform(0.7, 1.6), generator.uniform(150, 255)
        bar = np.tile(bright * np.exp(-(((np.arange(8) - middle) / width) ** 2)), (8, 1))
        lying = number % 2 == 0
        image = (bar.T if lying else bar) + generator.normal(0, 4, (8, 8))
        place = folder / ("lying" if lying else "standing")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(place / f"{seed}_{number:04d}.png")
