"""What a training will take of memory and time, before it starts."""

import copy
import sys
import time
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from genloop.batches import Batch
from genloop.errors import GenloopError
from genloop.plugins import Schema

COPIES = 4  # of each weight: itself, its gradient and the two moments of Adam
PASSES = 3  # activations alive at once: of a real batch, of a fake batch, and their gradients
REHEARSED = 3  # steps; the first is slower than those that follow
MINUTE, HOUR, GIB = 60, 3600, 2**30


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
    records = batch.x.numel() * batch.x.element_size()
    return COPIES * weights + PASSES * (activations + records)


def seconds_per_step(system: Any, batch: Batch) -> float:
    """Return how long a step takes, by making a few with a copy of the networks; nothing is learned or logged."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ghost = copy.deepcopy(system).to(device)
    optimizers, schedules = ghost.configure_optimizers()
    ghost.optimizers = lambda use_pl_optimizer=True: optimizers if len(optimizers) > 1 else optimizers[0]
    ghost.lr_schedulers = lambda: schedules if len(schedules) > 1 else schedules[0]
    ghost.manual_backward = lambda loss: loss.backward()
    half = system.run.trainer.precision == "bf16-mixed"
    took = []
    with torch.random.fork_rng(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for _ in range(REHEARSED):
            start = time.perf_counter()
            ghost.step(batch.to(device))
            if device.type == "cuda":
                torch.cuda.synchronize()
            took.append(time.perf_counter() - start)
    return min(took)


def check_forecast(name: str, system: Any, schema: Schema, batch: Batch, steps: int) -> None:
    """Say what a training will take, and refuse one that would not fit into the free memory or its own limits.

    Raises:
        GenloopError: names the keys that make it smaller, and what in the data makes it large.
    """
    run = system.run
    needed, free = training_bytes(system, batch), psutil.virtual_memory().available
    room, whose = (free, "are free") if run.limits.memory is None else (run.limits.memory * GIB, "are limits.memory")
    if needed > room:
        raise GenloopError(
            f"runs.{name}: training needs about {needed / GIB:.1f} GiB of memory, {room / GIB:.1f} GiB {whose}; "
            f"lower batch (now {len(batch.x)}) or width (now {run.width}); {schema.heaviest}"
        )
    seconds = steps * seconds_per_step(system, batch)
    if run.limits.hours is not None and seconds > run.limits.hours * HOUR:
        raise GenloopError(
            f"runs.{name}: training would take about {in_words(seconds)}, limits.hours is {run.limits.hours:g}; "
            f"lower records_seen (now {run.records_seen:,}) or width (now {run.width}); {schema.heaviest}"
        )
    print(
        f"genloop: {name}: {steps:,} steps, about {in_words(seconds)} and {needed / GIB:.2f} GiB of memory",
        file=sys.stderr,
    )


def in_words(seconds: float) -> str:
    """Return a time in a unit that suits it."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"
