"""Several processes, compiled networks, half precision: the same training in another way."""

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.conftest import Project
from tests.test_tracking import mlflow_runs

SPY = """
import genloop.callbacks, hashlib, os, torch
end = genloop.callbacks.Devices.on_train_end
def noted(self, trainer, system):
    end(self, trainer, system)
    digest = hashlib.sha256(b"".join(v.detach().numpy().tobytes() for v in system.state_dict().values())).hexdigest()
    noise = torch.randn(1).item()  # of the last step's generator
    open(f"rank{trainer.global_rank}-{type(system).__name__}", "w").write(f"{digest} {trainer.world_size} {noise}")
genloop.callbacks.Devices.on_train_end = noted
"""


@pytest.fixture
def two(project: Project) -> Project:
    """A project whose runs train in two processes, each of which notes its weights."""
    for batch in ("batch: 16", "batch: 32"):
        project.edit("params.yaml", batch, f"{batch}, trainer: {{devices: 2}}")
    (project.folder / "sitecustomize.py").write_text(
        "import os\nif os.environ.get('DVC_STAGE', '').startswith('train@'):\n"
        "    import sys\n    sys.path.insert(0, 'src')\n"
        + "".join(f"    {line}\n" for line in SPY.strip().splitlines())
    )
    return project


def check_ranks(project: Project, system: str) -> None:
    first, second = ((project.folder / f"rank{rank}-{system}").read_text().split() for rank in (0, 1))
    assert first[0] == second[0]
    assert first[1] == second[1] == "2"
    assert first[2] != second[2]


@pytest.mark.long
def test_two_processes_train_the_same_weights_with_noise_of_their_own_in_one_mlflow_run(two: Project) -> None:
    before = {name: len(runs) for name, runs in mlflow_runs(two).items()}
    two.dvc("repro", "record@tiny_gan", "record@tiny_vae", PYTHONPATH=str(two.folder))
    check_ranks(two, "GanSystem")
    check_ranks(two, "VaeSystem")
    runs = mlflow_runs(two)
    assert {name: len(found) - before[name] for name, found in runs.items()} == {"tiny_gan": 1, "tiny_vae": 1}
    (shared,) = (run for run in runs["tiny_gan"] if run["params"]["trainer.devices"] == "2")
    assert shared["status"] == "FINISHED"
    assert shared["points"]["loss/generator"] == 3


def test_two_processes_train_the_same_weights_on_rows(two: Project) -> None:
    rows_gan = "\n  rows_gan: {data: rows, modality: table, family: gan, epochs: 2, batch: 32, trainer: {devices: 2}}\n"
    two.edit("params.yaml", "\nruns:", "\nruns:" + rows_gan.rstrip())
    two.dvc("repro", "train@rows_vae", "train@rows_gan", PYTHONPATH=str(two.folder))
    check_ranks(two, "GanSystem")
    check_ranks(two, "VaeSystem")


@pytest.mark.long
def test_compiled_networks_learn_nearly_the_same(project: Project) -> None:
    runs = {name: project.folder / "data/weights" / name for name in ("tiny_gan", "tiny_vae", "rows_vae")}

    def weights(folder: Path) -> dict[str, float]:
        return {name: float(abs(tensor).sum()) for name, tensor in load_file(folder / "weights.safetensors").items()}

    before = {name: weights(folder) for name, folder in runs.items()}
    for family in ("gan", "vae"):
        project.edit("params.yaml", f"family: {family},", f"family: {family}, trainer: {{compile: true}},")
    project.dvc("repro", *(f"train@{name}" for name in runs))
    for name, folder in runs.items():
        assert json.loads((folder / "run.json").read_text())["trainer"]["compile"]
        assert weights(folder) == pytest.approx(before[name], rel=0.05, abs=1e-3)
