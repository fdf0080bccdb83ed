"""What a training will take of memory and time, before it starts."""

import copy
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import torch
from torch import Tensor

from genloop.batches import Batch
from genloop.errors import GenloopError
from genloop.plugins import Schema

COPIES = 4  # of each weight: itself, its gradient and the two moments of Adam
# What a backward pass writes before it lets go of what it reads, and what the allocator does not give back: measured on
# rows and pictures, 1.5 to 3.
SPARE = 3
REHEARSED = 3  # steps; the first is slower than those that follow
FEW, MORE = 8, 16  # records of the steps by which memory is told: what a record takes follows from the difference
MINUTE, HOUR, GIB = 60, 3600, 2**30
Gather = Callable[[int], Batch]  # from a number of records to a batch of so many


class Tally:
    """The bytes that backward passes keep, each stretch of memory counted once."""

    def __init__(self) -> None:
        self.uses: Counter[tuple[int, int]] = Counter()  # of each stretch: where it begins and its bytes
        self.bytes = self.most = 0

    def add(self, stretch: tuple[int, int]) -> None:
        """Count one more use."""
        self.uses[stretch] += 1
        if self.uses[stretch] == 1:
            self.bytes += stretch[1]
            self.most = max(self.most, self.bytes)

    def remove(self, stretch: tuple[int, int]) -> None:
        """Count one use less."""
        self.uses[stretch] -= 1
        if not self.uses[stretch]:
            self.bytes -= stretch[1]


class Kept:
    """A tensor that a backward pass will want, in the tally for as long as it is kept."""

    def __init__(self, tensor: Tensor, tally: Tally) -> None:
        storage = tensor.untyped_storage()
        self.tensor, self.tally, self.stretch = tensor, tally, (storage.data_ptr(), storage.nbytes())
        tally.add(self.stretch)

    def __del__(self) -> None:
        """Leave the tally."""
        self.tally.remove(self.stretch)


def kept_bytes(system: Any, batch: Batch) -> int:
    """Return the most that the backward passes of a step keep at once, in bytes, weights included."""
    tally = Tally()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: Kept(tensor, tally), lambda kept: kept.tensor):
        rehearse(system, batch, steps=1)
    return tally.most


def training_bytes(system: Any, gather: Gather, count: int) -> int:
    """Estimate the memory of a training step on ``count`` records in bytes, by steps on a few."""
    few, more = (kept_bytes(system, gather(records)) for records in (FEW, MORE))
    weights = sum(parameter.numel() * parameter.element_size() for parameter in system.parameters())
    return COPIES * weights + SPARE * count * (more - few) // (MORE - FEW)


def copy_of(system: Any) -> Any:
    """Return a copy of a system that makes steps by itself, without a trainer."""
    ghost = copy.deepcopy(system)
    ghost.undo_compile()
    optimizers, schedules = ghost.configure_optimizers()
    ghost.optimizers = lambda use_pl_optimizer=True: optimizers if len(optimizers) > 1 else optimizers[0]
    ghost.lr_schedulers = lambda: schedules if len(schedules) > 1 else schedules[0]
    ghost.manual_backward = lambda loss: loss.backward()
    return ghost


def rehearse(system: Any, batch: Batch, steps: int) -> list[float]:
    """Return how long steps take, in seconds, made with a copy of the networks; nothing is learned or logged.

    On a CPU these are seconds of the thread that makes the steps: MLflow is being imported beside it, which would make
    a step up to ten times as long as those of the training.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ghost = copy_of(system).to(device)
    half = system.run.trainer.precision == "bf16-mixed"
    clock = time.perf_counter if device.type == "cuda" else time.thread_time
    took = []
    with torch.random.fork_rng(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for _ in range(steps):
            start = clock()
            ghost.step(batch.to(device))
            if device.type == "cuda":
                torch.cuda.synchronize()
            took.append(clock() - start)
    return took


def check_forecast(name: str, system: Any, schema: Schema, gather: Gather, count: int, steps: int) -> None:
    """Say what a training on batches of ``count`` will take, and refuse one that would not fit.

    It must fit into the memory that is free, or into its own limit, which holds for all that the process takes.

    Raises:
        GenloopError: names the keys that make it smaller, and what in the data makes it large.
    """
    run = system.run
    taken, needed = psutil.Process().memory_info().rss, training_bytes(system, gather, count)
    room: float = _free()
    whose = f"{room / GIB:.2f} are free"
    if run.limits.memory is not None:
        room, whose = run.limits.memory * GIB - taken, f"limits.memory is {run.limits.memory:g}"
    if needed > room:
        raise GenloopError(
            f"runs.{name}: training needs about {needed / GIB:.2f} GiB of memory beside {taken / GIB:.2f} that the "
            f"process has, {whose}; lower batch (now {count}) or width (now {run.width}); {schema.heaviest}"
        )
    seconds = steps * min(rehearse(system, gather(count), REHEARSED))
    if run.limits.hours is not None and seconds > run.limits.hours * HOUR:
        raise GenloopError(
            f"runs.{name}: training would take about {in_words(seconds)}, limits.hours is {run.limits.hours:g}; "
            f"lower records_seen (now {run.records_seen:,}) or width (now {run.width}); {schema.heaviest}"
        )
    print(
        f"genloop: {name}: {steps:,} steps, about {in_words(seconds)} and {(taken + needed) / GIB:.1f} GiB of memory",
        file=sys.stderr,
    )


def _free() -> int:
    """Return the bytes that are free where the networks will be."""
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else psutil.virtual_memory().available


def in_words(seconds: float) -> str:
    """Return a time in a unit that suits it."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"
