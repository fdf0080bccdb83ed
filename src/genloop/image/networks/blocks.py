"""Residual blocks between a vector and a picture of 8 to 256 pixels a side, square or not, of any channels.

A picture grows from a coarse grid or shrinks to it. Each level halves the sides, rounded up, until the shorter one is
below 8; channels double with each level, up to 8-fold.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

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

    def __init__(self, cin: int, cout: int, norm: str) -> None:
        super().__init__()
        self.norm1, self.norm2 = normalization(cin, norm), normalization(cin, norm)
        self.conv1 = bounded(nn.Conv2d(cin, cin, 3, padding=1), norm)
        self.conv2 = bounded(nn.Conv2d(cin, cout, 3, padding=1), norm)
        self.skip = bounded(nn.Conv2d(cin, cout, 1), norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return the shrunk features."""
        h = halve(self.conv1(F.leaky_relu(self.norm1(x), 0.2)))
        h = self.conv2(F.leaky_relu(self.norm2(h), 0.2))
        return h + self.skip(halve(x))


def normalization(channels: int, norm: str) -> nn.Module:
    """Return batch normalization where ``norm`` is ``batch``, else nothing."""
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()


def bounded(layer: nn.Module, norm: str) -> nn.Module:
    """Return the layer, held to a spectral norm of 1 where ``norm`` is ``spectral`` (Miyato et al. 2018)."""
    return spectral_norm(layer) if norm == "spectral" else layer


def halve(x: Tensor) -> Tensor:
    """Pool a grid to half its sides, rounded up."""
    return F.avg_pool2d(x, 2, ceil_mode=True)


class Grow(nn.Module):
    """Vector to features of the finest level: [batch, inputs] -> [batch, width, height, width]."""

    def __init__(self, inputs: int, width: int, size: Size) -> None:
        super().__init__()
        sizes = level_sizes(*size)[::-1]
        channels = level_channels(width, len(sizes))[::-1]
        self.coarse = (channels[0], *sizes[0])
        self.input = nn.Linear(inputs, channels[0] * sizes[0][0] * sizes[0][1])
        steps = zip(pairwise(channels), sizes[1:], strict=True)
        self.blocks = nn.Sequential(*(GrowBlock(cin, cout, grid) for (cin, cout), grid in steps))
        self.norm = nn.BatchNorm2d(channels[-1])

    def forward(self, vector: Tensor) -> Tensor:
        """Return the features that an output layer reads."""
        return F.relu(self.norm(self.blocks(self.input(vector).unflatten(1, self.coarse))))


class Shrink(nn.Module):
    """Picture to flat features of the coarsest level: [batch, channels, height, width] -> [batch, features]."""

    def __init__(self, channels: int, width: int, size: Size, norm: str) -> None:
        super().__init__()
        sizes = level_sizes(*size)
        widths = level_channels(width, len(sizes))
        self.input = bounded(nn.Conv2d(channels, widths[0], 3, padding=1), norm)
        self.blocks = nn.Sequential(*(ShrinkBlock(cin, cout, norm) for cin, cout in pairwise(widths)))
        self.norm = normalization(widths[-1], norm)
        self.features = widths[-1] * sizes[-1][0] * sizes[-1][1]

    def forward(self, x: Tensor) -> Tensor:
        """Return the features that an output layer reads."""
        return F.leaky_relu(self.norm(self.blocks(self.input(x))), 0.2).flatten(1)
