"""The validation part: what it is, which weights it keeps, when it stops a training, and what a broken one leaves."""

import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from genloop import fakes, held_out, plugins, training
from genloop.arithmetic import arithmetic_of
from genloop.autopsy import broken_layer
from genloop.batches import Batch, Batches
from genloop.choices import ImagePrepare, TablePrepare
from genloop.config import Gan, ImageGan, ImageVae, TableGan, TableVae, Vae
from genloop.doctor import plateau
from genloop.errors import GenloopError
from genloop.fakes import Fakes
from genloop.held_out import Plan, plan_checks, split_records
from genloop.image.data import PictureRecords
from genloop.kernel import kernel_distance, kernel_distance_by_record
from genloop.observing import Row
from genloop.repeats import Repeats
from genloop.states import StateFiles
from genloop.system import NotFinite
from genloop.training import open_training, train
from genloop.validation import Check, bound_vitals
from genloop.watching import Checks
from tests.conftest import tiny_pictures, tiny_table
from tests.test_training import Watch

PICTURES: dict[str, Any] = {"data": "tiny", "modality": "image", "epochs": 4, "width": 4, "latent": 4, "batch": 16}
ROWS: dict[str, Any] = {"data": "rows", "modality": "table", "epochs": 4, "width": 8, "latent": 4, "batch": 32}
RUNS: dict[str, Gan | Vae] = {
    "gan": ImageGan(family="gan", groups=3, **PICTURES),
    "vae": ImageVae(family="vae", **PICTURES),
    "rows_gan": TableGan(family="gan", **ROWS),
    "rows_vae": TableVae(family="vae", **ROWS),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with tiny prepared pictures and rows, and no test split: no training may look at it."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("tiny", "rows"):
        (folder / "raw" / name).mkdir(parents=True)
    images, labels = tiny_pictures()
    np.savez(folder / "raw/tiny/tiny.npz", images=images, labels=labels)
    tiny_table().to_csv(folder / "raw/rows/rows.csv", index=False)
    plugins.raw("image").prepare(folder / "raw/tiny", ImagePrepare(modality="image"), folder / "prepared/tiny")
    plugins.raw("table").prepare(folder / "raw/rows", TablePrepare(modality="table"), folder / "prepared/rows")
    for path in (folder / "prepared").rglob("test*"):
        path.unlink()
    return folder


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let checks take any share of so short a training."""
    monkeypatch.setattr(held_out, "SHARE", 1000.0)
    monkeypatch.setattr(held_out, "MOST", 100)


def fit(run: Gan | Vae, data: Path, folder: Path, watch: Watch | None = None) -> dict[str, bytes]:
    train("run", run, data / "prepared" / run.data, folder / "out", folder / "state", watch or Watch())
    return {path.name: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}


def facts(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "out/training.json").read_text()))


def with_keys(run: Gan | Vae, **keys: Any) -> Gan | Vae:
    return type(run).model_validate(run.model_dump() | keys)


def test_the_parts_share_no_record_and_leave_none_out() -> None:
    records = PictureRecords(np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1), np.arange(100) % 7, 7)
    seen, kept_back = split_records(RUNS["vae"], records)
    assert (len(seen), len(kept_back)) == (90, 10)
    assert seen.nbytes == 90
    values = [
        ((part.gather(np.arange(len(part))) + 1) * 127.5).round().flatten().tolist() for part in (seen, kept_back)
    ]
    assert sorted(values[0] + values[1]) == list(range(100))
    assert kept_back.conditions([2]).argmax().item() == values[1][2] % 7
    on_device = kept_back.on(torch.device("cpu"))
    assert torch.equal(on_device.gather([3, 1]), kept_back.gather([3, 1]))
    assert torch.equal(on_device.conditions([3, 1]), kept_back.conditions([3, 1]))
    assert torch.equal(kept_back.part(np.array([4, 2])).gather([1]), kept_back.gather([2]))
    assert [len(part) for part in split_records(with_keys(RUNS["vae"], validation=0.0), records)] == [100]
    other, _ = split_records(with_keys(RUNS["vae"], seed=1), records)
    assert not torch.equal(other.gather(np.arange(90)), seen.gather(np.arange(90)))


def test_rows_that_a_gan_looks_up_are_not_held_out(data: Path) -> None:
    (seen, kept_back), _ = open_training(RUNS["rows_gan"], data / "prepared/rows")
    known = {tuple(row.tolist()) for row in seen.gather(np.arange(len(seen)))}
    asked, condition = seen.ask(np.arange(len(seen)), with_keys(RUNS["rows_gan"], rare=0.9), np.random.default_rng(0))
    assert {tuple(row.tolist()) for row in seen.gather(asked)} <= known
    assert len(condition) == len(seen)
    assert len(kept_back) == round(0.1 * (len(seen) + len(kept_back)))


def test_checks_are_spread_and_take_a_bounded_share() -> None:
    gan, vae = RUNS["gan"], RUNS["vae"]
    many = plan_checks(vae, epochs=60, seen=1_000, held_out=100)
    assert many == (frozenset(range(3, 61, 3)), 0)
    few = plan_checks(vae, epochs=60, seen=100, held_out=300)
    assert few.epochs == {30, 60}
    assert len(few.epochs) * 300 <= held_out.SHARE / held_out.COST * 60 * 100
    assert plan_checks(vae, epochs=3, seen=16, held_out=300).epochs == {3}  # at the end in any case
    plan = plan_checks(gan, epochs=60, seen=1_000, held_out=100)
    assert plan.fakes == 328
    assert len(plan.epochs) * (plan.fakes + 100) <= held_out.SHARE / held_out.COST * 60 * 1_000
    assert plan_checks(gan, epochs=60, seen=10**7, held_out=100).fakes == held_out.MOST


def test_the_noise_of_a_difference_of_distances_is_what_it_says() -> None:
    """Of pairs of fakes that have noise in common, beside the same records."""
    differences, noises = [], []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        real, fake = generator.normal(size=(60, 5)), generator.normal(size=(80, 5))
        first, second = (kernel_distance_by_record(real, fake * scale) for scale in (1.3, 1.5))
        assert first.distance == kernel_distance(real, fake * 1.3)
        checks = [
            Check({}, -found.distance, (torch.from_numpy(found.by_real), torch.from_numpy(found.by_fake)))
            for found in (first, second)
        ]
        differences.append(first.distance - second.distance)
        noises.append(checks[0].noise_against(checks[1].parts))
    assert np.mean(noises) == pytest.approx(np.std(differences), rel=0.2)


class Walk:
    """A system whose weight takes given values, and whose figure is how near it is to 3, by each of two records."""

    def __init__(self, copies_from: float = math.inf) -> None:
        self.sampled, self.copies_from = {"network": torch.nn.Linear(1, 1, bias=False)}, copies_from

    @property
    def copied_low(self) -> float:
        return 0.1 if self.sampled["network"].weight.item() >= self.copies_from else -0.1

    def to(self, value: float) -> None:
        torch.nn.init.constant_(self.sampled["network"].weight, value)

    def check(self, system: Any) -> Check:
        with torch.no_grad():
            away = -(self.sampled["network"](torch.ones(1, 1)).flatten() - torch.tensor([2.9, 3.1])).square().double()
        return Check({"elbo": float(away.mean()), "copied_low": self.copied_low}, float(away.mean()), (away,))


def walked(values: list[float], patience: int | None = None, copies_from: float = math.inf) -> tuple[Checks, int]:
    """The checks of a walk, and when it ended."""
    walk = Walk(copies_from)
    checks = Checks("elbo", Plan(frozenset(range(1, 100)), 0), walk.check, patience)
    trainer = training.build_trainer(RUNS["vae"], 100, [checks], StateFiles(Path()))
    for epoch, value in enumerate(values):
        walk.to(value)
        trainer.fit_loop.epoch_progress.current.completed = epoch
        checks.on_train_epoch_end(trainer, walk)
        if trainer.should_stop:
            return checks, epoch + 1
    return checks, len(values)


def test_the_best_weights_are_kept_and_of_equally_good_ones_the_last() -> None:
    checks, _ = walked([0.0, 2.0, 3.0, 5.0, 8.0])
    assert checks.kept_epoch == 3
    assert checks.kept["network"]["weight"].item() == 3.0
    assert checks.gainless == 2
    checks, _ = walked([0.0, 3.0, 3.01, 4.0])
    assert (checks.best_epoch, checks.kept_epoch) == (2, 3)
    checks, _ = walked([0.0, float("nan"), 1.0])
    assert (checks.kept_epoch, len(checks.checks)) == (3, 3)


def test_weights_that_copy_are_kept_only_where_there_are_no_others() -> None:
    checks, _ = walked([0.0, 2.0, 2.8, 3.0], copies_from=2.5)
    assert (checks.kept_epoch, len(checks.checks)) == (2, 4)
    checks, _ = walked([3.0, 2.9], copies_from=0.0)
    assert checks.kept_epoch == 1
    checks, _ = walked([3.0, 3.0, 1.0, 0.0, 3.0], copies_from=2.5)  # clean ones, though worse, are kept, the best
    assert (checks.kept_epoch, checks.best_epoch, checks.kept_copies) == (3, 3, False)
    assert checks.kept["network"]["weight"].item() == 1.0
    resumed, _ = walked([])
    resumed.load_state_dict(walked([3.0], copies_from=2.5)[0].state_dict())
    assert resumed.kept_copies


def test_checks_that_copy_bring_no_gain() -> None:
    checks, epochs = walked([0.0, 2.0, 2.8, 2.9, 3.0], patience=3, copies_from=2.5)
    assert (checks.gainless, epochs) == (3, 5)
    assert plateau(checks.figures, checks.gainless, planned=20, patience=3)


def test_a_check_without_a_finite_figure_keeps_nothing() -> None:
    checks, _ = walked([math.nan, 1.0, math.inf, 2.0])
    assert (checks.kept_epoch, len(checks.checks)) == (4, 4)
    checks, _ = walked([math.nan, math.nan])
    assert (checks.kept, checks.figures, checks.gainless) == ({}, [-math.inf] * 2, 2)


def test_equal_validation_records_lie_at_a_distance_that_is_no_overflow(data: Path) -> None:
    run = RUNS["gan"]
    (seen, _), schema = open_training(run, data / "prepared/tiny")
    equal = seen.part(np.zeros(8, int))
    _, distance = Fakes(run, seen, equal, schema, 40).look(training.build(run, schema, 1))
    assert abs(distance.distance) < 1e6


@pytest.mark.parametrize("name", ["gan", "rows_gan"])
def test_a_check_holds_no_more_than_a_block_of_records(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RUNS[name]
    monkeypatch.setattr(fakes, "BLOCK", 7)
    parts, schema = open_training(run, data / "prepared" / run.data)
    system = training.build(run, schema, 1)
    sizes: list[int] = []
    critic = type(system.trained["critic"])
    forward, gather = critic.forward, type(parts[0]).gather

    def asked(network: Any, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return cast(torch.Tensor, forward(network, x, condition))

    def gathered(records: Any, indices: Any) -> torch.Tensor:
        sizes.append(len(indices))
        return gather(records, indices)

    monkeypatch.setattr(critic, "forward", asked)
    monkeypatch.setattr(type(parts[0]), "gather", gathered)
    before = {key: tensor.clone() for key, tensor in system.trained["critic"].state_dict().items()}
    looked_at = Fakes(run, parts[0], parts[1], schema, 40)
    first, second = looked_at.look(system), looked_at.look(system)
    assert set(first[0]) >= {"told", "told_learned", "spread", "memorized", "diversity", "nearest"}
    assert first[0] == second[0]
    assert first[1].distance == second[1].distance
    assert len(first[1].by_fake) == 40
    assert max(sizes) == 7
    assert min(sizes) > 1
    assert all(torch.equal(before[key], tensor) for key, tensor in system.trained["critic"].state_dict().items())


def test_patience_without_records_to_spare_is_refused() -> None:
    few = PictureRecords(np.zeros((3, 1, 1, 1), np.uint8))
    assert len(split_records(RUNS["vae"], few)) == 1
    with pytest.raises(GenloopError, match="patience: 3 records are too few for a validation part of 2"):
        split_records(with_keys(RUNS["vae"], patience=2), few)


class Elsewhere:
    """A batch on a device where the networks no longer are."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def to(self, device: torch.device) -> Batch:
        assert device == torch.device("cpu")
        return self.batch


def test_a_broken_layer_is_looked_for_where_the_networks_are(data: Path) -> None:
    run = RUNS["rows_gan"]
    (seen, _), schema = open_training(run, data / "prepared/rows")
    system = training.build(run, schema, 1)
    layer = next(name for name, module in system.trained.named_modules() if isinstance(module, torch.nn.Linear))
    with torch.no_grad():
        system.trained.get_submodule(layer).weight.fill_(math.inf)
    failure = NotFinite(0, Batches(run, seen, lambda: 0).gather(np.arange(8)), "critic")
    failure.batch = cast(Batch, Elsewhere(failure.batch))
    assert broken_layer(system, failure) == layer


@pytest.mark.parametrize(("share", "copies"), [(0.0, False), (0.05, True), (1.0, True)])
def test_fakes_that_repeat_training_records_are_told_from_honest_ones(share: float, copies: bool) -> None:
    generator = np.random.default_rng(0)
    training, validation, drawn = (generator.normal(size=(count, 12)) for count in (400, 50, 200))
    count = round(share * len(drawn))
    drawn[:count] = training[:count] + generator.normal(scale=0.01, size=(count, 12))
    found = Repeats(training, validation, seed=0).look(drawn)
    assert (found["copied_low"] > 0) == copies
    assert found["copied"] == pytest.approx(share, abs=0.02)


def test_patience_ends_a_training() -> None:
    assert walked([0.0, 2.0, 3.0, 5.0, 8.0, 9.0], patience=2)[1] == 5
    assert walked([0.0, 2.0, 3.0, 5.0, 2.9999, 9.0], patience=3)[1] == 6


def test_weights_of_a_vae_that_learns_by_heart_are_those_before(data: Path, tmp_path: Path, often: None) -> None:
    run = with_keys(RUNS["vae"], epochs=150, width=8, lr=0.02, second_stage=False, validation=0.9)
    files = fit(run, data, tmp_path)
    known = facts(tmp_path)
    figures = {check["epoch"]: check["elbo"] for check in known["checks"]}
    assert known["figure"] == "elbo"
    assert known["kept_epoch"] < 100
    assert figures[known["kept_epoch"]] > figures[150] + 100
    parts, schema = open_training(run, data / "prepared/tiny")
    system = training.build(run, schema, 1)
    saved = load_file(tmp_path / "out/weights.safetensors")
    system.trained.load_state_dict(saved)
    assert bound_vitals(run, system, parts[1])[0]["elbo"] == pytest.approx(figures[known["kept_epoch"]], rel=1e-6)
    losses = pd.read_csv(tmp_path / "out/losses.csv")
    assert losses.dropna()["epoch"].tolist() == sorted(figures)
    np.testing.assert_allclose(losses["validation"].dropna(), [figures[epoch] for epoch in sorted(figures)])
    assert [found["disease"] for found in known["findings"]] == ["plateau"]
    impatient, watch = with_keys(run, patience=3), Watch()
    assert fit(impatient, data, tmp_path / "patience", watch) != files
    assert watch.epochs[-1] == facts(tmp_path / "patience")["epochs"] < 150
    assert sum(check["epoch"] > known["kept_epoch"] for check in facts(tmp_path / "patience")["checks"]) <= 3
    assert [found.disease for found in watch.findings] == ["plateau"]


def test_without_validation_the_last_weights_are_kept(data: Path, tmp_path: Path) -> None:
    fit(with_keys(RUNS["gan"], validation=0.0), data, tmp_path)
    assert facts(tmp_path) == {
        "figure": None,
        "kept_epoch": 4,
        "epochs": 4,
        "training_records": 64,
        "validation_records": 0,
        "checks": [],
        "findings": [],
        "arithmetic": {"from step 0": str(arithmetic_of(RUNS["gan"]))},
    }
    assert "validation" not in pd.read_csv(tmp_path / "out/losses.csv")


class Poison(Watch):
    """Makes a weight infinite after an epoch."""

    def __init__(self, layer: str, after: int) -> None:
        super().__init__()
        self.layer, self.after = layer, after
        self.system: Any = None

    def epoch(self, losses: Row, layers: list[Row], steps: list[Row]) -> None:
        super().epoch(losses, layers, steps)
        if losses["epoch"] == self.after:
            with torch.no_grad():
                self.system.trained.get_submodule(self.layer).weight.view(-1)[0] = float("inf")


def poisoned(run: Gan | Vae, layer: str, monkeypatch: pytest.MonkeyPatch) -> Poison:
    poison, build = Poison(layer, after=2), training.build

    def built(*arguments: Any, **keys: Any) -> Any:
        poison.system = build(*arguments, **keys)
        return poison.system

    monkeypatch.setattr(training, "build", built)
    return poison


@pytest.mark.parametrize(("name", "layer"), [("rows_gan", "critic"), ("vae", "decoder"), ("gan", "generator")])
def test_broken_numbers_end_the_training_and_leave_the_last_good_weights(
    name: str, layer: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, often: None
) -> None:
    system = training.build(RUNS[name], open_training(RUNS[name], data / "prepared" / RUNS[name].data)[1], 1)
    layers = [name for name, module in system.trained.named_modules() if isinstance(module, (torch.nn.Linear))]
    broken = next(name for name in layers if name.startswith(layer))
    good = fit(with_keys(RUNS[name], epochs=2), data, tmp_path / "good")
    watch = poisoned(RUNS[name], broken, monkeypatch)
    with pytest.raises(GenloopError) as raised:
        fit(RUNS[name], data, tmp_path, watch)
    step = 2 * watch.system.steps // 4 + 1
    assert f"run: not_finite at epoch 3, step {step}: " in str(raised.value)
    assert f"first in the layer {broken}; try a lower lr" in str(raised.value)
    assert [found.disease for found in watch.findings][-1] == "not_finite"
    known = facts(tmp_path)
    assert known["kept_epoch"] in (1, 2)
    assert known["epochs"] == 2
    left = f"{tmp_path}/out has the last good weights, those after epoch {known['kept_epoch']}"
    assert str(raised.value).endswith(left)
    assert known["findings"][-1]["disease"] == "not_finite"
    files = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files >= set(good) - {"epoch_0002.png", "epoch_0001.png"}
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / "out/weights.safetensors").values())
    assert not (tmp_path / "state").exists()


def test_numbers_that_break_at_once_leave_the_weights_of_the_start(data: Path, tmp_path: Path) -> None:
    run = with_keys(RUNS["rows_gan"], penalty=1e38)
    with pytest.raises(GenloopError, match=r"not_finite at epoch 1, step 1: the critic's .* those after epoch 0"):
        fit(run, data, tmp_path)
    assert facts(tmp_path)["epochs"] == 0
    assert len(pd.read_csv(tmp_path / "out/losses.csv")) == 0
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / "out/weights.safetensors").values())
