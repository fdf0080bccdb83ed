"""What a picture network returns: a distribution over pictures with values in [-1, 1]."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Pictures = Float[Tensor, "batch channels height width"]
LEVELS = 255  # steps between the 256 values of an 8-bit channel


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

    def log_prob(self, x: Pictures) -> Float[Tensor, " batch"]:
        """Refuse: a point mass has no density, which is why a GAN has no likelihood."""
        raise NotImplementedError("a GAN's generator has no likelihood")


@dataclass(frozen=True)
class DiscretizedLogistic:
    """A logistic distribution per channel and pixel, integrated over the 256 values that an 8-bit channel can take.

    Its log probability is that of the stored bytes themselves, so the elbo is a true bound in nats, comparable across
    models (Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow"; Salimans et al. 2017,
    "PixelCNN++", section 2.1).
    """

    location: Pictures
    log_scale: Pictures

    def rsample(self) -> Pictures:
        """Draw pictures, differentiable in location and scale, before rounding to bytes."""
        u = torch.rand_like(self.location).clamp(1e-5, 1 - 1e-5)
        return (self.location + self._log_scale().exp() * (u.log() - (-u).log1p())).clamp(-1, 1)

    def sample(self) -> Pictures:
        """Return the pictures that are handed out: the location, without the independent noise of each pixel."""
        return self.location

    def log_prob(self, x: Pictures) -> Float[Tensor, " batch"]:
        """Return the log probability of 8-bit pictures in nats per record; the outer bins reach to infinity."""
        inverse_scale = torch.exp(-self._log_scale())
        upper = (x - self.location + 1 / LEVELS) * inverse_scale
        lower = (x - self.location - 1 / LEVELS) * inverse_scale
        # log(sigmoid(upper) - sigmoid(lower)) without cancellation: both terms below are logs of sigmoids.
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
        log_prob = torch.where(x > 1 - 1 / LEVELS, F.logsigmoid(-lower), inside)
        log_prob = torch.where(x < -1 + 1 / LEVELS, F.logsigmoid(upper), log_prob)
        return log_prob.flatten(1).sum(1)

    def _log_scale(self) -> Pictures:
        """Return the log scale, held between a sixtieth of a step and ten times the range."""
        return self.log_scale.clamp(-9.0, 3.0)
