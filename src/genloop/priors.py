"""What latents are drawn from, and how probable a latent is."""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from genloop.config import Gan, Vae

COMPONENTS = 32  # of the mixture; more did not help handwritten digits
Latents = Float[Tensor, "batch latent"]


@runtime_checkable
class Prior(Protocol):
    """A distribution over latents."""

    def sample(self, count: int) -> Latents:
        """Draw latents from the global generator."""
        ...

    def log_prob(self, z: Latents) -> Float[Tensor, " batch"]:
        """Return log p(z) in nats."""
        ...


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the log density of a normal distribution, element by element."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean) ** 2 * torch.exp(-log_variance))


class StandardNormal(nn.Module):
    """Independent normal latents with mean 0 and variance 1; nothing to learn."""

    def __init__(self, latent: int) -> None:
        """Take the number of latent dimensions."""
        super().__init__()
        self.latent = latent

    def sample(self, count: int) -> Latents:
        """Draw latents on the CPU, so that they are the same for every device."""
        return torch.randn(count, self.latent)

    def log_prob(self, z: Latents) -> Float[Tensor, " batch"]:
        """Return log p(z) in nats."""
        return log_normal(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)


class Mixture(nn.Module):
    """A mixture of normal distributions, learned with the elbo.

    The prior that makes the elbo largest is the average of the posteriors (Hoffman and Johnson 2016, "ELBO surgery";
    Tomczak and Welling 2018, "VAE with a VampPrior", section 2); a mixture comes near it, so that drawn latents lie
    where the decoder has been trained.
    """

    def __init__(self, latent: int) -> None:
        """Spread the components at random over the standard normal distribution."""
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(COMPONENTS))
        self.means = nn.Parameter(torch.randn(COMPONENTS, latent))
        self.log_variances = nn.Parameter(torch.zeros(COMPONENTS, latent))

    def sample(self, count: int) -> Latents:
        """Draw latents on the CPU, so that they are the same for every device."""
        chosen = torch.multinomial(self.logits.detach().cpu().softmax(0), count, replacement=True)
        noise = torch.randn(count, self.means.shape[1])
        means, log_variances = self.means.detach().cpu()[chosen], self.log_variances.detach().cpu()[chosen]
        return means + noise * torch.exp(0.5 * log_variances)

    def log_prob(self, z: Latents) -> Float[Tensor, " batch"]:
        """Return log p(z) in nats."""
        each = log_normal(z[:, None], self.means, self.log_variances).sum(2)  # [batch, components]
        return torch.logsumexp(F.log_softmax(self.logits, 0) + each, 1)


def build_prior(run: Gan | Vae) -> StandardNormal | Mixture:
    """Return the prior that a run's choices name."""
    return Mixture(run.latent) if run.prior == "mixture" else StandardNormal(run.latent)
