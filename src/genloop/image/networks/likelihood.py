"""What a picture network returns: a distribution over pictures with values in [-1, 1].

The probabilities are those of the stored 8-bit values themselves, never densities, so that the elbo is a true bound in
nats and comparable across models.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from genloop.image.networks.discretized import (
    DiscretizedLogistic,
    DiscretizedNormal,
    LogisticMixture,
    Nats,
    Outputs,
    Pictures,
)


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
        """Draw each channel of a pixel to be 1 with its brightness for a probability, to 1 in 65,536; else -1."""
        thresholds = uniform_integers(x)
        return torch.ones_like(x).copysign_(x.mul(2**15).sub_(thresholds).sub_(0.5))

    def rsample(self) -> Pictures:
        """Refuse: bits are not differentiable."""
        raise NotImplementedError("a Bernoulli likelihood has no differentiable samples")

    def sample(self) -> Pictures:
        """Return the pictures that are handed out: gray by probability."""
        return 2 * torch.sigmoid(self.logits) - 1

    def log_prob(self, x: Pictures) -> Nats:
        """Return the log probability of observed pictures in nats per record."""
        return F.logsigmoid(x * self.logits).flatten(1).sum(1)


def uniform_integers(like: torch.Tensor) -> torch.Tensor:
    """Draw a 16-bit integer for each number of ``like``, four at a time: a third of what floats cost."""
    four = torch.randint(-(2**63), 2**63 - 1, (-(-like.numel() // 4),), device=like.device)
    return four.view(torch.int16)[: like.numel()].view(like.shape)


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
