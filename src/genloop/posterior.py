"""The approximate posterior q(z | x) of a VAE, the same for every kind of data."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genloop.priors import log_normal


@dataclass(frozen=True)
class DiagonalNormal:
    """A normal distribution with a mean and a log variance per latent dimension."""

    mean: Float[Tensor, "batch latent"]
    log_variance: Float[Tensor, "batch latent"]

    def rsample(self) -> Float[Tensor, "batch latent"]:
        """Draw one latent per record, differentiable in mean and variance (Kingma and Welling 2014, section 2.4)."""
        return self.mean + torch.randn_like(self.mean) * torch.exp(0.5 * self.log_variance)

    def log_prob(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, " batch"]:
        """Return log q(z | x) of one latent per record, in nats."""
        return log_normal(z, self.mean, self.log_variance).sum(1)
