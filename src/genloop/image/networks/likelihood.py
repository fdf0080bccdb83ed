"""What a picture network returns: a distribution over pictures with values in [-1, 1].

The probabilities are those of the stored 8-bit values themselves, never densities, so that the elbo is a true bound in
nats and comparable across models.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from genloop.image.networks.logistic import LEVELS, DiscretizedLogistic, LogisticMixture

Pictures = Float[Tensor, "batch channels height width"]
Outputs = Float[Tensor, "batch outputs height width"]
Nats = Float[Tensor, " batch"]
LOWEST, HIGHEST = -7.0, 3.0  # log deviations: a ninth of a step between bytes, and ten times the range


@dataclass(frozen=True)
class PointMass:
    """All probability on one picture: what a GAN's generator returns."""

    pictures: Pictures

    def rsample(self) -> Pictures:
        """Return the pictures, differentiable, for the critic."""
        return self.pictures

    def sample(self) -> Pictures:
        """Return the pictures that are handed out."""
        return self.pictures

    def log_prob(self, x: Pictures) -> Nats:
        """Refuse: a point mass has no density, which is why a GAN has no likelihood."""
        raise NotImplementedError("a GAN's generator has no likelihood")


@dataclass(frozen=True)
class Bernoulli:
    """Each channel of a pixel is -1 or 1; gray pictures are made so by chance, anew each time that they are observed.

    Known as dynamic binarization (Burda et al. 2016, "Importance weighted autoencoders", section 5.1).
    """

    outputs_per_channel: ClassVar[int] = 1
    outputs_per_pixel: ClassVar[int] = 0
    logits: Pictures

    @staticmethod
    def of(outputs: Outputs, channels: int) -> "Bernoulli":
        """Take a network's outputs for logits."""
        return Bernoulli(outputs)

    @staticmethod
    def observed(x: Pictures) -> Pictures:
        """Draw each channel of a pixel to be 1 with its brightness for a probability."""
        return torch.where(2 * torch.rand_like(x) - 1 < x, 1.0, -1.0)

    def rsample(self) -> Pictures:
        """Refuse: bits are not differentiable."""
        raise NotImplementedError("a Bernoulli likelihood has no differentiable samples")

    def sample(self) -> Pictures:
        """Return the pictures that are handed out: gray by probability."""
        return 2 * torch.sigmoid(self.logits) - 1

    def log_prob(self, x: Pictures) -> Nats:
        """Return the log probability of observed pictures in nats per record."""
        return F.logsigmoid(x * self.logits).flatten(1).sum(1)


@dataclass(frozen=True)
class DiscretizedNormal:
    """A normal distribution per channel and pixel with a learned deviation, integrated like the logistic one."""

    outputs_per_channel: ClassVar[int] = 2
    outputs_per_pixel: ClassVar[int] = 0
    location: Pictures
    log_scale: Pictures

    @classmethod
    def of(cls, outputs: Outputs, channels: int) -> "DiscretizedNormal":
        """Take a network's outputs for locations, before the hyperbolic tangent, and log deviations."""
        location, log_scale = outputs.chunk(2, dim=1)
        return cls(torch.tanh(location), log_scale.clamp(LOWEST, HIGHEST))

    @staticmethod
    def observed(x: Pictures) -> Pictures:
        """Return pictures as they are."""
        return x

    def rsample(self) -> Pictures:
        """Draw pictures, differentiable in location and deviation, before rounding to bytes."""
        return (self.location + self.log_scale.exp() * torch.randn_like(self.location)).clamp(-1, 1)

    def sample(self) -> Pictures:
        """Return the pictures that are handed out: the location."""
        return self.location

    def log_prob(self, x: Pictures) -> Nats:
        """Return the log probability of 8-bit pictures in nats per record; the outer bins reach to infinity."""
        inverse_scale = torch.exp(-self.log_scale)
        # Both ends are mirrored to the lower tail, where the logs of the distribution function keep their digits.
        distance = (x - self.location).abs()
        near, far = -(distance - 1 / LEVELS) * inverse_scale, -(distance + 1 / LEVELS) * inverse_scale
        log_near, log_far = torch.special.log_ndtr(near), torch.special.log_ndtr(far)
        inside = log_near + torch.log1p(-torch.exp(log_far - log_near).clamp(max=1 - 1e-7))
        upper, lower = (x - self.location + 1 / LEVELS), (x - self.location - 1 / LEVELS)
        log_prob = torch.where(x > 1 - 1 / LEVELS, torch.special.log_ndtr(-lower * inverse_scale), inside)
        log_prob = torch.where(x < -1 + 1 / LEVELS, torch.special.log_ndtr(upper * inverse_scale), log_prob)
        return log_prob.flatten(1).sum(1)


Modeled = Bernoulli | DiscretizedLogistic | DiscretizedNormal | LogisticMixture
LIKELIHOODS: dict[str, type[Modeled]] = {
    "bernoulli": Bernoulli,
    "gaussian": DiscretizedNormal,
    "logistic": DiscretizedLogistic,
    "logistic_mixture": LogisticMixture,
}


def outputs_of(likelihood: type[Modeled], channels: int) -> int:
    """Return how many outputs per pixel a network needs for a likelihood."""
    return likelihood.outputs_per_channel * channels + likelihood.outputs_per_pixel
