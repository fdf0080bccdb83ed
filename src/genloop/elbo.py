"""Rate and distortion: the two parts of every bound on the likelihood of a record."""

from typing import Any

from torch import Tensor

from genloop.posterior import DiagonalNormal
from genloop.priors import Prior


def rate_and_distortion(
    prior: Prior, decoder: Any, posterior: DiagonalNormal, x: Tensor, condition: Tensor, draws: int
) -> tuple[Tensor, Tensor]:
    """Return both in nats for so many latents of each observed record: [draws, batch].

    Alemi et al. 2018, "Fixing a broken ELBO": their sum over one draw is the negative elbo.
    """
    if draws > 1:
        posterior, condition = posterior.repeated(draws), condition.repeat(draws, 1)
        x = x.repeat(draws, *[1] * (x.ndim - 1))
    z, rate = prior.infer(posterior)
    distortion = -decoder(z, condition).log_prob(x)
    return rate.unflatten(0, (draws, -1)), distortion.unflatten(0, (draws, -1))
