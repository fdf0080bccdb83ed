"""Exported networks say what PyTorch says, for every family of every modality, and carry what they are."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from genloop import export as exporting
from genloop.errors import GenloopError
from genloop.export import export
from genloop.identity import hash_weights
from genloop.plugins import Exportable
from genloop.sampling import Source
from genloop.verbs import export as verb
from tests.conftest import ROOT
from tests.golden.make import GOLDEN

WEIGHTS = GOLDEN / "format_2/weights"
INPUTS = {
    "groups_gan": {"latent": 4, "condition": 3},
    "layers_vae": {"latent": 4, "condition": 2},
    "rows_gan": {"latent": 4, "condition": 43},
    "rows_vae": {"latent": 4, "row": 29, "known": 7},
}


# In a process of its own, since checks of shapes at each call are nothing that torch can translate.
EXPORT = """
import sys
from pathlib import Path
from genloop.export import export
for name in sys.argv[3:]:
    done = export(Path(sys.argv[1]) / name, name, Path(sys.argv[2]) / f"{name}.onnx")
    print(done.inputs, done.difference < 1e-6)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all four exported."""
    out = tmp_path_factory.mktemp("onnx")
    asked = [sys.executable, "-c", EXPORT, str(WEIGHTS), str(out), *INPUTS]
    done = subprocess.run(
        asked, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{inputs} True" for inputs in INPUTS.values()]
    return out


@pytest.fixture(params=INPUTS)
def exported(request: pytest.FixtureRequest, folder: Path) -> tuple[str, Path]:
    """A run's name and its network as a file."""
    return str(request.param), folder / f"{request.param}.onnx"


@torch.no_grad()
def test_it_says_what_pytorch_says_for_any_batch(exported: tuple[str, Path]) -> None:
    name, out = exported
    source = Source(WEIGHTS / name)
    network, generator = source.network, torch.Generator().manual_seed(1)
    session = onnxruntime.InferenceSession(str(out))
    for count in (1, 5, 33):
        z = torch.randn(count, 4, generator=generator)
        first = torch.arange(count) % 2
        if name == "rows_vae":
            x, known = torch.zeros(count, 29), torch.zeros(count, 7)
            known[:, 0], x[torch.arange(count), first] = 1.0, 1.0
            given = {"latent": z, "row": x, "known": known}
            expected = network.predict(z, x, known)  # type: ignore[operator]
        else:
            condition = torch.zeros(count, INPUTS[name]["condition"])
            if name != "rows_gan":
                condition[torch.arange(count), first] = 1.0
            given = {"latent": z, "condition": condition}
            drawn = network(z, condition)
            expected = drawn.logits if name == "rows_gan" else (drawn.sample() + 1) / 2
        (found,) = session.run(None, {key: value.numpy() for key, value in given.items()})
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    if name in ("groups_gan", "layers_vae"):
        assert found.shape == (33, 1, 8, 8)
        assert found.min() >= 0
        assert found.max() <= 1


def test_it_carries_what_it_is_and_nothing_of_this_machine(exported: tuple[str, Path]) -> None:
    name, out = exported
    told = {entry.key: entry.value for entry in onnx.load(str(out)).metadata_props}
    assert told["run"] == name
    assert told["weights"] == hash_weights(WEIGHTS / name / "weights.safetensors")
    if name.startswith("rows"):
        assert sum(span["codes"] for span in json.loads(told["spans"])) == 29
    else:
        names = ["0", "1"] if name == "layers_vae" else [0, 1, 2]
        assert json.loads(told["conditions"]) == names
        assert sum(json.loads(told["counts"])) > 0
    content = out.read_bytes()
    assert b".py" not in content
    assert str(Path.cwd()).encode() not in content


def test_a_file_that_says_something_else_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(GenloopError, match=r"mine: ONNX says something else than PyTorch, by .* nothing is written"):
        export(WEIGHTS / "rows_vae", "mine", tmp_path / "out.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        GenloopError, match=r"onnxscript is not installed.*pip install -c requirements.lock -e .\[onnx\]"
    ):
        export(WEIGHTS / "rows_vae", "mine", tmp_path / "out.onnx")


class Counting(nn.Module):
    def forward(self, latent: Tensor) -> Tensor:
        return latent + torch.zeros(len(latent), 1)


def test_a_network_that_keeps_to_one_batch_is_refused() -> None:
    with pytest.raises(GenloopError, match=r"write x\.shape\[0\] for len\(x\) in it"):
        exporting._translated(Exportable(Counting(), {"latent": 2}, "pictures", {}))


def test_the_verb_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data/weights").mkdir(parents=True)
    (tmp_path / "data/weights/rows_vae").symlink_to(WEIGHTS / "rows_vae")
    monkeypatch.chdir(tmp_path)
    verb.work(argparse.Namespace(run="rows_vae", out=Path("rows.onnx")))
    assert "rows.onnx: latent [batch, 4], row [batch, 29], known [batch, 7] -> logits;" in capsys.readouterr().out
    onnx.checker.check_model("rows.onnx")
