"""Batches in a keyed order, gathered by index: no Python per record."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from genloop.conditions import known_conditions
from genloop.config import Training
from genloop.plugins import Records
from genloop.randomness import keyed_generator

SHARE = 0.5  # of a device's free memory that the records may take


class Batch(NamedTuple):
    """Records and what they were asked to be."""

    x: Tensor  # [batch, ...]
    condition: Tensor  # [batch, conditions]


class Batches:
    """An iterable over full batches; each epoch has its own order, which follows from seed and epoch alone.

    Several devices share each batch evenly, so that a step sees the same records whatever their number.
    """

    def __init__(self, run: Training, records: Records, epoch: Callable[[], int]) -> None:
        """Take what ``epoch()`` says when an iteration begins."""
        self.run, self.records, self.epoch = run, records, epoch
        self.batch = min(run.batch, len(records))
        self.rank, self.ranks = 0, 1

    def __len__(self) -> int:
        """Return the number of batches; the records that do not fill a last one wait for another epoch."""
        return len(self.records) // self.batch

    def __iter__(self) -> Iterator[Batch]:
        """Yield this device's part of the batches of the current epoch."""
        order = keyed_generator(self.run.seed, "order", self.epoch()).permutation(len(self.records))
        for start in range(0, len(self) * self.batch, self.batch):
            yield self.gather(order[start + self.rank : start + self.batch : self.ranks])

    def gather(self, indices: object) -> Batch:
        """Return the batch of the records at ``indices``."""
        return Batch(self.records.gather(indices), known_conditions(self.run, self.records, indices))

    def place(self, device: torch.device, rank: int, ranks: int) -> None:
        """Serve one of several devices; one with room for all records, and memory of its own, gets them at once."""
        self.rank, self.ranks = rank, ranks
        if device.type == "cuda" and self.records.nbytes < SHARE * torch.cuda.mem_get_info(device)[0]:
            self.records = self.records.on(device)
