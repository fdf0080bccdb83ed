"""The nearest training pictures of a picture, by the distance of their pixels, to the bit.

Pixels are whole numbers from -128 to 127, and the sum of 1,024 products of two such numbers is at most 2^24: every step
of a matrix product over so many pixels is exact in 32 bits, whatever its order. So distances depend neither on blocks
nor on threads, and a copy has the distance 0.
"""

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from genloop.copying import Neighbors
from genloop.image.encoding.pixels import Bytes

Some = UInt8[np.ndarray, "pictures channels height width"]
Train = UInt8[np.ndarray, "train channels height width"]
LARGEST = 32  # pixels a side, to which larger pictures are shrunk
EXACT = 1024  # pixels whose products are summed at once
BLOCK = 2048  # pictures of either side that are compared at once
PLACE = 32  # bits of a key that hold a picture's place, below its squared distance
NEVER = 2**62  # a key beyond all others


def nearest(pictures: Some, train: Train, count: int, own: Int64[np.ndarray, " pictures"] | None = None) -> Neighbors:
    """Return the ``count`` nearest training pictures of each picture; of equally near ones, the first.

    ``own`` are the places of the pictures in ``train``, where they are left out: only there, so that another picture
    with the same pixels is found. ``train`` may be mapped from the disk and is read once per block of pictures.
    """
    parts = []
    for start in range(0, len(pictures), BLOCK):
        rows = slice(start, start + BLOCK)
        parts.append(_nearest(_pixels(pictures[rows]), train, count, None if own is None else own[rows]))
    keys = torch.cat(parts).numpy()
    squared = (keys >> PLACE).astype(np.float64) / np.prod(_shape(train))
    return Neighbors(np.sqrt(squared) / 255, keys[:, 0] & (2**PLACE - 1))


def _nearest(
    x: Float[Tensor, "block pixels"], train: Bytes, count: int, own: np.ndarray | None
) -> Int64[Tensor, "block count"]:
    """Return keys in order: a squared distance above the place of a training picture, so that no two are equal."""
    best = torch.empty(len(x), 0, dtype=torch.int64)
    for start in range(0, len(train), BLOCK):
        y = _pixels(train[start : start + BLOCK])
        keys = _squared_distances(x, y).long() << PLACE | torch.arange(start, start + len(y))
        if own is not None:
            inside = np.flatnonzero((own >= start) & (own < start + len(y)))
            keys[inside, own[inside] - start] = NEVER
        best = torch.cat([best, keys], 1)
        best = best.topk(min(count, best.shape[1]), largest=False).values
    return best


def _squared_distances(x: Float[Tensor, "block pixels"], y: Float[Tensor, "train pixels"]) -> Tensor:
    """Return whole numbers, [block, train]."""
    total = torch.zeros(len(x), len(y), dtype=torch.int32)
    for start in range(0, x.shape[1], EXACT):
        left, right = x[:, start : start + EXACT], y[:, start : start + EXACT]
        norms = [part.square().sum(1).int() for part in (left, right)]
        total += norms[0][:, None] + norms[1][None] - 2 * (left @ right.T).int()
    return total


def _pixels(pictures: Bytes) -> Float[Tensor, "pictures pixels"]:
    """Return whole numbers from -128 to 127 of pictures that are shrunk where they are large."""
    x = torch.from_numpy(np.array(pictures)).float()
    if x.shape[1:] != _shape(pictures):
        x = adaptive_avg_pool2d(x, _shape(pictures)[1:]).round()
    return x.flatten(1).sub(128)


def _shape(pictures: Bytes) -> tuple[int, int, int]:
    channels, *sides = pictures.shape[1:]
    height, width = (min(side, LARGEST) for side in sides)
    return channels, height, width
