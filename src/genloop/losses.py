"""Losses as pure functions: one value per record, in nats where they are likelihoods; the system takes the mean."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Verdicts = Float[Tensor, " batch"]
Critic = Callable[[Tensor], Verdicts]
DIFFERENCE_STEP = 0.01  # of values in [-1, 1]: about a step between two bytes


class AdversarialLoss(NamedTuple):
    """The two sides of an adversarial game, each a function of the critic's verdicts on real and on fake records."""

    critic: Callable[[Verdicts, Verdicts], Verdicts]
    generator: Callable[[Verdicts | None, Verdicts], Verdicts]
    generator_sees_real: bool = False


def _non_saturating_critic(real: Verdicts, fake: Verdicts) -> Verdicts:
    return F.softplus(-real) + F.softplus(fake)


def _non_saturating_generator(real: Verdicts | None, fake: Verdicts) -> Verdicts:
    return F.softplus(-fake)


def _hinge_critic(real: Verdicts, fake: Verdicts) -> Verdicts:
    return F.relu(1 - real) + F.relu(1 + fake)


def _hinge_generator(real: Verdicts | None, fake: Verdicts) -> Verdicts:
    return -fake


def _relativistic_critic(real: Verdicts, fake: Verdicts) -> Verdicts:
    return F.softplus(fake - real)


def _relativistic_generator(real: Verdicts | None, fake: Verdicts) -> Verdicts:
    assert real is not None
    return F.softplus(real - fake)


def _wasserstein_critic(real: Verdicts, fake: Verdicts) -> Verdicts:
    return fake - real


def _wasserstein_generator(real: Verdicts | None, fake: Verdicts) -> Verdicts:
    return -fake


ADVERSARIAL = {
    # Goodfellow et al. 2014, "Generative adversarial nets", equation 1 and the remark on saturation in section 3.
    "non_saturating": AdversarialLoss(_non_saturating_critic, _non_saturating_generator),
    # Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral normalization for GANs".
    "hinge": AdversarialLoss(_hinge_critic, _hinge_generator),
    # Jolicoeur-Martineau 2019, "The relativistic discriminator"; Huang et al. 2024, "The GAN is dead".
    "relativistic": AdversarialLoss(_relativistic_critic, _relativistic_generator, generator_sees_real=True),
    # Arjovsky et al. 2017, "Wasserstein generative adversarial networks"; holds only with a penalty on the slope.
    "wasserstein": AdversarialLoss(_wasserstein_critic, _wasserstein_generator),
}


def gradient_penalty(critic: Critic, x: Tensor) -> Verdicts:
    """Return half the squared norm of the critic's gradient at each record of ``x``.

    On real records this is R1, on fake ones R2 (Mescheder et al. 2018, "Which training methods for GANs do actually
    converge?"), each still to be weighted.
    """
    return 0.5 * _gradient(critic, x).square().sum(1)


def difference_penalty(critic: Critic, x: Tensor) -> Verdicts:
    """Estimate :func:`gradient_penalty` from how far the verdict moves with a small normal step from each record.

    For a step s v with v standard normal, the mean of ((critic(x + s v) - critic(x)) / s)^2 tends to the squared norm
    of the gradient as s tends to 0. It needs no derivative of a derivative (Lin et al. 2025, "Diffusion adversarial
    post-training for one-step video generation", section on the approximated R1).
    """
    moved = critic(x + DIFFERENCE_STEP * torch.randn_like(x))
    return 0.5 * ((moved - critic(x)) / DIFFERENCE_STEP).square()


def lipschitz_penalty(critic: Critic, x: Tensor) -> Verdicts:
    """Return how far the norm of the critic's gradient at each record of ``x`` is from 1, squared.

    Gulrajani et al. 2017, "Improved training of Wasserstein GANs", equation 3, for ``x`` between real and fake records.
    """
    return (_gradient(critic, x).norm(dim=1) - 1).square()


def _gradient(critic: Critic, x: Tensor) -> Float[Tensor, "batch numbers"]:
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.flatten(1)


def between(real: Tensor, fake: Tensor) -> Tensor:
    """Return a record on the line between each real and each fake one, at a place drawn evenly."""
    place = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    return torch.lerp(real, fake, place)


def negative_bound(log_weights: Float[Tensor, "draws batch"]) -> Verdicts:
    """Return the loss of a VAE in nats per record from log p(x, z) - log q(z | x) of each draw of the latent.

    With one draw this is the negative elbo, with more the importance-weighted bound (Burda et al. 2016, "Importance
    weighted autoencoders", equation 8).
    """
    if len(log_weights) == 1:
        return -log_weights[0]  # the same, sooner
    return math.log(len(log_weights)) - torch.logsumexp(log_weights, 0)


def with_free_bits(rate: Float[Tensor, ""], bits: float) -> Float[Tensor, ""]:
    """Return the mean rate of a batch in nats, its first ``bits`` at no cost.

    Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow", appendix C.8, here over all
    latents of a batch together, so that it holds for every prior.
    """
    return torch.maximum(rate, torch.full_like(rate, bits * math.log(2)))
