"""Likelihoods of pictures that give probabilities to the 256 values of an 8-bit channel."""

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Pictures = Float[Tensor, "batch channels height width"]
Outputs = Float[Tensor, "batch outputs height width"]
Nats = Float[Tensor, " batch"]
LEVELS = 255  # steps between the 256 values of an 8-bit channel
HIGHEST = 3.0  # log scale: ten times the range
COMPONENTS = 5  # of a mixture
T = TypeVar("T", bound="Discretized")


@dataclass(frozen=True)
class Discretized:
    """A distribution per channel and pixel with a location and a scale, integrated over the values of a channel."""

    outputs_per_channel: ClassVar[int] = 2
    outputs_per_pixel: ClassVar[int] = 0
    lowest: ClassVar[float]  # log scale, below which it would be narrower than bytes can show
    location: Pictures
    log_scale: Pictures

    @classmethod
    def of(cls: type[T], outputs: Outputs, channels: int) -> T:
        """Take a network's outputs for locations, before the hyperbolic tangent, and log scales."""
        location, log_scale = outputs.chunk(2, dim=1)
        return cls(torch.tanh(location), log_scale.clamp(cls.lowest, HIGHEST))

    @staticmethod
    def observed(x: Pictures) -> Pictures:
        """Return pictures as they are."""
        return x

    def sample(self) -> Pictures:
        """Return the pictures that are handed out: the location, without the independent noise of each pixel."""
        return self.location


@dataclass(frozen=True)
class DiscretizedLogistic(Discretized):
    """Logistic distributions.

    Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow"; Salimans et al. 2017,
    "PixelCNN++", section 2.1.
    """

    lowest: ClassVar[float] = -9.0  # a sixtieth of a step between bytes

    def rsample(self) -> Pictures:
        """Draw pictures, differentiable in location and scale, before rounding to bytes."""
        u = torch.rand_like(self.location).clamp(1e-5, 1 - 1e-5)
        return (self.location + self.log_scale.exp() * (u.log() - (-u).log1p())).clamp(-1, 1)

    def log_prob(self, x: Pictures) -> Nats:
        """Return the log probability of 8-bit pictures in nats per record; the outer bins reach to infinity."""
        return logistic_bin(x, self.location, self.log_scale).flatten(1).sum(1)


@dataclass(frozen=True)
class DiscretizedNormal(Discretized):
    """Normal distributions; the scale is the deviation."""

    lowest: ClassVar[float] = -7.0  # a ninth of a step between bytes

    def rsample(self) -> Pictures:
        """Draw pictures, differentiable in location and deviation, before rounding to bytes."""
        return (self.location + self.log_scale.exp() * torch.randn_like(self.location)).clamp(-1, 1)

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


def logistic_bin(x: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log probability of the bin around each value of ``x``, in nats, element by element."""
    inverse_scale = torch.exp(-log_scale)
    upper = (x - location + 1 / LEVELS) * inverse_scale
    lower = (x - location - 1 / LEVELS) * inverse_scale
    # log(sigmoid(upper) - sigmoid(lower)) without cancellation: both terms below are logs of sigmoids.
    inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
    log_prob = torch.where(x > 1 - 1 / LEVELS, F.logsigmoid(-lower), inside)
    return torch.where(x < -1 + 1 / LEVELS, F.logsigmoid(upper), log_prob)


@dataclass(frozen=True)
class LogisticMixture:
    """A mixture of discretized logistic distributions per pixel; its channels share the choice of the component.

    Salimans et al. 2017, "PixelCNN++", section 2.1, without the dependence of a channel on the channels before it.
    """

    outputs_per_channel: ClassVar[int] = 2 * COMPONENTS
    outputs_per_pixel: ClassVar[int] = COMPONENTS
    log_weights: Float[Tensor, "batch components height width"]
    locations: Float[Tensor, "batch components channels height width"]
    log_scales: Float[Tensor, "batch components channels height width"]

    @classmethod
    def of(cls, outputs: Outputs, channels: int) -> "LogisticMixture":
        """Take a network's outputs for the weights of the components, their locations and their log scales."""
        weights, rest = outputs.split([COMPONENTS, 2 * COMPONENTS * channels], dim=1)
        locations, log_scales = rest.unflatten(1, (2, COMPONENTS, channels)).unbind(1)
        spread = torch.linspace(-1, 1, COMPONENTS, device=outputs.device)[:, None, None, None]  # breaks the symmetry
        return cls(
            F.log_softmax(weights, 1),
            torch.tanh(locations + spread),
            log_scales.clamp(DiscretizedLogistic.lowest, HIGHEST),
        )

    @staticmethod
    def observed(x: Pictures) -> Pictures:
        """Return pictures as they are."""
        return x

    def rsample(self) -> Pictures:
        """Draw pictures, differentiable in location and scale of the component that was drawn for each pixel."""
        drawn = torch.distributions.Categorical(logits=self.log_weights.movedim(1, -1)).sample()
        return DiscretizedLogistic(self._chosen(self.locations, drawn), self._chosen(self.log_scales, drawn)).rsample()

    def sample(self) -> Pictures:
        """Return the pictures that are handed out: the mean of the components."""
        return (self.log_weights.exp()[:, :, None] * self.locations).sum(1)

    def log_prob(self, x: Pictures) -> Nats:
        """Return the log probability of 8-bit pictures in nats per record."""
        each = logistic_bin(x[:, None], self.locations, self.log_scales).sum(2)  # [batch, components, height, width]
        return torch.logsumexp(self.log_weights + each, 1).flatten(1).sum(1)

    @staticmethod
    def _chosen(values: Tensor, component: Tensor) -> Tensor:
        index = component[:, None, None].expand(-1, 1, values.shape[2], -1, -1)
        return values.gather(1, index).squeeze(1)
