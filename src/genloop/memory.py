"""Whether a training fits into memory, before it starts."""

import copy
from typing import Any

import psutil
from torch import Tensor, nn

from genloop.batches import Batch
from genloop.errors import GenloopError

COPIES = 4  # of each weight: itself, its gradient and the two moments of Adam
PASSES = 3  # activations alive at once: of a real batch, of a fake batch, and their gradients


def training_bytes(system: nn.Module, batch: Batch) -> int:
    """Estimate the memory of a training step in bytes, by sending a batch without data through the networks."""
    activations = 0

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal activations
        if isinstance(output, Tensor):
            activations += output.numel() * output.element_size()

    ghost = copy.deepcopy(system).to("meta")
    for module in ghost.modules():
        if not list(module.children()):
            module.register_forward_hook(count)
    ghost(batch.to("meta"))
    weights = sum(parameter.numel() * parameter.element_size() for parameter in system.parameters())
    return COPIES * weights + PASSES * activations


def check_memory(name: str, system: Any, batch: Batch) -> None:
    """Refuse a training that would not fit into the free memory.

    Raises:
        GenloopError: names the keys that make it smaller.
    """
    needed, free = training_bytes(system, batch), psutil.virtual_memory().available
    if needed > free:
        raise GenloopError(
            f"runs.{name}: training needs about {needed / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB are free; "
            f"lower batch (now {system.run.batch}) or width (now {system.run.width})"
        )
