"""Categories by position: as numbers for the networks, and drawn as often as they were counted."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


def one_hot(chosen: Int[Tensor, " batch"], count: int) -> Float[Tensor, "batch count"]:
    """Return a row for each chosen category out of ``count``, 1 in its place and 0 elsewhere."""
    return F.one_hot(chosen.long(), count).float()


def draw_counted(counts: Sequence[int], size: int) -> Int[Tensor, " size"]:
    """Draw categories from the global generator, each as often as it was counted."""
    return torch.multinomial(torch.tensor(counts, dtype=torch.double), size, replacement=True)
