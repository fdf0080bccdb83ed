"""Losses as pure functions: one value per record, in nats where they are likelihoods; the system takes the mean."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Verdicts = Float[Tensor, " batch"]


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


ADVERSARIAL = {
    # Goodfellow et al. 2014, "Generative adversarial nets", equation 1 and the remark on saturation in section 3.
    "non_saturating": AdversarialLoss(_non_saturating_critic, _non_saturating_generator),
    # Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral normalization for GANs".
    "hinge": AdversarialLoss(_hinge_critic, _hinge_generator),
    # Jolicoeur-Martineau 2019, "The relativistic discriminator"; Huang et al. 2024, "The GAN is dead".
    "relativistic": AdversarialLoss(_relativistic_critic, _relativistic_generator, generator_sees_real=True),
}


def gradient_penalty(verdicts: Verdicts, x: Tensor) -> Verdicts:
    """Return half the squared norm of the critic's gradient at each record of ``x``, which must require gradients.

    On real records this is R1, on fake ones R2 (Mescheder et al. 2018, "Which training methods for GANs do actually
    converge?"), each still to be weighted.
    """
    (gradient,) = torch.autograd.grad(verdicts.sum(), x, create_graph=True)
    return 0.5 * gradient.flatten(1).square().sum(1)


def negative_elbo(rate: Verdicts, distortion: Verdicts) -> Verdicts:
    """Return the loss of a VAE in nats per record: rate plus distortion (Alemi et al. 2018, "Fixing a broken ELBO")."""
    return rate + distortion
