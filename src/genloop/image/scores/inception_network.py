"""Inception v3 (Szegedy et al. 2016) as the Frechet inception distance is published with it, in plain torch.

It is written out here because the package that has it, torch-fidelity, imports torchvision, which breaks the import of
Lightning where torch is a CPU build, and unpickles whatever file it is given. Parts have the names that they have in
its file of weights. It differs from torchvision's network as TensorFlow's does: averages leave out the padding, the
last block takes the greatest instead of an average, and there are 1,008 classes.
"""

from collections import OrderedDict
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genloop.image.encoding.pixels import Pictures

SIDE = 299  # of the pictures that it takes
Sides = int | tuple[int, int]
Ways = dict[str, list[tuple[int, Sides]]]  # name: channels and kernel of each convolution

average = partial(nn.AvgPool2d, 3, 1, 1, count_include_pad=False)
greatest = partial(nn.MaxPool2d, 3, 1, 1)
halving = partial(nn.MaxPool2d, 3, 2)


class Convolution(nn.Sequential):
    """A convolution without bias, normalized and cut off at zero; without padding where it halves."""

    def __init__(self, cin: int, cout: int, kernel: Sides, stride: int = 1, padded: bool = True) -> None:
        """Build it with random weights."""
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (high // 2, wide // 2) if padded and stride == 1 else 0
        convolution = nn.Conv2d(cin, cout, (high, wide), stride, padding, bias=False)
        super().__init__(OrderedDict(conv=convolution, bn=nn.BatchNorm2d(cout, eps=0.001), relu=nn.ReLU(inplace=True)))


class Block(nn.Module):
    """Several ways side by side, whose results are stacked; the last one begins with ``pool``."""

    def __init__(self, cin: int, ways: Ways, pool: nn.Module, after_pool: int | None = None) -> None:
        """Build it; where nothing comes after the pooling, it and the last convolution of each way halve the grid."""
        super().__init__()
        self.pool = pool
        self.ways: list[list[list[str]]] = []  # the names of the convolutions of each step
        stride = 2 if after_pool is None else 1
        for way, convolutions in ways.items():
            channels = cin
            steps: list[list[str]] = []
            for number, (cout, kernel) in enumerate(convolutions, 1):
                last = number == len(convolutions)
                name = way if len(convolutions) == 1 else f"{way}_{number}"
                # A square that is named as two sides is two strips side by side.
                split = {f"{name}a": (1, 3), f"{name}b": (3, 1)} if kernel == (3, 3) else {name: kernel}
                for part, sides in split.items():
                    self.add_module(part, Convolution(channels, cout, sides, stride if last else 1))
                steps.append(list(split))
                channels = cout
            self.ways.append(steps)
        self.branch_pool = nn.Identity() if after_pool is None else Convolution(cin, after_pool, 1)

    def forward(self, x: Float[Tensor, "batch cin h w"]) -> Float[Tensor, "batch cout h2 w2"]:
        """Return what all ways give."""
        results = []
        for steps in self.ways:
            y = x
            for parts in steps:
                y = torch.cat([self.get_submodule(part)(y) for part in parts], 1)
            results.append(y)
        return torch.cat([*results, self.branch_pool(self.pool(x))], 1)


def _block_a(cin: int, after_pool: int) -> Block:
    ways: Ways = {"branch1x1": [(64, 1)], "branch5x5": [(48, 1), (64, 5)], "branch3x3dbl": [(64, 1), (96, 3), (96, 3)]}
    return Block(cin, ways, average(), after_pool)


def _block_c(middle: int) -> Block:
    wide, high = (1, 7), (7, 1)
    ways: Ways = {
        "branch1x1": [(192, 1)],
        "branch7x7": [(middle, 1), (middle, wide), (192, high)],
        "branch7x7dbl": [(middle, 1), (middle, high), (middle, wide), (middle, high), (192, wide)],
    }
    return Block(768, ways, average(), 192)


def _block_e(cin: int, pool: nn.Module) -> Block:
    double: list[tuple[int, Sides]] = [(448, 1), (384, 3), (384, (3, 3))]
    ways: Ways = {"branch1x1": [(320, 1)], "branch3x3": [(384, 1), (384, (3, 3))], "branch3x3dbl": double}
    return Block(cin, ways, pool, 192)


def inception_v3() -> nn.Sequential:
    """Return the network from pictures [batch, 3, 299, 299] in [-1, 1) to 1,008 logits.

    All but its last part, ``fc``, gives the 2,048 features. The weights have no values yet: they are to be assigned.
    """
    with torch.device("meta"):  # draws nothing and takes no memory
        b: Ways = {"branch3x3": [(384, 3)], "branch3x3dbl": [(64, 1), (96, 3), (96, 3)]}
        d: Ways = {"branch3x3": [(192, 1), (320, 3)], "branch7x7x3": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)]}
        parts: dict[str, nn.Module] = {
            "Conv2d_1a_3x3": Convolution(3, 32, 3, stride=2),
            "Conv2d_2a_3x3": Convolution(32, 32, 3, padded=False),
            "Conv2d_2b_3x3": Convolution(32, 64, 3),
            "MaxPool_1": halving(),
            "Conv2d_3b_1x1": Convolution(64, 80, 1),
            "Conv2d_4a_3x3": Convolution(80, 192, 3, padded=False),
            "MaxPool_2": halving(),
            "Mixed_5b": _block_a(192, 32),
            "Mixed_5c": _block_a(256, 64),
            "Mixed_5d": _block_a(288, 64),
            "Mixed_6a": Block(288, b, halving()),
            **{f"Mixed_6{letter}": _block_c(c) for letter, c in zip("bcde", (128, 160, 160, 192), strict=True)},
            "Mixed_7a": Block(768, d, halving()),
            "Mixed_7b": _block_e(1280, average()),
            "Mixed_7c": _block_e(2048, greatest()),
            "AvgPool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "fc": nn.Linear(2048, 1008),
        }
        return nn.Sequential(OrderedDict(parts)).eval()


def resize(x: Pictures, side: int = SIDE) -> Float[Tensor, "batch channels {side} {side}"]:
    """Return pictures brought to a side as TensorFlow 1 does: bilinear, counted from the upper left corner."""
    for axis in (3, 2):
        size = x.shape[axis]
        place = torch.arange(side, dtype=x.dtype) * torch.tensor(size / side, dtype=x.dtype)
        low = place.long()
        share = (place - low).view(-1, *[1] * (3 - axis))
        below, above = x.index_select(axis, low), x.index_select(axis, (low + 1).clamp_max(size - 1))
        x = below + (above - below) * share
    return x
