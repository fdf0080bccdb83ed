"""Normal distributions over latents, such as the approximate posterior q(z | x), the same for every kind of data."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

ACTIVE = 0.01  # variance of a posterior's mean over records, above which a latent is active


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the log density of a normal distribution in nats, element by element."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean) ** 2 * torch.exp(-log_variance))


def active_units(means: Float[Tensor, "records latent"]) -> int:
    """Return how many latent dimensions are in use: their posterior means vary over records (Burda et al. 2016)."""
    return int((means.var(0) > ACTIVE).sum())


@dataclass(frozen=True)
class DiagonalNormal:
    """A normal distribution with a mean and a log variance per latent dimension."""

    mean: Float[Tensor, "batch latent"]
    log_variance: Float[Tensor, "batch latent"]

    @staticmethod
    def of(outputs: Float[Tensor, "batch outputs"]) -> "DiagonalNormal":
        """Take a network's outputs for means and log variances, held between 6e-6 and 3,000."""
        mean, log_variance = outputs.float().chunk(2, dim=1)
        return DiagonalNormal(mean, log_variance.clamp(-12.0, 8.0))

    def repeated(self, draws: int) -> "DiagonalNormal":
        """Return the distribution with its records one after the other, ``draws`` times: [draws * batch, latent]."""
        return DiagonalNormal(self.mean.repeat(draws, 1), self.log_variance.repeat(draws, 1))

    def rsample(self) -> Float[Tensor, "batch latent"]:
        """Draw one latent per record, differentiable in mean and variance (Kingma and Welling 2014, section 2.4)."""
        return self.mean + torch.randn_like(self.mean) * torch.exp(0.5 * self.log_variance)

    def log_prob(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, " batch"]:
        """Return log q(z | x) of one latent per record, in nats."""
        return log_normal(z, self.mean, self.log_variance).sum(1)
