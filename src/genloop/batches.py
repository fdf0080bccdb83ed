"""Batches in a keyed order, gathered by index: no Python per record."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genloop.conditions import asked_conditions
from genloop.config import Training
from genloop.plugins import Records
from genloop.randomness import keyed_generator

SHARE = 0.5  # of a device's free memory that the records may take
# Lightning takes several batches at once, since what it does around each call costs as much as a fifth of the step of a
# small network: as many as hold so many numbers, and not so many that a call takes long.
NUMBERS_AT_ONCE = 2**20
STEPS_AT_ONCE = 16
STEPS_OF_FEW, SMALLEST, LARGEST = 16, 32, 512  # where the run does not say how large a batch is


class Batch(NamedTuple):
    """Records and what they were asked to be."""

    x: Tensor  # [batch, ...]
    condition: Tensor  # [batch, conditions]
    step: int = 0  # of its epoch, which keys all that is random in it

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device."""
        return Batch(self.x.to(device), self.condition.to(device), self.step)


def automatic(run: Training, records: int) -> int:
    """Return a sixteenth of the records, between 32 and 512, that the devices can share evenly."""
    devices = run.trainer.devices * run.trainer.nodes
    size = min(max(records // STEPS_OF_FEW, SMALLEST), LARGEST)
    return max(size - size % devices, devices)


class Batches:
    """An iterable over full batches, several at once; each epoch has its own order, which follows from seed and epoch.

    Several devices share each batch evenly, so that a step sees the same records whatever their number, but for rows
    that a GAN looks up itself; they take one batch at once, since they exchange gradients once per call.
    """

    def __init__(self, run: Training, records: Records, epoch: Callable[[], int]) -> None:
        """Take what ``epoch()`` says when an iteration begins."""
        self.run, self.records, self.epoch = run, records, epoch
        self.batch = min(run.batch or automatic(run, len(records)), len(records))
        self.rank, self.ranks = 0, 1
        self.steps = len(records) // self.batch  # per epoch; records that fill no batch wait for another epoch
        numbers = self.batch * records.gather([0]).numel()
        self.at_once = min(max(NUMBERS_AT_ONCE // numbers, 1), STEPS_AT_ONCE)
        self.given = 0  # steps of the epoch whose batches were handed over

    def __len__(self) -> int:
        """Return how often batches are handed over per epoch."""
        return -(-self.steps // self.at_once)

    def __iter__(self) -> Iterator[list[Batch]]:
        """Yield this device's part of the batches of the current epoch, from where a resumed training had been."""
        epoch = self.epoch()
        order = keyed_generator(self.run.seed, "order", epoch).permutation(len(self.records))
        for first in range(self.given % self.steps, self.steps, self.at_once):
            self.given = min(first + self.at_once, self.steps)
            yield [self._part(order, epoch, step) for step in range(first, self.given)]

    @property
    def steps_made(self) -> int:
        """Steps of the whole training whose batches were handed over."""
        return self.epoch() * self.steps + self.given

    def state_dict(self) -> dict[str, int]:
        """Return how far the epoch to go on with is, for resuming; Lightning asks for it."""
        return {"given": self.given % self.steps}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on from there."""
        self.given = state_dict["given"]

    def _part(self, order: np.ndarray, epoch: int, step: int) -> Batch:
        start = step * self.batch
        return self.gather(order[start + self.rank : start + self.batch : self.ranks], epoch, step)

    def gather(self, indices: object, epoch: int = 0, step: int = 0) -> Batch:
        """Return the batch of the records at ``indices``; what is asked for beside them is keyed by epoch and step."""
        indices, condition = asked_conditions(self.run, self.records, indices, (epoch, step, self.rank))
        return Batch(self.records.gather(indices), condition, step)

    def place(self, device: torch.device, rank: int, ranks: int) -> None:
        """Serve one of several devices; one with room for all records, and memory of its own, gets them at once."""
        self.rank, self.ranks = rank, ranks
        if ranks > 1:
            self.at_once = 1
        if device.type == "cuda" and self.records.nbytes < SHARE * torch.cuda.mem_get_info(device)[0]:
            self.records = self.records.on(device)
