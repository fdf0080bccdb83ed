"""Exact resume: a training that was cut anywhere ends with the bytes of one that nobody disturbed."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock

from genloop import batches, held_out, plugins, resume, states
from genloop.batches import Batch, Batches
from genloop.choices import ImagePrepare, TablePrepare
from genloop.config import Gan, Trainer, Vae
from genloop.errors import GenloopError, Interrupted
from genloop.gan import GanSystem
from genloop.randomness import keyed_generator
from genloop.resume import SaveState
from genloop.states import KEPT, StateFiles
from genloop.training import train
from tests.conftest import Project, tiny_pictures, tiny_table
from tests.table.test_training import RUNS as ROWS
from tests.test_training import RUNS as PICTURES
from tests.test_training import Watch

RUNS: dict[str, Gan | Vae] = {f"image_{name}": run for name, run in PICTURES.items()}
RUNS |= {f"table_{name}": run for name, run in ROWS.items()}
PATIENT = {"patience": 2, "lr": 1e-6}
RUNS |= {f"{name}_patience": RUNS[name].model_copy(update=PATIENT) for name in ("image_gan", "table_vae")}


class Cut(Exception):
    """Stands for whatever ends a training at once."""


class CutBatches(Batches):
    """Batches that end the training before so many steps, counted over all epochs."""

    cuts: list[int]

    def _part(self, order: np.ndarray, epoch: int, step: int) -> Batch:
        if self.cuts and epoch * self.steps + step == self.cuts[0]:
            self.cuts.pop(0)
            raise Cut
        return super()._part(order, epoch, step)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared tiny pictures and rows."""
    folder = tmp_path_factory.mktemp("data")
    images, labels = tiny_pictures()
    for name in ("tiny", "rows"):
        (folder / "raw" / name).mkdir(parents=True)
    np.savez(folder / "raw/tiny/tiny.npz", images=images, labels=labels)
    tiny_table().to_csv(folder / "raw/rows/rows.csv", index=False)
    plugins.raw("image").prepare(folder / "raw/tiny", ImagePrepare(modality="image"), folder / "tiny")
    plugins.raw("table").prepare(folder / "raw/rows", TablePrepare(modality="table"), folder / "rows")
    return folder


@pytest.fixture
def each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a state after each step, and checks after each epoch."""
    monkeypatch.setattr(batches, "STEPS_AT_ONCE", 1)
    monkeypatch.setattr(resume, "SHARE", math.inf)
    monkeypatch.setattr(held_out, "SHARE", 1000.0)
    monkeypatch.setattr(held_out, "MOST", 100)


def fit(name: str, prepared: Path, folder: Path) -> dict[str, bytes]:
    run = RUNS[name]
    often = run.model_copy(update={"trainer": run.trainer.model_copy(update={"save_every": 1e-9})})
    train(name, often, prepared / run.data, folder / "out", folder / "state", Watch())
    assert not list(folder.glob("state*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("each_step")
@pytest.mark.parametrize("name", RUNS)
def test_a_training_that_is_cut_anywhere_ends_with_the_same_bytes(
    name: str, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(name, prepared, tmp_path / "whole")
    facts = json.loads(whole["out/training.json"])
    steps = facts["epochs"] * (facts["training_records"] // RUNS[name].batch)
    CutBatches.cuts = sorted(int(step) + 1 for step in keyed_generator(0, "cuts", name).permutation(steps - 1)[:2])
    monkeypatch.setattr("genloop.training.Batches", CutBatches)
    for left in (1, 0):
        with pytest.raises(Cut):
            fit(name, prepared, tmp_path / "cut")
        assert len(CutBatches.cuts) == left
        assert 0 < len(list((tmp_path / "cut/state").glob("*.ckpt"))) <= KEPT
    assert fit(name, prepared, tmp_path / "cut") == whole


def whole_and_cut(
    name: str, step: int, prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, bytes], Path, Path]:
    """Return what an undisturbed training leaves, and the two states of one in ``cut`` that ended before ``step``."""
    whole = fit(name, prepared, folder / "whole")
    with monkeypatch.context() as patch:
        patch.setattr("genloop.training.Batches", CutBatches)
        CutBatches.cuts = [step]
        with pytest.raises(Cut):
            fit(name, prepared, folder / "cut")
    newest, before = sorted((folder / "cut/state").glob("*.ckpt"), reverse=True)
    return whole, newest, before


@pytest.mark.usefixtures("each_step")
def test_damaged_states_fall_back_to_those_before(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, newest, before = whole_and_cut("image_gan", 8, prepared, tmp_path, monkeypatch)
    content = newest.read_bytes()
    newest.write_bytes(content[:1000] + b"X" + content[1001:])
    assert StateFiles(newest.parent).newest() == before
    assert (
        capsys.readouterr().err.splitlines()[-1]
        == f"genloop: {newest}: damaged; removed, going on from the state before it"
    )
    before.write_bytes(b"")  # as after a loss of power
    assert StateFiles(newest.parent).newest() is None
    assert fit("image_gan", prepared, tmp_path / "cut") == whole


class Malice:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.usefixtures("each_step")
def test_a_planted_state_runs_nothing(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, newest, _ = whole_and_cut("image_vae", 5, prepared, tmp_path, monkeypatch)
    planted = StateFiles(newest.parent)
    planted.save_checkpoint({"state_dict": Malice(tmp_path / "mark")}, "999999999999")
    (path,) = planted.folder.glob("999999999999-*")
    with pytest.raises(Exception, match="Weights only load failed"):
        planted.load_checkpoint(path, weights_only=False)
    assert planted.newest() == newest
    assert "is no state of a training (UnpicklingError); removed" in capsys.readouterr().err
    assert fit("image_vae", prepared, tmp_path / "cut") == whole
    assert not (tmp_path / "mark").exists()


@pytest.mark.usefixtures("each_step")
@pytest.mark.parametrize("moment", ["on_train_batch_end", "on_train_epoch_end"])
def test_a_scheduler_that_ends_it_just_after_a_state_is_heard_all_the_same(
    moment: str, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, before = fit("image_gan", prepared, tmp_path / "whole"), getattr(SaveState, moment)

    def terminate(*arguments: Any) -> None:
        before(*arguments)
        monkeypatch.setattr(SaveState, moment, before)
        os.kill(os.getpid(), signal.SIGTERM)  # heard by Lightning alone, it would end as if by Ctrl-C

    monkeypatch.setattr(SaveState, moment, terminate)
    with pytest.raises(Interrupted, match="stopped by SIGTERM, its state is saved as of step") as ended:
        fit("image_gan", prepared, tmp_path / "cut")
    assert ended.value.code == 143
    assert fit("image_gan", prepared, tmp_path / "cut") == whole


@pytest.mark.usefixtures("each_step")
def test_a_full_disk_costs_a_state_and_not_the_training(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = fit("image_gan", prepared, tmp_path / "whole")
    (tmp_path / "full/state").mkdir(parents=True)
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path / "full/state")]
    if subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        with pytest.raises(OSError, match="Device or resource busy"):  # the folder that cannot be removed at the end
            fit("image_gan", prepared, tmp_path / "full")
    finally:
        subprocess.run(["umount", str(tmp_path / "full/state")], check=True)
    assert "image_gan: cannot save its state in" in capsys.readouterr().err
    assert {
        f"out/{path.name}": path.read_bytes() for path in (tmp_path / "full/out").glob("*.*")
    }.items() <= whole.items()


def test_saving_takes_its_share_of_the_time_and_no_more() -> None:
    assert not resume.is_due(waited=59.0, cost=0.1, every=60.0)
    assert resume.is_due(waited=60.0, cost=0.1, every=60.0)
    assert not resume.is_due(waited=60.0, cost=5.0, every=60.0)
    assert resume.is_due(waited=250.0, cost=5.0, every=60.0)
    assert not resume.is_due(waited=1.0, cost=0.1, every=0.0)  # at the end of an epoch
    assert resume.is_due(waited=5.0, cost=0.1, every=0.0)


def test_a_second_training_names_the_process_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SECONDS_OF_WAITING", 0.1)
    with states.Alone("run", tmp_path / "run-abc"):
        holding = "from pathlib import Path; from genloop import states; states.SECONDS_OF_WAITING = 0.1\n"
        holding += f"with states.Alone('run', Path({str(tmp_path / 'run-abc')!r})): pass"
        done = subprocess.run([sys.executable, "-c", holding], capture_output=True, text=True)
        assert f"GenloopError: run: another process ({os.getpid()}) is training exactly this" in done.stderr
    assert not list(tmp_path.glob("*.pid"))


def test_states_that_nobody_came_back_for_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "FEW", 1)
    old, held, fresh = (tmp_path / name for name in ("old-1", "held-1", "fresh-1"))
    for folder in (old, held, fresh):
        folder.mkdir()
        (folder / "x.ckpt").write_bytes(b"x")
        (tmp_path / f"{folder.name}.lock").touch()
    for path in (old, old / "x.ckpt", held, held / "x.ckpt"):
        os.utime(path, (1, 1))
    with FileLock(tmp_path / "held-1.lock"), states.Alone("run", tmp_path / "run-1"):
        assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"held-1", "fresh-1", "run-1"}
    assert not (tmp_path / "old-1.lock").exists()
    os.utime(fresh, (1, 1))
    os.utime(fresh / "x.ckpt", (1, 1))
    assert len(states.stale_states(tmp_path / "run-1")) == 1  # of two that are old, the last is kept all the same


class Scattering(GanSystem):
    """A system that uses a kernel without a deterministic form."""

    def step(self, batch: Batch) -> dict[str, torch.Tensor]:
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2))
        return super().step(batch)


def test_a_kernel_without_a_deterministic_form_is_refused_and_allowed_by_key(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genloop.gan.GanSystem", Scattering)
    with pytest.raises(GenloopError) as raised:
        fit("image_gan", prepared, tmp_path)
    assert str(raised.value).startswith("runs.image_gan: put_ has no form on this device that gives equal bytes")
    assert "trainer.deterministic: false" in str(raised.value)
    allowed = RUNS["image_gan"].model_copy(update={"trainer": Trainer(deterministic=False)})
    monkeypatch.setitem(RUNS, "allowed", allowed)
    facts = json.loads(fit("allowed", prepared, tmp_path)["out/training.json"])
    assert facts["arithmetic"]["from step 0"].endswith("kernels without a deterministic form allowed")


LONG = """\
data:
  tiny: {modality: image, reference: {count: 50, epochs: 1}}
runs:
  tiny_gan:
    {data: tiny, modality: image, family: gan, epochs: 150, width: 4, latent: 4, batch: 16, sample: {count: 50},
     trainer: {save_every: 0.2}}
"""


@pytest.fixture(scope="module")
def begun(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose one training takes some seconds and has not been run."""
    folder = tmp_path_factory.mktemp("begun") / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    project = Project(folder)
    (folder / "params.yaml").write_text(LONG)
    project.dvc("repro", "reference@tiny")
    return project


@pytest.fixture(scope="module")
def whole(begun: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed run leaves."""
    folder = tmp_path_factory.mktemp("whole") / "project"
    shutil.copytree(begun.folder, folder, symlinks=True)
    Project(folder).dvc("repro", "evaluate@tiny_gan")
    return results(Project(folder))


@pytest.fixture
def ready(begun: Project, tmp_path: Path) -> Project:
    """A copy of the project whose training has not been run."""
    shutil.copytree(begun.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def results(project: Project) -> dict[str, bytes]:
    files = project.bytes_of("data/weights/tiny_gan", "data/samples/tiny_gan", "data/metrics")
    return {name: content for name, content in files.items() if "tiny_gan" in name}


def killed(project: Project, number: signal.Signals, whom: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Start a pipeline and send a signal when its training has saved a state; return how it ended."""
    told, full = project.folder.parent / "told", [sys.executable, "-m", "dvc", *command]
    with told.open("w") as stream:
        pipeline = subprocess.Popen(
            full, cwd=project.folder, env=project.environment, stderr=stream, start_new_session=True
        )
    folder = project.folder / ".state"
    while not list(folder.glob("*/*.ckpt")):
        assert pipeline.poll() is None
        time.sleep(0.02)
    (process,) = folder.glob("*.pid")
    if whom == "group":
        os.killpg(pipeline.pid, number)
    else:
        os.kill(int(process.read_text()) if whom == "stage" else pipeline.pid, number)
    code = pipeline.wait(timeout=60)
    return subprocess.CompletedProcess(command, code, None, told.read_text())


@pytest.mark.parametrize(
    ("number", "whom", "codes", "stage"),  # one code where the shell below DVC becomes the stage, one where it waits
    [
        (signal.SIGKILL, "stage", {-9, 137}, "train"),
        pytest.param(signal.SIGTERM, "stage", {143}, "train", marks=pytest.mark.long),
        (signal.SIGINT, "group", {130, -2}, "train"),
        pytest.param(signal.SIGKILL, "dvc", None, "evaluate", marks=pytest.mark.long),
    ],
)
def test_a_killed_pipeline_goes_on_and_ends_with_the_same_bytes(
    number: signal.Signals,
    whom: str,
    codes: set[int] | None,
    stage: str,
    ready: Project,
    whole: dict[str, bytes],
) -> None:
    done = killed(ready, number, whom, "repro", "train@tiny_gan")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    if codes:
        assert int(re.findall(r"exited with (-?\d+)", done.stderr)[0]) in codes
    if number != signal.SIGKILL:
        assert f"genloop: tiny_gan: stopped by {number.name}, its state is saved as of step" in done.stderr
    assert not (ready.folder / "data/weights/tiny_gan").exists()
    done = ready.dvc("repro", f"{stage}@tiny_gan")  # waits for a training that lost its pipeline and ends by itself
    assert "Running stage 'train@tiny_gan'" in done.stdout
    made = {name: content for name, content in results(ready).items() if stage == "evaluate" or "weights" in name}
    assert made == {name: content for name, content in whole.items() if stage == "evaluate" or "weights" in name}
    assert not list((ready.folder / ".state").glob("tiny_gan*"))


def test_a_temporary_workspace_leaves_its_state_in_the_main_checkout(ready: Project) -> None:
    killed(ready, signal.SIGKILL, "stage", "exp", "run", "--temp", "-S", "+runs.tiny_gan.seed=3", "train@tiny_gan")
    (state,) = (path for path in (ready.folder / ".state").iterdir() if path.is_dir())
    ready.edit("params.yaml", "family: gan,", "family: gan, seed: 3,")
    done = ready.dvc("repro", "train@tiny_gan")
    assert "Running stage 'train@tiny_gan'" in done.stdout
    assert not state.exists()  # it was the same training, which went on from there and is over


def test_how_far_a_training_is_counts_an_epoch_that_is_over_once(prepared: Path) -> None:
    run, epochs = RUNS["image_gan"], [4]
    over = Batches(run, plugins.data("image").open_records(prepared / "tiny", "train"), epoch=lambda: epochs[0])
    assert len([step for given in over for step in given]) == over.steps
    assert over.steps_made == 5 * over.steps
    saved, epochs = over.state_dict(), [5]
    again = Batches(run, over.records, epoch=lambda: epochs[0])
    again.load_state_dict(saved)
    assert again.steps_made == 5 * again.steps
