"""Residual convolutional networks for pictures from 8 to 64 pixels a side, square or not.

The generator and the decoder grow a picture from a coarse grid, the critic and the encoder shrink it back. Each level
halves the sides, rounded up, until the shorter one is below 8; channels double with each level, up to 8-fold.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from genloop.config import Gan, Vae
from genloop.image.data import PictureSchema
from genloop.image.networks.likelihood import DiscretizedLogistic, PointMass
from genloop.posterior import DiagonalNormal

Size = tuple[int, int]


def level_sizes(height: int, width: int) -> list[Size]:
    """Return the grid sizes (height, width) from the finest to the coarsest."""
    sizes = [(height, width)]
    while min(sizes[-1]) >= 8:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def level_channels(width: int, levels: int) -> list[int]:
    """Return the number of channels of each level, from the finest to the coarsest."""
    return [width * min(2**level, 8) for level in range(levels)]


class GrowBlock(nn.Module):
    """A residual block that resizes its grid to ``size``: [batch, cin, h, w] -> [batch, cout, *size].

    One convolution works before growing and one after, which costs half of two after.
    """

    def __init__(self, cin: int, cout: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.norm1, self.norm2 = nn.BatchNorm2d(cin), nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the grown features."""
        h = F.interpolate(self.conv1(F.relu(self.norm1(x))), size=self.size)
        h = self.conv2(F.relu(self.norm2(h)))
        return h + F.interpolate(self.skip(x), size=self.size)


class ShrinkBlock(nn.Module):
    """A residual block that halves its grid, rounded up: [batch, cin, h, w] -> [batch, cout, h / 2, w / 2]."""

    def __init__(self, cin: int, cout: int, norm: bool) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(cin) if norm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(cin) if norm else nn.Identity()
        self.conv1 = nn.Conv2d(cin, cin, 3, padding=1)
        self.conv2 = nn.Conv2d(cin, cout, 3, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the shrunk features."""
        h = halve(self.conv1(F.leaky_relu(self.norm1(x), 0.2)))
        h = self.conv2(F.leaky_relu(self.norm2(h), 0.2))
        return h + self.skip(halve(x))


def halve(x: Tensor) -> Tensor:
    """Pool a grid to half its sides, rounded up."""
    return F.avg_pool2d(x, 2, ceil_mode=True)


class Grow(nn.Module):
    """Latent to features of the finest level: [batch, latent] -> [batch, width, height, width]."""

    def __init__(self, latent: int, width: int, size: Size) -> None:
        super().__init__()
        sizes = level_sizes(*size)[::-1]
        channels = level_channels(width, len(sizes))[::-1]
        self.coarse = (channels[0], *sizes[0])
        self.input = nn.Linear(latent, channels[0] * sizes[0][0] * sizes[0][1])
        steps = zip(pairwise(channels), sizes[1:], strict=True)
        self.blocks = nn.Sequential(*(GrowBlock(cin, cout, grid) for (cin, cout), grid in steps))
        self.norm = nn.BatchNorm2d(channels[-1])

    def forward(self, z: Tensor) -> Tensor:
        """Return the features that an output layer reads."""
        return F.relu(self.norm(self.blocks(self.input(z).unflatten(1, self.coarse))))


class Shrink(nn.Module):
    """Picture to flat features of the coarsest level: [batch, channels, height, width] -> [batch, features]."""

    def __init__(self, channels: int, width: int, size: Size, norm: bool) -> None:
        super().__init__()
        sizes = level_sizes(*size)
        widths = level_channels(width, len(sizes))
        self.input = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.blocks = nn.Sequential(*(ShrinkBlock(cin, cout, norm) for cin, cout in pairwise(widths)))
        self.norm = nn.BatchNorm2d(widths[-1]) if norm else nn.Identity()
        self.features = widths[-1] * sizes[-1][0] * sizes[-1][1]

    def forward(self, x: Tensor) -> Tensor:
        """Return the features that an output layer reads."""
        return F.leaky_relu(self.norm(self.blocks(self.input(x))), 0.2).flatten(1)


class Generator(nn.Module):
    """Latent to picture: the distribution is a point mass, since the latent holds all the randomness."""

    def __init__(self, run: Gan, schema: PictureSchema) -> None:
        super().__init__()
        self.latent = run.latent
        self.body = Grow(run.latent, run.width, (schema.height, schema.width))
        self.output = nn.Conv2d(run.width, schema.channels, 3, padding=1)

    def forward(self, z: Float[Tensor, "batch latent"]) -> PointMass:
        """Return the picture of each latent, in [-1, 1]."""
        return PointMass(torch.tanh(self.output(self.body(z))))


class Critic(nn.Module):
    """Picture to one number: high for real, low for fake."""

    def __init__(self, run: Gan, schema: PictureSchema) -> None:
        super().__init__()
        self.body = Shrink(schema.channels, run.width, (schema.height, schema.width), norm=run.critic_norm)
        self.output = nn.Linear(self.body.features, 1)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """Return the critic's verdict, a logit."""
        return self.output(self.body(x)).squeeze(1)


class Encoder(nn.Module):
    """Picture to the approximate posterior of its latent."""

    def __init__(self, run: Vae, schema: PictureSchema) -> None:
        super().__init__()
        self.body = Shrink(schema.channels, run.width, (schema.height, schema.width), norm=True)
        self.output = nn.Linear(self.body.features, 2 * run.latent)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> DiagonalNormal:
        """Return q(z | x)."""
        mean, log_variance = self.output(self.body(x)).chunk(2, dim=1)
        return DiagonalNormal(mean, log_variance.clamp(-12.0, 8.0))


class Decoder(nn.Module):
    """Latent to a distribution over pictures."""

    def __init__(self, run: Vae, schema: PictureSchema) -> None:
        super().__init__()
        self.latent = run.latent
        self.body = Grow(run.latent, run.width, (schema.height, schema.width))
        self.output = nn.Conv2d(run.width, 2 * schema.channels, 3, padding=1)

    def forward(self, z: Float[Tensor, "batch latent"]) -> DiscretizedLogistic:
        """Return p(x | z)."""
        location, log_scale = self.output(self.body(z)).chunk(2, dim=1)
        return DiscretizedLogistic(torch.tanh(location), log_scale)
