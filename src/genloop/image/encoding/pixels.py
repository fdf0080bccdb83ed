"""Bytes to numbers in [-1, 1] and back."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

Pictures = Float[Tensor, "batch channels height width"]
Bytes = UInt8[np.ndarray, "batch channels height width"]


def to_unit(pictures: Bytes | UInt8[Tensor, "batch channels height width"]) -> Pictures:
    """Bytes to [-1, 1]."""
    if not isinstance(pictures, Tensor):
        pictures = torch.from_numpy(np.ascontiguousarray(pictures))
    return pictures.float().div_(127.5).sub_(1)


def to_bytes(pictures: Pictures) -> Bytes:
    """[-1, 1] to bytes, rounded to the nearest: the inverse of :func:`to_unit`."""
    return pictures.detach().add(1).mul(127.5).round().clamp(0, 255).byte().cpu().numpy()
