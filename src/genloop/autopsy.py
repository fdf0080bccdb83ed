"""Where the numbers of a training broke: the step is made again with a copy, and its layers are watched."""

from typing import Any

import torch
from torch import Tensor, nn

from genloop.forecast import copy_of
from genloop.system import NotFinite


def broken_layer(system: Any, failure: NotFinite) -> str:
    """Return the layer at which a step broke.

    That is the first one whose output or weights are not finite. Where the networks are sound and the way back breaks,
    as in a penalty, it is the layer with the largest gradient, the last of those where it is not finite.
    """
    batch = failure.batch.to(system.device)  # Lightning has taken the system, not the batch, back to the CPU
    ghost = copy_of(system)
    ghost.broken.fill_(1.0)  # so that no weight moves
    found: list[str] = []

    def watch(name: str) -> Any:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if not found and not _sound([output, *module.parameters(recurse=False)]):
                found.append(name)

        return look

    for name, module in ghost.trained.named_modules():
        if not list(module.children()):
            module.register_forward_hook(watch(name))
    half = system.run.trainer.precision == "bf16-mixed"
    with torch.random.fork_rng(), torch.autocast(system.device.type, torch.bfloat16, enabled=half):
        system.seed(batch)
        ghost.step(batch)
    return found[0] if found else _steepest(ghost.trained)


def _sound(values: list[Any]) -> bool:
    return all(bool(value.isfinite().all()) for value in values if isinstance(value, Tensor))


def _steepest(networks: nn.Module) -> str:
    slopes = {
        name: float(parameter.grad.float().norm())
        for name, parameter in networks.named_parameters()
        if parameter.grad is not None
    }
    broken = [name for name, slope in slopes.items() if slope != slope or slope == float("inf")]
    name = broken[-1] if broken else max(slopes, key=lambda name: slopes[name])  # the way back begins at the last
    return name.rpartition(".")[0]
