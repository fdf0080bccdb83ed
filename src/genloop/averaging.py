"""Averaged weights: a copy of networks that follows them slowly and generates better than any single step of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged(networks: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of ``networks`` that ``update_parameters`` moves towards them, buffers included.

    The average forgets the random start: after n steps the decay is at most (1 + n) / (10 + n).
    """
    return AveragedModel(networks, multi_avg_fn=_towards(decay), use_buffers=True)


def _towards(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    @torch.no_grad()
    def update(means: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        share = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value.to(mean.dtype), share)
            else:
                mean.copy_(value)  # counters of batches

    return update
