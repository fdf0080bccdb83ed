"""How alike two tables are, as pure functions of typed frames; every score is 1 for equal tables and 0 at worst."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pandas as pd

from genloop.table.encoding.association import cramers_v
from genloop.table.encoding.contents import hashes

BINS = 10  # of equal width over the real range, into which numbers are put beside categories
STRONG_CORRELATION, STRONG_ASSOCIATION = 0.5, 0.3  # of real pairs that are strongly related


def is_number(values: pd.Series) -> bool:
    """Return whether values have distances: numbers, dates and times."""
    return pd.api.types.is_datetime64_any_dtype(values) or (
        pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    )


def numbers(values: pd.Series) -> np.ndarray:
    """Return numbers, dates in nanoseconds, not a number where a value is missing."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return np.where(values.isna(), np.nan, values.astype("datetime64[ns]").astype(np.int64).astype(float))
    return values.to_numpy(dtype=float, na_value=np.nan)


def places(values: pd.Series, known: pd.Index) -> np.ndarray:
    """Return 0 for a missing value, 1 for one that is not known, and from 2 on the place among the known ones."""
    return np.where(values.isna(), 0, known.get_indexer(pd.Index(values)) + 2)


def column_shape(real: pd.Series, synthetic: pd.Series) -> float:
    """Return how alike the values of a column are, missing ones left out.

    Of numbers, 1 minus the largest distance between the distribution functions (Kolmogorov and Smirnov); of categories,
    1 minus the total variation distance; 0 where a side has no value.
    """
    present = real.dropna(), synthetic.dropna()
    if not all(map(len, present)):
        return 0.0
    if is_number(real):
        return 1 - distribution_distance(*map(numbers, present))
    return 1 - total_variation(*present)


def distribution_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest distance between the distribution functions of two sets of numbers (Kolmogorov and Smirnov).

    It is what ``scipy.stats.ks_2samp`` gives, without the chance of it, which takes most of the time there.
    """
    sides = np.sort(first), np.sort(second)
    everything = np.concatenate(sides)
    below, below_second = (np.searchsorted(side, everything, side="right") / len(side) for side in sides)
    return float(np.abs(below - below_second).max())


def column_coverage(real: pd.Series, synthetic: pd.Series) -> float:
    """Return how much of what a column can hold occurs: of numbers, the share of the range; of words, of the values."""
    real, synthetic = real.dropna(), synthetic.dropna()
    if not is_number(real):
        known = set(real.unique())
        return len(known & set(synthetic.unique())) / len(known)
    low, high = numbers(real).min(), numbers(real).max()
    if synthetic.empty or high == low:
        return float(high == low and low in numbers(synthetic))
    inside = np.clip(numbers(synthetic), low, high)
    return float((inside.max() - inside.min()) / (high - low))


def missing_similarity(real: pd.Series, synthetic: pd.Series) -> float:
    """Return 1 minus the difference between the shares of missing values."""
    return 1 - abs(float(real.isna().mean()) - float(synthetic.isna().mean()))


def is_new(training: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return whether each row is equal to no training row: [rows]."""
    return ~np.isin(hashes(rows), hashes(training))


def total_variation(real: pd.Series, synthetic: pd.Series) -> float:
    """Return half the sum of the differences between the shares of all values."""
    shares = [values.value_counts(normalize=True) for values in (real, synthetic)]
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum()) / 2


def column_shapes(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    """Return the shape of each column."""
    return {str(name): column_shape(real[name], synthetic[name]) for name in real}


class Pairs:
    """The trends of all pairs of columns of real rows, to compare synthetic rows with."""

    def __init__(self, real: pd.DataFrame, own_bins: bool = False) -> None:
        """Put numbers into bins over their real range, or over each table's own, as sdmetrics 0.32 does.

        With ``own_bins`` a single outlying value shifts all bins, so that joint distributions which agree look unlike.
        """
        self.names, self.own_bins = [str(name) for name in real], own_bins
        self.measured = [name for name in self.names if is_number(real[name])]
        self.edges = {name: _edges(numbers(real[name])) for name in self.measured}
        self.codes = {name: pd.Index(real[name].dropna().unique()) for name in self.names if name not in self.edges}
        self.correlations = self._correlations(real)
        self.binned = self._binned(real)
        self.compared = [pair for pair in combinations(self.names, 2) if self._is_known(pair)]

    def trends(self, synthetic: pd.DataFrame) -> dict[tuple[str, str], float]:
        """Return how alike each pair is: by its correlation where both are numbers, else by its joint distribution.

        Correlations are Pearson's, of rows that miss neither; joint distributions count a missing value as a category
        and are compared by total variation. A column that never varies correlates with none: a pair whose real rows
        have no correlation is left out, and one that has none in the synthetic rows alone counts as uncorrelated.
        """
        correlations, binned = self._correlations(synthetic), self._binned(synthetic)
        found: dict[tuple[str, str], float] = {}
        for first, second in self.compared:
            if self._is_measured((first, second)):
                difference = self.correlations[first, second] - np.nan_to_num(correlations[first, second])
                found[first, second] = 1 - abs(float(difference)) / 2
            else:
                found[first, second] = 1 - _joint_variation(self.binned, binned, first, second)
        return found

    def strong(self) -> Iterator[tuple[str, str]]:
        """Yield the pairs that are strongly related in the real rows."""
        for first, second in self.compared:
            if self._is_measured((first, second)):
                if abs(self.correlations[first, second]) > STRONG_CORRELATION:
                    yield first, second
            elif cramers_v(self.binned[first], self.binned[second]) > STRONG_ASSOCIATION:
                yield first, second

    def _is_measured(self, pair: tuple[str, str]) -> bool:
        return pair[0] in self.edges and pair[1] in self.edges

    def _is_known(self, pair: tuple[str, str]) -> bool:
        return not self._is_measured(pair) or not np.isnan(self.correlations[pair])

    def _correlations(self, frame: pd.DataFrame) -> dict[tuple[str, str], float]:
        matrix = pd.DataFrame({name: numbers(frame[name]) for name in self.measured}).corr().to_numpy()
        pairs = product(enumerate(self.measured), repeat=2)
        return {(first, second): float(matrix[row, column]) for (row, first), (column, second) in pairs}

    def _binned(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return a whole number for each value: 0 where it is missing, those beyond the real range in the last bins."""
        found: dict[str, np.ndarray] = {}
        for name in self.names:
            if name in self.edges:
                values = numbers(frame[name])
                edges = _edges(values) if self.own_bins else self.edges[name]
                bins = np.digitize(values, edges[1 : None if self.own_bins else -1]) + 1
                found[name] = np.where(np.isnan(values), 0, bins)
            else:
                found[name] = places(frame[name], self.codes[name])
        return found


def _edges(values: np.ndarray) -> np.ndarray:
    present = values[~np.isnan(values)]
    return np.histogram_bin_edges(present, BINS)


def _joint_variation(real: dict[str, np.ndarray], synthetic: dict[str, np.ndarray], first: str, second: str) -> float:
    width = 1 + max(real[second].max(), synthetic[second].max())
    joint = [side[first].astype(np.int64) * width + side[second] for side in (real, synthetic)]
    found, codes = np.unique(np.concatenate(joint), return_inverse=True)  # of columns of many values few pairs occur
    parts = np.split(codes, [len(joint[0])])
    shares = [np.bincount(part, minlength=len(found)) / len(part) for part in parts]
    return float(np.abs(shares[0] - shares[1]).sum()) / 2
