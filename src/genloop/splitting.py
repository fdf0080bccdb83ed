"""A split drawn by what records hold: each keeps its side when data grow, whatever their order."""

import numpy as np
from jaxtyping import Bool, Int, UInt64

from genloop.choices import HoldoutBy
from genloop.randomness import keyed_seed

# Of SplitMix64, which makes numbers as good as random: Steele, Lea and Flood (2014), doi.org/10.1145/2660193.2660195
GAMMA, FIRST, SECOND = (np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))

# How a report calls the split.
DRAWN: dict[HoldoutBy, str] = {"place": "drawn", "content": "drawn by content"}


def held_out_by_content(
    contents: UInt64[np.ndarray, " records"], share: float, seed: int
) -> Bool[np.ndarray, " records"]:
    """Return which records are held out: each by its own content and the seed, so that others do not matter to it.

    How many are held out is by chance near the share: of n records give or take sqrt(n share (1 - share)). Of records
    that are not all equal at least one is held out and one is not.

    Args:
        contents: a number for each record, the same for equal ones, which end on one side.
        share: of the records.
        seed: draws another split.
    """
    if not len(contents):
        return np.zeros(0, dtype=bool)
    numbers = _mixed(contents ^ np.uint64(keyed_seed(seed, "split", "content")))
    bound = min(max(int(share * 2**64), int(numbers.min()) + 1), int(numbers.max()))
    return numbers < np.uint64(bound)


def tell_repeats_apart(contents: UInt64[np.ndarray, " records"]) -> UInt64[np.ndarray, " records"]:
    """Return contents in which a record that repeats others has a number of its own: the first keeps its own."""
    return contents + equal_before(contents).astype(np.uint64) * GAMMA


def equal_before(contents: UInt64[np.ndarray, " records"]) -> Int[np.ndarray, " records"]:
    """Return of each record how many equal ones stand before it."""
    order = np.argsort(contents, kind="stable")
    ordered = contents[order]
    found = np.empty(len(contents), np.int64)
    found[order] = np.arange(len(contents)) - np.searchsorted(ordered, ordered, side="left")
    return found


def _mixed(numbers: UInt64[np.ndarray, " records"]) -> UInt64[np.ndarray, " records"]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * SECOND
    return numbers ^ (numbers >> np.uint64(31))
