"""Batches in a keyed order, gathered by index: no Python per record."""

from collections.abc import Callable, Iterator

from torch import Tensor

from genloop.plugins import Records
from genloop.randomness import keyed_generator


class Batches:
    """An iterable over full batches; each epoch has its own order, which follows from seed and epoch alone."""

    def __init__(self, records: Records, batch: int, seed: int, epoch: Callable[[], int]) -> None:
        """Take what ``epoch()`` says when an iteration begins."""
        self.records, self.seed, self.epoch = records, seed, epoch
        self.batch = min(batch, len(records))

    def __len__(self) -> int:
        """Return the number of batches; the records that do not fill a last one wait for another epoch."""
        return len(self.records) // self.batch

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the batches of the current epoch."""
        order = keyed_generator(self.seed, "order", self.epoch()).permutation(len(self.records))
        for start in range(0, len(self) * self.batch, self.batch):
            yield self.records.gather(order[start : start + self.batch])
