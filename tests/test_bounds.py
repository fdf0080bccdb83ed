"""Bounds on the likelihood against a model whose likelihood is known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genloop import bound_scores
from genloop.bound_scores import interval, scored, units_in_use
from genloop.bounds import Bounds, ImportanceBound
from genloop.config import ImageVae, VaeEvaluate
from genloop.intervals import Figures
from genloop.posterior import DiagonalNormal
from genloop.priors import StandardNormal


class Numbers:
    """Test records of two numbers each."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.nbytes = x, x.nbytes

    def __len__(self) -> int:
        return len(self.x)

    def part(self, chosen: np.ndarray) -> "Numbers":
        raise NotImplementedError

    def gather(self, indices: object) -> Tensor:
        return self.x[torch.as_tensor(indices)]

    def conditions(self, indices: object) -> Tensor:
        raise NotImplementedError

    def ask(self, indices: object, run: object, generator: object) -> tuple[object, Tensor]:
        raise NotImplementedError

    def on(self, device: torch.device) -> "Numbers":
        raise NotImplementedError


class Around(nn.Module):
    """The decoder: x is normal around z, with variance 1."""

    def observed(self, x: Tensor) -> Tensor:
        return x

    def forward(self, z: Tensor, condition: Tensor) -> "Normal":
        return Normal(z)


class Normal(DiagonalNormal):
    """A normal distribution with variance 1."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__(mean, torch.zeros_like(mean))


class Wrong(nn.Module):
    """The encoder."""

    def forward(self, x: Tensor, condition: Tensor) -> DiagonalNormal:
        return DiagonalNormal(0.5 * x + 0.3, torch.full_like(x, -1.0))


class Known(Bounds):
    """z and x given z are standard normal, so that x is normal with variance 2; the encoder is wrong on purpose."""

    def __init__(self, x: Tensor) -> None:
        self.run, self.seed, self.dimensions = ImageVae(data="x", modality="image", family="vae", latent=2), 0, 2
        self.test, self.encoder, self.decoder, self.prior = Numbers(x), Wrong(), Around(), StandardNormal(2)


def test_a_part_of_the_records_tells_the_likelihood_of_all() -> None:
    torch.manual_seed(0)
    x = 1.4 * torch.randn(600, 2)
    true = torch.distributions.Normal(0.0, 2**0.5).log_prob(x).sum(1)
    bounds = Known(x)
    elbos = bounds.elbos(400)
    bound, error, whole, taken = bounds.importance_weighted(400, records=60, elbos=elbos)
    assert elbos.mean() < true.mean() - 0.1
    assert bound == pytest.approx(float(true.mean()), abs=4 * error + 0.01)
    assert error < 0.2 * float(true.std()) / 60**0.5
    assert whole == pytest.approx(math.hypot(error, float(true.std()) / 600**0.5), rel=0.1)
    assert whole < float(true.std()) / 60**0.5  # the other records tell something
    assert taken == 60


def test_all_records_are_counted_as_they_are() -> None:
    bounds = Known(torch.randn(300, 2))
    elbos = bounds.elbos(1)
    one = bounds.importance_weighted(1, records=10_000, elbos=torch.randn(300))
    assert one.part_error == 0
    assert one.records == 300
    assert one.mean == pytest.approx(float(elbos.mean()), abs=0.2)


def test_units_are_active_whose_mean_depends_on_the_record() -> None:
    """The encoder halves a number, so its variance is a quarter of that of the records: above 0.01 or not."""
    x = torch.tensor([[1.0, 0.19], [-1.0, -0.19], [1.0, 0.19], [-1.0, -0.19]])  # variances 4/3 and 0.0481
    for records, units in ((x, 2), (x * torch.tensor([1.0, 0.9]), 1), (torch.zeros(4, 2), 0)):
        means = Known(records).posterior_means(np.arange(4)).double()  # variances 0.333 and 0.0120 or 0.0097
        assert units_in_use(means, seed=0).scores == {"active_units": units}


def found(x: Tensor) -> Figures:
    bounds = Known(x)
    rates, distortions = bounds.rates_and_distortions(3)
    return scored(bounds, rates, distortions, bounds.importance_weighted(3, 500, -(rates + distortions)))


def test_intervals_come_from_the_deviation_over_records() -> None:
    rates, distortions = torch.tensor([1.0, 2.0, 3.0, 2.0]), torch.tensor([5.0, 5.0, 5.0, 5.0])
    scores = scored(Known(torch.randn(4, 2)), rates, distortions, ImportanceBound(-6.0, 0.1, 0.5, 4))
    reach = 3.182446 * (2 / 3) ** 0.5 / 2  # Student's t for 3 degrees, times the standard error
    assert scores.scores["elbo"] == -7
    assert scores.intervals["rate"] == pytest.approx((2 - reach, 2 + reach))
    assert scores.intervals["elbo"] == pytest.approx((-7 - reach, -7 + reach))
    assert scores.intervals["distortion"] == (5, 5)
    assert scores.intervals["importance_bound"] == pytest.approx((-6 - 3.182446 * 0.5, -6 + 3.182446 * 0.5))
    nats = 2 * math.log(2)  # in a bit per dimension
    assert scores.scores["importance_bits_per_dimension"] == pytest.approx(6 / nats)
    assert scores.intervals["bits_per_dimension"] == pytest.approx(((7 - reach) / nats, (7 + reach) / nats))
    assert scores.scores["importance_bound_standard_error"] == 0.5
    assert scores.scores["latent"] == 2
    assert not scores.left_out


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    generator = torch.Generator().manual_seed(0)
    inside = 0
    for _ in range(400):
        values = torch.randn(5, generator=generator, dtype=torch.double)
        low, high = interval(float(values.mean()), float(values.std()) / 5**0.5, 5)
        inside += low < 0 < high
    assert inside / 400 == pytest.approx(0.95, abs=0.03)


def test_of_one_record_there_are_scores_and_reasons() -> None:
    scores = found(torch.ones(1, 2))
    assert all(math.isfinite(value) for value in scores.scores.values())
    assert scores.scores["importance_bound_error"] == 0
    assert not scores.intervals
    assert set(scores.left_out) == {"active_units", "importance_bound_standard_error"}
    assert {*scores.scores, *scores.left_out} == {*bound_scores.NAMES, "latent"}
    assert not scores.scores.keys() & scores.left_out.keys()
    assert not found(torch.ones(2, 2)).left_out


def test_equal_records_have_finite_scores() -> None:
    scores = found(torch.ones(6, 2))
    assert all(math.isfinite(value) for value in scores.scores.values())
    assert scores.scores["active_units"] == 0


def test_without_test_records_all_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound_scores, "Bounds", lambda *_: Known(torch.zeros(0, 2)))
    run = ImageVae(data="x", modality="image", family="vae", latent=2)
    scores = bound_scores.bound_scores(Path(), run, Path(), VaeEvaluate())
    assert scores.scores == {"latent": 2}
    assert scores.left_out["elbo"] == "the test split is empty"
