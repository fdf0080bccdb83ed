"""What latents are drawn from, and how probable a latent is."""

import math
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from genloop.config import Gan, Vae
from genloop.posterior import DiagonalNormal, log_normal

LADDER_WIDTH = 8  # hidden units per latent
COMPONENTS = 32  # of the mixture; more did not help handwritten digits
Latents = Float[Tensor, "batch latent"]


@runtime_checkable
class Noise(Protocol):
    """What normal noise is drawn by: called as ``torch.randn`` is, from the global generator."""

    def __call__(self, *shape: int, dtype: Any = None, device: Any = None) -> Tensor:
        """Return noise of this shape."""
        ...


def standard(*shape: int, dtype: Any = None, device: Any = None) -> Tensor:
    """Draw standard normal noise."""
    return torch.randn(*shape, dtype=dtype, device=device)


def truncated(limit: float) -> Noise:
    """Return standard normal noise between ``-limit`` and ``limit``: fewer kinds of records, each more typical.

    Brock et al. 2019, "Large scale GAN training for high fidelity natural image synthesis", section 3.1. Numbers beyond
    the limit are not drawn again, which would take ever longer for small ones; instead even numbers go through the
    inverse of the distribution.
    """
    inside = math.erf(limit / math.sqrt(2))  # the probability of a number within the limit

    def draw(*shape: int, dtype: Any = None, device: Any = None) -> Tensor:
        even = 2 * torch.rand(*shape, dtype=torch.double, device=device) - 1
        z = (math.sqrt(2) * torch.erfinv(inside * even)).clamp(-limit, limit)
        return z.to(dtype or torch.get_default_dtype())

    return draw


def cooled(temperature: float) -> Noise:
    """Return standard normal noise made smaller by a factor: latents stay nearer to the means they are drawn about."""

    def draw(*shape: int, dtype: Any = None, device: Any = None) -> Tensor:
        return temperature * torch.randn(*shape, dtype=dtype, device=device)

    return draw


@runtime_checkable
class Prior(Protocol):
    """A distribution over latents."""

    def sample(self, count: int, noise: Noise = standard) -> Latents:
        """Draw latents from the global generator."""
        ...

    def infer(self, posterior: DiagonalNormal) -> tuple[Latents, Float[Tensor, " batch"]]:
        """Draw the latents that the decoder reads, and return the rate of all latents beside them, in nats."""
        ...


class SingleLayer(nn.Module):
    """A prior over the only layer of latents."""

    def infer(self, posterior: DiagonalNormal) -> tuple[Latents, Float[Tensor, " batch"]]:
        """Draw a latent per record of the posterior and return its rate log q(z | x) - log p(z)."""
        z = posterior.rsample()
        return z, posterior.log_prob(z) - self.log_prob(z)

    def log_prob(self, z: Latents) -> Float[Tensor, " batch"]:
        """Return log p(z) in nats."""
        raise NotImplementedError


class StandardNormal(SingleLayer):
    """Independent normal latents with mean 0 and variance 1; nothing to learn."""

    def __init__(self, latent: int) -> None:
        """Take the number of latent dimensions."""
        super().__init__()
        self.latent = latent

    def sample(self, count: int, noise: Noise = standard) -> Latents:
        """Draw latents on the CPU, so that they are the same for every device."""
        return noise(count, self.latent)

    def log_prob(self, z: Latents) -> Float[Tensor, " batch"]:
        """Return log p(z) in nats."""
        return log_normal(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)


class Mixture(SingleLayer):
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

    def sample(self, count: int, noise: Noise = standard) -> Latents:
        """Draw latents on the CPU, so that they are the same for every device."""
        chosen = torch.multinomial(self.logits.detach().cpu().softmax(0), count, replacement=True)
        drawn = noise(count, self.means.shape[1])
        means, log_variances = self.means.detach().cpu()[chosen], self.log_variances.detach().cpu()[chosen]
        return means + drawn * torch.exp(0.5 * log_variances)

    def log_prob(self, z: Latents) -> Float[Tensor, " batch"]:
        """Return log p(z) in nats."""
        each = log_normal(z[:, None], self.means, self.log_variances).sum(2)  # [batch, components]
        return torch.logsumexp(F.log_softmax(self.logits, 0) + each, 1)


class Ladder(nn.Module):
    """Two layers of latents: a deeper one with a prior of its own, and the one that the decoder reads, given it.

    p(z, y) = p(y) p(z | y) and q(z, y | x) = q(z | x) q(y | z) (Burda et al. 2016, "Importance weighted autoencoders",
    section 2 and appendix A).
    """

    def __init__(self, latent: int, deepest: "StandardNormal | Mixture") -> None:
        """Connect both layers by networks with one hidden layer."""
        super().__init__()
        self.deepest = deepest
        width = LADDER_WIDTH * latent
        self.up, self.down = (
            nn.Sequential(nn.Linear(latent, width), nn.SiLU(), nn.Linear(width, 2 * latent)) for _ in range(2)
        )

    def sample(self, count: int, noise: Noise = standard) -> Latents:
        """Draw the deeper latents, then those that the decoder reads, on the CPU."""
        y = self.deepest.sample(count, noise)
        device = next(self.parameters()).device
        given = DiagonalNormal.of(self.down(y.to(device)))
        drawn = noise(*given.mean.shape, dtype=given.mean.dtype, device=device)
        return (given.mean + drawn * torch.exp(0.5 * given.log_variance)).cpu()

    def infer(self, posterior: DiagonalNormal) -> tuple[Latents, Float[Tensor, " batch"]]:
        """Draw both latents; the rate is that of both."""
        z = posterior.rsample()
        y, deeper = self.deepest.infer(DiagonalNormal.of(self.up(z)))
        return z, posterior.log_prob(z) - DiagonalNormal.of(self.down(y)).log_prob(z) + deeper


class FittedMixture(nn.Module):
    """A mixture of normal distributions over latents and conditions, fitted after training: second_stage.py.

    Drawn from given a condition: the components are as probable as the condition is under each, and their means move
    with it (Bishop 2006, "Pattern recognition and machine learning", equations 2.81 and 2.82).
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor
    slopes: Tensor
    condition_means: Tensor
    condition_factors: Tensor

    def __init__(self, components: int, latent: int, conditions: int) -> None:
        """Make room for a fit."""
        super().__init__()
        shapes = {
            "log_weights": (components,),
            "means": (components, latent),
            "factors": (components, latent, latent),  # Cholesky, of the covariances given the condition
            "slopes": (components, latent, conditions),  # of the means
            "condition_means": (components, conditions),
            "condition_factors": (components, conditions, conditions),  # Cholesky, of the conditions' own covariances
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.double))

    def sample(self, conditions: Tensor, noise: Noise = standard) -> Tensor:
        """Draw a latent for each condition on the CPU: [batch, conditions] -> [batch, latent]."""
        means, factors, slopes = (buffer.cpu() for buffer in (self.means, self.factors, self.slopes))
        conditions = conditions[:, : slopes.shape[2]]  # none, where none were fitted: the decoder then sees to them
        away = conditions.cpu().double()[:, None] - self.condition_means.cpu()  # [batch, components, conditions]
        chosen = torch.multinomial(self._responsibilities(away), 1).squeeze(1)
        moved = (slopes[chosen] @ away[torch.arange(len(away)), chosen, :, None]).squeeze(2)
        drawn = noise(len(chosen), means.shape[1], 1, dtype=torch.double)
        return (means[chosen] + moved + (factors[chosen] @ drawn).squeeze(2)).float()

    def _responsibilities(self, away: Tensor) -> Tensor:
        """Return the probability of each component given how far each condition is from its mean."""
        factors = self.condition_factors.cpu()
        white = torch.linalg.solve_triangular(factors, away.permute(1, 2, 0), upper=False)
        log_density = -0.5 * white.square().sum(1) - factors.diagonal(dim1=1, dim2=2).log().sum(1, keepdim=True)
        return (self.log_weights.cpu()[:, None] + log_density).softmax(0).T


def build_prior(run: Gan | Vae) -> StandardNormal | Mixture | Ladder:
    """Return the prior that a run's choices name."""
    prior = Mixture(run.latent) if run.prior == "mixture" else StandardNormal(run.latent)
    return Ladder(run.latent, prior) if isinstance(run, Vae) and run.layers == 2 else prior
