"""How near rows are to the nearest of other rows: whether a generator copies what it was trained on."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from genloop.copying import Neighbors
from genloop.table.scores.metrics import is_number, numbers, places

PAIRS = 2**22  # of rows that are compared at once, so that memory stays flat
FAR = 1e9  # from every number: a missing one


class Nearest:
    """Rows among which the nearest is looked for.

    The distance of two rows is the mean over the columns: of numbers, their difference over a range, at most 1; of
    other values, 0 where they are equal and 1 elsewhere. Two missing values are equal.
    """

    def __init__(self, rows: pd.DataFrame, scale: pd.DataFrame | None = None) -> None:
        """Take rows as the reference, and the ranges of numbers from the rows ``scale``.

        Distances to two references are comparable with the same ``scale`` only. None: ``rows`` themselves, as sdmetrics
        0.32 does; where ranges differ, an honest generator then looks like a copier or the other way round.
        """
        scale = rows if scale is None else scale
        self.measured = [str(name) for name in rows if is_number(rows[name])]
        self.compared = [str(name) for name in rows if str(name) not in self.measured]
        ranges = {name: np.nanmax(values) - np.nanmin(values) for name, values in self._numbers(scale).items()}
        self.ranges = {name: width or 1 / FAR for name, width in ranges.items()}
        self.values = {name: pd.Index(rows[name].dropna().unique()) for name in self.compared}
        self.rows = self._coded(rows)

    def distances(self, rows: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """Return the distance of each row to the nearest of the reference, from 0 to 1."""
        return np.concatenate([sums.min(1) for _, sums in self._blocks(rows)]) / self._columns

    def neighbors(self, rows: pd.DataFrame, count: int, own: Int64[np.ndarray, " rows"] | None = None) -> Neighbors:
        """Return the ``count`` nearest of the reference of each row; of equally near ones, the first.

        ``own`` are the places of the rows in the reference, where they are left out: only there, so that another row
        with the same values is found.
        """
        distances, nearest = [], []
        for start, sums in self._blocks(rows):
            if own is not None:
                sums[np.arange(len(sums)), own[start : start + len(sums)]] = np.inf
            nearest.append(sums.argmin(1))
            distances.append(np.sort(np.partition(sums, count - 1, axis=1)[:, :count], axis=1))
        return Neighbors(np.concatenate(distances) / self._columns, np.concatenate(nearest))

    @property
    def _columns(self) -> int:
        return len(self.measured) + len(self.compared)

    def _blocks(self, rows: pd.DataFrame) -> Iterator[tuple[int, np.ndarray]]:
        """Yield where a block of rows starts, and the sum over the columns of its distances: [block, reference]."""
        coded = self._coded(rows)
        block = max(1, PAIRS // len(self.rows[0]))
        for start in range(0, len(rows), block):
            yield start, self._sums([part[start : start + block] for part in coded])

    def _sums(self, coded: list[np.ndarray]) -> np.ndarray:
        """Return the sums over the columns, one column after the other."""
        total = np.zeros((len(coded[0]), len(self.rows[0])), dtype=np.float64)
        for column in range(coded[0].shape[1]):
            total += np.minimum(np.abs(coded[0][:, column, None] - self.rows[0][None, :, column]), 1)
        for column in range(coded[1].shape[1]):
            total += coded[1][:, column, None] != self.rows[1][None, :, column]
        return total

    def _coded(self, rows: pd.DataFrame) -> list[np.ndarray]:
        """Return numbers over their range, and a whole number for each other value: 0 where it is missing."""
        scaled = [np.nan_to_num(values / self.ranges[name], nan=FAR) for name, values in self._numbers(rows).items()]
        codes = [places(rows[name], self.values[name]) for name in self.compared]
        return [np.stack(part, 1) if part else np.zeros((len(rows), 0)) for part in (scaled, codes)]

    def _numbers(self, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        return {name: numbers(rows[name]) for name in self.measured}


def share_nearer_to_training(to_training: Float[np.ndarray, " rows"], to_held_out: Float[np.ndarray, " rows"]) -> float:
    """Return the share of generated rows that are nearer to a training row than to a held-out one; ties count half.

    With as many rows on either side a generator that has only learned the distribution has one half.
    """
    nearer, equal = to_training < to_held_out, to_training == to_held_out
    return float(nearer.mean() + equal.mean() / 2)
