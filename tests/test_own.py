"""Networks of your own: named in params.yaml, pinned by their source, watched by DVC."""

import json
from pathlib import Path

import pytest

from genloop.errors import GenloopError
from genloop.own import import_pinned, pin
from tests.conftest import Project

OWN = '''"""A generator and a critic of one layer each."""

import torch
from torch import nn

from genloop.image.networks.likelihood import PointMass


class Generator(nn.Module):
    def __init__(self, run, schema):
        super().__init__()
        self.shape = (schema.channels, schema.height, schema.width)
        self.layer = nn.Linear(run.latent, schema.dimensions)

    def forward(self, z, condition):
        return PointMass(torch.tanh(self.layer(z)).unflatten(1, self.shape))


'''
CRITIC = """class Critic(nn.Module):
    def __init__(self, run, schema):
        super().__init__()
        self.layer = nn.Linear(schema.dimensions, 1)

    def forward(self, x, condition):
        return self.layer(x.flatten(1)).squeeze(1)
"""


@pytest.fixture
def own(project: Project) -> Project:
    """A project whose GAN uses networks of its own."""
    (project.folder / "src/mine").mkdir()
    (project.folder / "src/mine/__init__.py").write_text("")
    (project.folder / "src/mine/flat.py").write_text(OWN + CRITIC)
    project.edit("params.yaml", "family: gan,", "family: gan, networks: mine.flat,")
    return project


def test_they_train_and_an_edit_trains_them_anew(own: Project) -> None:
    refused = own.dvc("repro", succeeds=False)
    assert (
        "runs.tiny_gan.networks: dvc.yaml does not watch mine.flat; add '- src/mine' to the deps of" in refused.stderr
    )
    own.edit("dvc.yaml", "      - src/genloop/own.py\n      - src/genloop/reading.py", "      - src/mine\n      - src/genloop/own.py\n      - src/genloop/reading.py")  # fmt: skip
    own.dvc("repro", "evaluate@tiny_gan", "evaluate@tiny_vae")
    pinned = json.loads((own.folder / "data/weights/tiny_gan/run.json").read_text())["networks"]
    assert pinned.startswith("mine.flat@")
    assert b"generator.layer.weight" in (own.folder / "data/weights/tiny_gan/weights.safetensors").read_bytes()
    own.edit("src/mine/flat.py", "of one layer each", "of a single layer each")
    stale = own.stage("sample", "tiny_gan", succeeds=False)
    assert "mine.flat has changed since these choices were resolved; run 'dvc repro'" in stale.stderr
    own.dvc("repro", "configure")
    changed = set(json.loads(own.dvc("status", "--json").stdout))
    assert "train@tiny_gan" in changed
    assert not any("vae" in stage and stage.startswith(("train", "sample")) for stage in changed)


def write_project(folder: Path, watched: str = "src/one.py") -> Path:
    (folder / "src").mkdir()
    (folder / "src/one.py").write_text("Generator = 1\n")
    (folder / "dvc.yaml").write_text(f"stages: {{configure: {{deps: [{watched}]}}}}\n")
    return folder


def test_what_cannot_be_pinned_is_named(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    assert pin("one", "key", project).startswith("one@")
    with pytest.raises(GenloopError, match="key: there is no module none_such; put it into the folder src"):
        pin("none_such", "key", project)
    with pytest.raises(GenloopError, match=r"key: there is no module none_such\.either"):
        pin("none_such.either", "key", project)
    with pytest.raises(GenloopError, match=r"key: json\.tool lies outside of this project"):
        pin("json.tool", "key", project)
    (project / "src/two.py").write_text("")
    with pytest.raises(GenloopError, match=r"does not watch two; add '- src/two\.py'"):
        pin("two", "key", project)


def test_a_module_that_fails_is_named() -> None:
    with pytest.raises(GenloopError, match="networks: none_such cannot be imported"):
        import_pinned("none_such@abc")
    with pytest.raises(GenloopError, match=r"genloop\.image\.networks\.dense has changed"):
        import_pinned("genloop.image.networks.dense@abc")
