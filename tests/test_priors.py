"""Priors and posteriors against PyTorch's distributions."""

import pytest
import torch
from scipy.stats import kstest, truncnorm
from torch import distributions as d

from genloop.config import ImageGan, ImageVae
from genloop.posterior import DiagonalNormal
from genloop.priors import Ladder, Mixture, StandardNormal, build_prior, cooled, truncated
from genloop.second_stage import components_of, fit_mixture, split


def as_distribution(mixture: Mixture) -> d.Distribution:
    each = d.Independent(d.Normal(mixture.means, torch.exp(0.5 * mixture.log_variances)), 1)
    return d.MixtureSameFamily(d.Categorical(logits=mixture.logits), each)


@pytest.fixture
def mixture() -> Mixture:
    torch.manual_seed(0)
    mixture = Mixture(3)
    with torch.no_grad():
        for parameter in mixture.parameters():
            parameter.normal_()
    return mixture


def test_mixture_log_prob(mixture: Mixture) -> None:
    z = torch.randn(7, 3)
    torch.testing.assert_close(mixture.log_prob(z), as_distribution(mixture).log_prob(z))


def test_mixture_samples_have_its_moments(mixture: Mixture) -> None:
    torch.manual_seed(1)
    z, expected = mixture.sample(200_000), as_distribution(mixture)
    torch.testing.assert_close(z.mean(0), expected.mean.detach(), atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(0), expected.variance.detach(), atol=0.05, rtol=0.02)


def test_standard_normal() -> None:
    z = torch.randn(7, 3)
    expected = d.Independent(d.Normal(torch.zeros(3), torch.ones(3)), 1)
    torch.testing.assert_close(StandardNormal(3).log_prob(z), expected.log_prob(z))
    assert StandardNormal(3).sample(5).shape == (5, 3)


def test_posterior_and_prior_give_the_closed_form_of_the_rate() -> None:
    """The mean of log q - log p over many latents is the Kullback-Leibler divergence."""
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[0.5, -1.0]]), torch.tensor([[-1.0, 0.3]])
    posterior, prior = DiagonalNormal(mean.expand(400_000, 2), log_variance.expand(400_000, 2)), StandardNormal(2)
    rate = prior.infer(posterior)[1].mean()
    expected = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    torch.testing.assert_close(rate, expected, atol=0.01, rtol=0)


def test_a_run_names_its_prior() -> None:
    common = {"data": "x", "modality": "image"}
    assert isinstance(build_prior(ImageGan(family="gan", **common)), StandardNormal)  # type: ignore[arg-type]
    assert isinstance(build_prior(ImageVae(family="vae", **common)), Mixture)  # type: ignore[arg-type]
    assert isinstance(build_prior(ImageVae(family="vae", prior="standard", **common)), StandardNormal)  # type: ignore[arg-type]
    assert isinstance(build_prior(ImageVae(family="vae", layers=2, **common)), Ladder)  # type: ignore[arg-type]


def test_the_rate_of_two_layers_estimates_that_of_the_layer_below() -> None:
    """exp(-rate) averages over the deeper latent to p(z) / q(z | x), whatever the network that infers it."""
    torch.manual_seed(0)
    ladder = Ladder(2, StandardNormal(2))
    z = torch.tensor([[0.4, -0.3]])
    fixed = DiagonalNormal(z.expand(200_000, 2), torch.full((200_000, 2), -40.0))
    found, rate = ladder.infer(fixed)
    torch.testing.assert_close(found, z.expand_as(found), atol=1e-6, rtol=0)
    inner = torch.logsumexp(-(rate - fixed.log_prob(found)), 0) - torch.log(torch.tensor(200_000.0))
    y = StandardNormal(2).sample(200_000)
    direct = torch.logsumexp(DiagonalNormal.of(ladder.down(y)).log_prob(z.expand(200_000, 2)), 0) - torch.log(
        torch.tensor(200_000.0)
    )
    torch.testing.assert_close(inner, direct, atol=0.02, rtol=0)
    assert ladder.sample(3).shape == (3, 2)


def test_the_second_stage_finds_the_mixture_that_latents_come_from() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(600, 2) * 0.1 + 2, torch.randn(200, 2) @ torch.tensor([[0.5, 0.4], [0.0, 0.2]]) - 2
    latents = torch.cat([first, second])
    none = torch.zeros(800, 0)
    fitted = fit_mixture(latents, none, seed=0)
    assert len(fitted.log_weights) == components_of(800) == 64
    drawn = fitted.sample(torch.zeros(50_000, 0))
    assert float((drawn.mean(1) > 0).float().mean()) == pytest.approx(0.75, abs=0.01)
    for side in (drawn[drawn.mean(1) > 0], drawn[drawn.mean(1) < 0]):
        nearest = first if float(side.mean()) > 0 else second
        torch.testing.assert_close(side.mean(0), nearest.mean(0), atol=0.03, rtol=0)
        torch.testing.assert_close(torch.cov(side.T), torch.cov(nearest.T), atol=0.02, rtol=0.1)
    again = fit_mixture(latents, none, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(fitted.buffers(), again.buffers(), strict=True))


def test_few_records_get_few_components() -> None:
    assert [components_of(count) for count in (3, 250, 10**6)] == [1, 25, 64]


@pytest.mark.parametrize("records", [60, 3000])  # one component for all classes, and several for each
def test_the_second_stage_draws_the_latents_of_the_class_that_is_asked_for(records: int) -> None:
    torch.manual_seed(0)
    classes = torch.eye(3)[torch.arange(records) % 3]
    centers = torch.tensor([[3.0, 0.0], [-3.0, 1.0], [0.0, -4.0]])
    spread = torch.tensor([[0.5, 0.3], [0.0, 0.2]])
    fitted = fit_mixture(classes @ centers + torch.randn(records, 2) @ spread, classes, seed=0)
    for center, asked in zip(centers, torch.eye(3), strict=True):
        drawn = fitted.sample(asked.expand(20_000, 3))
        torch.testing.assert_close(drawn.mean(0), center, atol=0.15, rtol=0)
        torch.testing.assert_close(torch.cov(drawn.T), spread.T @ spread, atol=0.12, rtol=0.2)


def test_a_condition_moves_the_mean_within_a_component() -> None:
    """Against the closed form for one normal distribution over a latent and a number."""
    covariance = torch.tensor([[[2.0, 6.0], [6.0, 100.0]]], dtype=torch.double)  # the number comes scaled by 10
    mixture = split(torch.ones(1), torch.tensor([[1.0, 20.0]]), covariance, latent=1)
    drawn = mixture.sample(torch.full((200_000, 1), 3.0))
    assert float(drawn.mean()) == pytest.approx(1 + 6 / 100 * (30 - 20), abs=0.01)
    assert float(drawn.var()) == pytest.approx(2 - 36 / 100, abs=0.02)


@pytest.mark.parametrize("limit", [0.1, 1.0, 3.0, 20.0])
def test_truncated_noise_is_that_of_the_truncated_normal_distribution(limit: float) -> None:
    torch.manual_seed(0)
    z = StandardNormal(2).sample(100_000, truncated(limit))
    assert z.dtype == torch.float32
    assert z.abs().max() <= limit * (1 + 1e-6)
    assert kstest(z.flatten().numpy(), truncnorm(-limit, limit).cdf).pvalue > 0.001


def test_a_temperature_scales_what_latents_deviate_by(mixture: Mixture) -> None:
    torch.manual_seed(0)
    ladder = Ladder(3, mixture)
    for draw in (StandardNormal(3).sample, mixture.sample, ladder.sample):
        torch.manual_seed(1)
        plain = draw(50)
        torch.manual_seed(1)
        assert torch.equal(draw(50, cooled(1.0)), plain)
    torch.manual_seed(2)
    cold = mixture.sample(2000, cooled(1e-4))
    assert torch.cdist(cold, mixture.means.detach()).min(1).values.max() < 0.01  # all at a mean
    torch.manual_seed(3)
    y = mixture.sample(20, cooled(1e-6))
    torch.manual_seed(3)
    torch.testing.assert_close(ladder.sample(20, cooled(1e-6)), ladder.down(y)[:, :3].detach(), atol=1e-3, rtol=0)


def test_a_temperature_moves_latents_of_the_second_stage_toward_their_means() -> None:
    generator = torch.Generator().manual_seed(0)
    latents = torch.cat([torch.randn(500, 2, generator=generator) + side for side in (-20.0, 20.0)])
    fitted = fit_mixture(latents, torch.zeros(1000, 0), seed=0)
    spreads = []
    for temperature in (1.0, 0.5):
        torch.manual_seed(0)
        drawn = fitted.sample(torch.zeros(20_000, 0), cooled(temperature))
        assert 0.45 < float((drawn[:, 0] > 0).float().mean()) < 0.55  # no mode is left out
        spreads.append(float(torch.cdist(drawn.double(), fitted.means).min(1).values.square().mean()))
    assert spreads[1] < 0.5 * spreads[0]
