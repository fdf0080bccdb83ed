"""The kernel distance between two sets of feature vectors, by which trainings choose their weights and scores compare.

Pure functions of float64 arrays [records, features]. Memory is bounded: kernels are taken in blocks of rows.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

Real = Float[np.ndarray, "real features"]
Fake = Float[np.ndarray, "fake features"]
BLOCK = 512  # rows of a matrix of kernels that are held at a time


class KernelDistance(NamedTuple):
    """A distance, and how much it moves with each record, by which the noise of a difference of two is told."""

    distance: float
    by_real: Float[np.ndarray, " real"]
    by_fake: Float[np.ndarray, " fake"]


def kernel_distance(real: Real, fake: Fake) -> float:
    """Squared maximum mean discrepancy, kernel ``(x.y / d + 1)^3``, unbiased (Binkowski et al. 2018, section 3).

    Unbiased means that it can be negative, and is, in expectation, zero for two samples of one distribution.
    """
    return kernel_distance_by_record(real, fake).distance


def kernel_distance_by_record(real: Real, fake: Fake) -> KernelDistance:
    """Return the same with the first terms of its expansion in each record (Hoeffding 1948, section 5).

    Where two distances have the real set in common, and their fakes the latents, the variance of their difference is
    that of the difference of these terms over their number, for real and for fake ones, but for smaller terms.
    """
    among_real, among_fake = (_sums(x, x, diagonal=False)[0] / (len(x) - 1) for x in (real, fake))
    to_fake, to_real = _sums(real, fake)
    to_fake, to_real = to_fake / len(fake), to_real / len(real)
    distance = float(among_real.mean() + among_fake.mean() - 2 * to_fake.mean())
    return KernelDistance(distance, 2 * (among_real - to_fake), 2 * (among_fake - to_real))


def _sums(x: Real, y: Fake, diagonal: bool = True) -> tuple[Float[np.ndarray, " real"], Float[np.ndarray, " fake"]]:
    """Return the sums of the rows and of the columns of the matrix of kernels, with its diagonal or without."""
    rows, columns = np.empty(len(x)), np.zeros(len(y))
    for start in range(0, len(x), BLOCK):
        # PyTorch's product, which is fast on every processor; NumPy's may be told to keep to an old one.
        kernel = (torch.from_numpy(x[start : start + BLOCK]) @ torch.from_numpy(y).T).numpy()
        kernel /= x.shape[1]
        kernel += 1
        kernel *= kernel * kernel  # a power of three takes ten times as long
        if not diagonal:
            kernel[np.arange(len(kernel)), np.arange(start, start + len(kernel))] = 0
        rows[start : start + BLOCK] = kernel.sum(1)
        columns += kernel.sum(0)
    return rows, columns
