"""Whether the fakes of a check repeat training records, told in the features that checks compare."""

import numpy as np
import torch
from jaxtyping import Float, Int

from genloop.copying import NEIGHBORS, Distances, Neighbors, judge
from genloop.randomness import keyed_generator

MOST = 5_000  # training records that are compared with
LOOKED_AT = 1_000  # fakes, validation records and left-out training records, at most each
DIMENSIONS = 64  # onto which features are projected at random: a repeat stays one, at a fraction of the cost
BLOCK = 500  # rows of a matrix of distances that are held at a time

Features = Float[np.ndarray, "records features"]
Training = Float[np.ndarray, "training features"]


class Repeats:
    """Training records, and how near records that nobody repeats lie to them."""

    def __init__(self, training: Training, validation: Features, seed: int) -> None:
        """Look at validation records, and at training records beside the others, which are as good as held out."""
        self.onto = keyed_generator(seed, "onto").normal(size=(training.shape[1], min(DIMENSIONS, training.shape[1])))
        self.training, self.count = training @ self.onto, min(NEIGHBORS + 1, len(training) - 1)
        own = np.sort(keyed_generator(seed, "left out").permutation(len(training))[:LOOKED_AT])
        self.honest = np.concatenate(
            [self._nearest(validation[:LOOKED_AT] @ self.onto), self._nearest(self.training[own], own)]
        )

    def look(self, fakes: Features) -> dict[str, float]:
        """Return the share of fakes that repeat a training record, beyond that of honest records, and its lower end."""
        distances = self._nearest(fakes[:LOOKED_AT] @ self.onto)
        copied = judge(Neighbors(distances, np.zeros(len(distances), np.int64)), self.honest).copied
        return {"copied": copied.value, "copied_low": copied.low}

    def _nearest(self, records: Features, own: Int[np.ndarray, " records"] | None = None) -> Distances:
        """Return the distances to the nearest training records in order, ``own`` places left out."""
        norms, found = (self.training**2).sum(1), []
        for start in range(0, len(records), BLOCK):
            rows = records[start : start + BLOCK]
            products = (torch.from_numpy(rows) @ torch.from_numpy(self.training).T).numpy()  # fast everywhere
            squared = (rows**2).sum(1)[:, None] + norms - 2 * products
            if own is not None:
                squared[np.arange(len(rows)), own[start : start + BLOCK]] = np.inf
            found.append(np.sort(np.partition(squared, self.count - 1, axis=1)[:, : self.count], axis=1))
        return np.sqrt(np.concatenate(found).clip(0))
