"""Features of pictures without knowledge: what a small network with fixed random weights sees in them.

They need no training and no data, and are the same for every run; the scores have better ones.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from genloop.image.encoding.pixels import Pictures

WIDTH = 32
LARGEST = 32  # side of the pictures that the network sees; larger ones are shrunk
GRID = 4  # places a side at which the last layer is looked at
SEED = 20170806


@cache
def _layers(channels: int) -> nn.Sequential:
    """Return the network: its first layer keeps the pictures' sides, the second halves them."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        return nn.Sequential(
            nn.Conv2d(channels, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Conv2d(WIDTH, 2 * WIDTH, 3, padding=1),
            nn.ReLU(),
        ).requires_grad_(False)


def random_features(pictures: Pictures) -> Float[Tensor, "batch features"]:
    """Return the features of pictures."""
    height, width = (min(LARGEST, side) for side in pictures.shape[2:])
    shrunk = F.adaptive_avg_pool2d(pictures.cpu().float(), (height, width))
    return F.adaptive_avg_pool2d(_layers(pictures.shape[1])(shrunk), GRID).flatten(1)
