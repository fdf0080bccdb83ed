"""Strided convolutions between a vector and a picture of 8 to 256 pixels a side, square or not, of any channels.

A picture grows from a coarse grid or shrinks to it; each step doubles or halves the sides, odd ones rounded up, between
the finest grid and one whose shorter side is at most 4. From 16 pixels a side on, the finest grid has half the
picture's sides, since work at full resolution costs most and shows least. Channels double with each level, up to
8-fold. All of this is the plan of Radford et al. 2016, "Unsupervised representation learning with DCGANs", section 3.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

Size = tuple[int, int]
COARSEST = 4  # of the shorter side
FINE = 16  # pixels of the shorter side from which on the finest grid has half the picture's sides
STYLE = 64  # numbers by which a latent modulates every level
SLOPE = 0.2  # of leaky rectifiers below 0


def half(size: Size) -> Size:
    """Return half the sides, rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def grid_sizes(picture: Size) -> list[Size]:
    """Return the grid sizes (height, width) on which features live, from the finest to the coarsest."""
    sizes = [half(picture) if min(picture) >= FINE else picture]
    while min(sizes[-1]) > COARSEST:
        sizes.append(half(sizes[-1]))
    return sizes


def grid_channels(width: int, grids: int) -> list[int]:
    """Return the number of channels of each grid, from the finest to the coarsest."""
    return [width * min(2**level, 8) for level in range(grids)]


def convolution(cin: int, cout: int, fine: Size, coarse: Size, bias: bool = True) -> nn.Conv2d:
    """Return the convolution from a grid to an equal one, or to one of half its sides."""
    if fine == coarse:
        return nn.Conv2d(cin, cout, 3, padding=1, bias=bias)
    return nn.Conv2d(cin, cout, _kernel(fine), stride=2, padding=1, bias=bias)


def transposed(cin: int, cout: int, coarse: Size, fine: Size, bias: bool = True) -> nn.Conv2d | nn.ConvTranspose2d:
    """Return the convolution from a grid to an equal one, or to the one whose half it is."""
    if fine == coarse:
        return nn.Conv2d(cin, cout, 3, padding=1, bias=bias)
    return nn.ConvTranspose2d(cin, cout, _kernel(fine), stride=2, padding=1, bias=bias)


def _kernel(fine: Size) -> Size:
    """Return the kernel for which a stride of 2 and a padding of 1 halve just these sides, rounded up."""
    return 4 - fine[0] % 2, 4 - fine[1] % 2


def normalization(channels: int, norm: str) -> nn.Module:
    """Return batch normalization where ``norm`` is ``batch``, else nothing."""
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()


def bounded(layer: nn.Module, norm: str) -> nn.Module:
    """Return the layer, held to a spectral norm of 1 where ``norm`` is ``spectral`` (Miyato et al. 2018)."""
    return spectral_norm(layer) if norm == "spectral" else layer


class Modulated(nn.Module):
    """Batch normalization whose scale and shift follow from a style: [batch, channels, h, w], [batch, style] -> like x.

    Chen et al. 2019, "On self modulation for generative adversarial networks", equation 2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.style = nn.Linear(STYLE, 2 * channels)
        nn.init.normal_(self.style.weight, std=0.02)  # begins as plain normalization
        nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the modulated features."""
        scale, shift = self.style(style).to(x.dtype)[:, :, None, None].chunk(2, 1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)


class Grow(nn.Module):
    """Vector to picture: [batch, inputs] -> [batch, outputs, height, width]; where said, it modulates every level."""

    def __init__(self, inputs: int, width: int, picture: Size, outputs: int, modulated: bool) -> None:
        super().__init__()
        grids = grid_sizes(picture)[::-1]
        channels = grid_channels(width, len(grids))[::-1]
        self.coarse = (*grids[0], channels[0])
        self.style = nn.Sequential(nn.Linear(inputs, STYLE), nn.ReLU()) if modulated else None
        self.input = nn.Linear(inputs, channels[0] * grids[0][0] * grids[0][1])
        self.norms = nn.ModuleList(Modulated(count) if modulated else nn.BatchNorm2d(count) for count in channels)
        steps = zip(pairwise(channels), pairwise(grids), strict=True)
        layers = [transposed(*pair, *sizes, bias=False) for pair, sizes in steps]
        self.layers = nn.ModuleList([*layers, transposed(channels[-1], outputs, grids[-1], picture)])

    def forward(self, vector: Tensor) -> Tensor:
        """Return what the output layer makes of the features."""
        style = () if self.style is None else (self.style(vector),)
        x = self.input(vector).unflatten(1, self.coarse).permute(0, 3, 1, 2)  # channels come last in memory
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = layer(F.relu(norm(x, *style)))
        return x


class Shrink(nn.Module):
    """Picture to flat features of the coarsest grid: [batch, channels, height, width] -> [batch, features]."""

    def __init__(self, channels: int, width: int, picture: Size, norm: str) -> None:
        super().__init__()
        grids = grid_sizes(picture)
        widths = grid_channels(width, len(grids))
        layers = [bounded(convolution(channels, width, picture, grids[0]), norm), nn.LeakyReLU(SLOPE)]
        for (cin, cout), sizes in zip(pairwise(widths), pairwise(grids), strict=True):
            layers += [bounded(convolution(cin, cout, *sizes, bias=norm != "batch"), norm)]
            layers += [normalization(cout, norm), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.features = widths[-1] * grids[-1][0] * grids[-1][1]

    def forward(self, x: Tensor) -> Tensor:
        """Return the features that an output layer reads."""
        return self.layers(x).permute(0, 2, 3, 1).flatten(1)  # channels come last in memory, so nothing is moved
