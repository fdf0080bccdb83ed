"""Shared fixtures: small pictures, and a whole project in a folder of its own, run once through DVC."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
TINY_PARAMS = """\
data:
  tiny: {modality: image, reference: {count: 50, epochs: 1}}
  rows: {modality: table, rules: [end >= start, total = price + tip]}
runs:
  tiny_gan: {data: tiny, modality: image, family: gan, epochs: 3, width: 4, latent: 4, batch: 16, sample: {count: 50}}
  tiny_vae:
    {data: tiny, modality: image, family: vae, epochs: 3, width: 4, latent: 4, batch: 16, sample: {count: 50},
     networks: genloop.image.networks.dense, average: 0.9}
  rows_vae:
    {data: rows, modality: table, family: vae, epochs: 2, width: 8, latent: 4, batch: 32, sample: {where: {town: Ulm}}}
"""
# Run by every Python that finds it on its path: notes which files of the project a stage has imported.
SPY = """\
import atexit, os, sys
def note():
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    inside = sorted(os.path.relpath(f) for f in files if f.startswith(os.getcwd() + os.sep))
    stage = os.environ.get("DVC_STAGE")
    if stage and inside:
        with open(os.path.join(os.environ["GENLOOP_SPY"], stage), "w") as out:
            out.write("\\n".join(inside))
atexit.register(note)
"""


def tiny_pictures(count: int = 80, side: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of two classes that a network can tell apart: bright at the top or at the bottom."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = generator.integers(0, 100, (count, side, side))
    images[labels == 0, : side // 2] += 120
    images[labels == 1, side // 2 :] += 120
    return images.astype(np.uint8), labels


def tiny_table(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """Rows whose columns hang together, with a key, gaps, dates and two rules: end >= start, total = price + tip."""
    generator = np.random.default_rng(seed)
    member = generator.random(rows) < 0.4
    price = (generator.gamma(3.0, 4.0, rows) + 10 * member).round(2)
    tip = np.where(member, (price * 0.2).round(2), 0.0)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 60 * 24 * 90, rows), unit="min")
    town = np.where(member, generator.choice(["Ulm", "Bern"], rows), generator.choice(["Bern", "Oslo"], rows))
    return pd.DataFrame(
        {
            "id": [f"R{row:04d}" for row in generator.permutation(rows)],
            "start": start,
            "end": start + pd.to_timedelta(generator.integers(0, 300, rows), unit="min"),
            "price": price,
            "tip": tip,
            "total": (price + tip).round(2),
            "town": np.where(generator.random(rows) < 0.1, "?", town),
            "member": np.where(member, "yes", "no"),
        }
    )


class Project:
    """A copy of this project with tiny data, its own Git repository and its own MLflow store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("DVC_", "MLFLOW_", "GIT_", "GENLOOP_"))
        }
        self.environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **{
                f"GIT_{role}_{what}": "test@example.invalid"
                for role in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }

    def run(self, *command: str, succeeds: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment, capture_output=True, text=True, timeout=600
        )
        if succeeds:
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done

    def dvc(self, *arguments: str, succeeds: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "dvc", *arguments, succeeds=succeeds, **environment)

    def stage(self, name: str, *arguments: str, succeeds: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", f"stages.{name}", *arguments, succeeds=succeeds)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (self.folder / path).write_text(text.replace(old, new))

    def bytes_of(self, *folders: str) -> dict[str, bytes]:
        files = [file for folder in folders for file in (self.folder / folder).rglob("*") if file.is_file()]
        return {file.relative_to(self.folder).as_posix(): file.read_bytes() for file in files}


def make_project(folder: Path, params: str = TINY_PARAMS) -> Project:
    """Copy what Git would commit of this project and give it tiny data."""
    project = Project(folder)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("data/", "tests/", "docs/", "dvc.lock")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    project.edit("dvc.yaml", (ROOT / "dvc.yaml").read_text().partition("\nplots:\n")[2], "")
    project.edit("dvc.yaml", "\nplots:\n", "")
    (folder / "params.yaml").write_text(params)
    raw = folder / "data/raw/tiny"
    raw.mkdir(parents=True)
    images, labels = tiny_pictures()
    np.savez(raw / "tiny.npz", images=images, labels=labels)
    (folder / "data/raw/rows").mkdir()
    tiny_table(90).to_csv(folder / "data/raw/rows/rows.csv", index=False)
    project.run("git", "init", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "begin")
    return project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, lest one worker ends with them while the other has nothing left to do."""
    items.sort(key=lambda item: item.path.parent.name != "tracking")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that one of the test processes makes for all; none of them may change it."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = (factory.getbasetemp() if alone else factory.getbasetemp().parent) / name
    made = folder.with_suffix(".made")
    with FileLock(folder.with_suffix(".lock")):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of another test process, where it failed
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after its first `dvc repro`; `imports/` beside it says what each stage imported. Not to be changed."""
    return Project(made_once(tmp_path_factory, "finished", _finish) / "project")


def _finish(folder: Path) -> None:
    (folder / "spy").mkdir()
    (folder / "spy" / "sitecustomize.py").write_text(SPY)
    (folder / "imports").mkdir()
    (folder / "project").mkdir()
    project = make_project(folder / "project")
    project.dvc("repro", PYTHONPATH=str(folder / "spy"), GENLOOP_SPY=str(folder / "imports"))
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "first run")


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
