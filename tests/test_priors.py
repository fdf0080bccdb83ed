"""Priors and posteriors against PyTorch's distributions."""

import pytest
import torch
from torch import distributions as d

from genloop.config import Gan, Vae
from genloop.posterior import DiagonalNormal
from genloop.priors import Mixture, StandardNormal, build_prior


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
    z = posterior.rsample()
    rate = (posterior.log_prob(z) - prior.log_prob(z)).mean()
    expected = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    torch.testing.assert_close(rate, expected, atol=0.01, rtol=0)


def test_a_run_names_its_prior() -> None:
    common = {"data": "x", "modality": "image"}
    assert isinstance(build_prior(Gan(family="gan", **common)), StandardNormal)  # type: ignore[arg-type]
    assert isinstance(build_prior(Vae(family="vae", **common)), Mixture)  # type: ignore[arg-type]
    assert isinstance(build_prior(Vae(family="vae", prior="standard", **common)), StandardNormal)  # type: ignore[arg-type]
