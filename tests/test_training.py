"""Training: the contract of every modality and family, and the same bytes every time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from safetensors.torch import load_file

from genloop import plugins
from genloop.batches import Batch
from genloop.callbacks import preview_epochs
from genloop.choices import ImagePrepare, ImageReference
from genloop.config import Gan, GanEvaluate, ImageGan, ImageSample, ImageVae, Trainer, Vae, VaeEvaluate
from genloop.doctor import Finding
from genloop.errors import GenloopError
from genloop.evaluation import evaluate
from genloop.forecast import training_bytes
from genloop.observing import Row, layer_statistics
from genloop.sampling import sample
from genloop.training import build, open_training, train
from tests.conftest import tiny_pictures

COMMON: dict[str, Any] = {"data": "tiny", "modality": "image", "epochs": 4, "width": 4, "latent": 4, "batch": 16}
RUNS: dict[str, Gan | Vae] = {
    "gan": ImageGan(family="gan", **COMMON),
    "gan_relativistic": ImageGan(family="gan", loss="relativistic", penalty=1.0, critic_norm="none", **COMMON),
    "gan_hinge": ImageGan(family="gan", loss="hinge", groups=3, **COMMON),
    "vae": ImageVae(family="vae", **COMMON),
    "vae_standard": ImageVae(family="vae", prior="standard", second_stage=False, **COMMON),
    "gan_wasserstein": ImageGan(
        family="gan", loss="wasserstein", penalty=10.0, penalty_on="between", critic_norm="none", **COMMON
    ),
    "gan_full": ImageGan(
        family="gan",
        conditional=True,
        critic_norm="spectral",
        critic_lr=2e-3,
        augment="adaptive",
        penalty=1.0,
        penalty_on="real",
        penalty_form="difference",
        penalty_every=2,
        schedule="cosine",
        lr_warmup=0.3,
        **COMMON,
    ),
    "gan_bf16": ImageGan(
        family="gan", penalty=1.0, critic_norm="none", augment=0.5, trainer=Trainer(precision="bf16-mixed"), **COMMON
    ),
    "vae_full": ImageVae(
        family="vae",
        conditional=True,
        likelihood="logistic_mixture",
        rate_weight=0.5,
        rate_warmup=0.5,
        free_bits=2.0,
        average=0.9,
        second_stage=True,
        **COMMON,
    ),
    "vae_two_layers": ImageVae(family="vae", layers=2, importance=3, likelihood="bernoulli", **COMMON),
    "vae_bf16": ImageVae(family="vae", likelihood="gaussian", trainer=Trainer(precision="bf16-mixed"), **COMMON),
    "vae_dense": ImageVae(family="vae", networks="genloop.image.networks.dense", **COMMON),
    "gan_dense": ImageGan(family="gan", networks="genloop.image.networks.dense", **COMMON),
}


class Watch:
    """An observer that notes what it sees."""

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.previews: list[int] = []
        self.findings: list[Finding] = []

    def epoch(self, losses: Row, layers: list[Row], steps: list[Row]) -> None:
        self.epochs.append(int(losses["epoch"]))

    def preview(self, epoch: int, path: Path) -> None:
        assert path.exists()
        self.previews.append(epoch)

    def finding(self, found: Finding) -> None:
        self.findings.append(found)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with tiny prepared pictures and their reference."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "raw").mkdir()
    images, labels = tiny_pictures()
    np.savez(folder / "raw" / "tiny.npz", images=images, labels=labels)
    plugins.raw("image").prepare(folder / "raw", ImagePrepare(modality="image"), folder / "prepared" / "tiny")
    choices = ImageReference(modality="image", count=50, epochs=5)
    plugins.scores("image").build_reference(folder / "prepared" / "tiny", choices, folder / "reference" / "tiny")
    return folder


def fit(name: str, data: Path, folder: Path, watch: Watch | None = None) -> dict[str, bytes]:
    out = folder / "weights" / name
    train(name, RUNS[name], data / "prepared" / "tiny", out, folder / "state", watch or Watch())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def evaluated(name: str, folder: Path) -> dict[str, Any]:
    """All scores of a run, finite, with those that only a likelihood gives."""
    choices = VaeEvaluate(draws=2, importance=4) if name.startswith("vae") else GanEvaluate()
    found = evaluate(name, choices, folder)
    scores = {key: value for key, value in found.items() if isinstance(value, float)}
    assert all(np.isfinite(value) for value in scores.values())
    assert ("elbo" in scores) == name.startswith("vae")
    assert (folder / "reports" / name / "report.html").stat().st_size > 10_000
    return found


@pytest.mark.parametrize("name", RUNS)
def test_every_family_trains_samples_and_is_scored(name: str, data: Path, tmp_path: Path) -> None:
    watch = Watch()
    files = fit(name, data, tmp_path, watch)
    assert watch.epochs == [1, 2, 3, 4]
    assert watch.previews == [0, 1, 2, 3, 4]
    assert {
        "weights.safetensors",
        "run.json",
        "schema.json",
        "training.json",
        "losses.csv",
        "layers.csv",
        "steps.csv",
        "losses.png",
        "layers.png",
    } <= set(files)
    assert not (tmp_path / "state").exists()
    for kind in ("prepared", "reference"):
        (tmp_path / kind).symlink_to(data / kind)
    sample(tmp_path / "weights" / name, ImageSample(count=50), tmp_path / "samples" / name)
    scores = evaluated(name, tmp_path)
    assert scores["baselines"]["real"]["kid"] < scores["baselines"]["marginals"]["kid"]
    assert scores["protocol"]["data"]["generated_count"] == 50
    assert ("classification_accuracy" in scores) == RUNS[name].conditional


@pytest.mark.parametrize("name", ["gan", "vae"])
def test_equal_seeds_give_equal_bytes_and_others_do_not(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fit(name, data, tmp_path / "a")
    torch.manual_seed(12345)  # what happened before does not matter
    assert fit(name, data, tmp_path / "b") == first
    monkeypatch.setitem(RUNS, name, RUNS[name].model_copy(update={"seed": 1}))
    other = fit(name, data, tmp_path / "c")
    assert other["weights.safetensors"] != first["weights.safetensors"]


def test_weights_and_biases_improve(data: Path, tmp_path: Path) -> None:
    fit("vae", data, tmp_path)
    losses = pd.read_csv(tmp_path / "weights/vae/losses.csv")
    assert losses["elbo"].is_monotonic_increasing
    assert losses["records_seen"].tolist() == [48, 96, 144, 192]
    np.testing.assert_allclose(-losses["elbo"], losses["rate"] + losses["distortion"], rtol=1e-5)


@pytest.mark.parametrize("name", ["gan", "vae"])
def test_half_precision_learns_nearly_the_same(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(name, data, tmp_path / "full")
    half = RUNS[name].model_copy(update={"trainer": Trainer(precision="bf16-mixed")})
    monkeypatch.setitem(RUNS, name, half)
    fit(name, data, tmp_path / "half")
    full, found = (pd.read_csv(tmp_path / kind / f"weights/{name}/losses.csv") for kind in ("full", "half"))
    assert not full.equals(found)  # it did work in another precision
    np.testing.assert_allclose(found, full, rtol=0.05, equal_nan=True)
    tensors = load_file(tmp_path / "half/weights" / name / "weights.safetensors")
    assert torch.bfloat16 not in {tensor.dtype for tensor in tensors.values()}


def test_too_little_memory_is_foreseen(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1000})())
    with pytest.raises(
        GenloopError, match=r"runs\.gan: training needs about .* lower batch \(now 16\) or width \(now 4\)"
    ):
        fit("gan", data, tmp_path)
    assert not (tmp_path / "weights").exists()


def test_the_memory_forecast_grows_with_batch_and_width(data: Path) -> None:
    def forecast(width: int, batch: int) -> int:
        run = RUNS["vae"].model_copy(update={"width": width})
        system = build(run, open_training(run, data / "prepared" / "tiny")[1], steps=1)
        return training_bytes(system, lambda n: Batch(torch.zeros(n, 1, 8, 8), torch.zeros(n, 0)), batch)

    assert forecast(4, 16) < forecast(4, 64) < forecast(16, 64)


def test_layer_statistics_are_those_of_each_weight_and_bias() -> None:
    first = torch.nn.Linear(2, 3)
    system = torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Linear(3, 1))
    system(torch.ones(1, 2)).sum().backward()
    rows = {(row["layer"], row["part"]): row for row in layer_statistics(system)}
    assert set(rows) == {
        (layer, part) for layer in ("0", "2") for part in ("weight", "weight_gradient", "bias", "bias_gradient")
    }
    weight = first.weight.detach().numpy()
    expected = {"mean": weight.mean(), "deviation": weight.std(), "norm": np.linalg.norm(weight)}
    assert {name: rows["0", "weight"][name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_previews_are_spread_over_the_training() -> None:
    assert preview_epochs(100, 5) == {0, 25, 50, 75, 100}
    assert preview_epochs(100, 1) == {100}
    assert preview_epochs(2, 10) == {0, 1, 2}


def test_the_first_samples_are_the_same_whatever_the_count(data: Path, tmp_path: Path) -> None:
    fit("vae", data, tmp_path)
    for count in (3, 300):
        sample(tmp_path / "weights/vae", ImageSample(count=count), tmp_path / str(count))
    few, many = (np.load(tmp_path / count / "samples.npz")["images"] for count in ("3", "300"))
    assert (few == many[:3]).all()
    assert len(many) == 300
    assert json.loads((tmp_path / "3/manifest.json").read_text())["count"] == 3
