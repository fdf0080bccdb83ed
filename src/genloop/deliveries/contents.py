"""Records as content: which of them are new, and which repeat others, whatever their order and split."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt64

from genloop.splitting import equal_before

Known = UInt64[np.ndarray, " known"]
New = UInt64[np.ndarray, " new"]


class Contents(NamedTuple):
    """How two sets of records differ."""

    new: Int[np.ndarray, " new"]  # places of the records that there are more of than before
    gone: int  # records that there are fewer of


def compare_contents(before: UInt64[np.ndarray, " before"], now: UInt64[np.ndarray, " now"]) -> Contents:
    """Compare records by hashes, each as often as it occurs.

    If equal records counted once, a delivery of common rows would have none that is new but its rare ones, and these
    would never look like the known ones.
    """
    new = np.flatnonzero(equal_before(now) >= occurrences(before, now))
    return Contents(new, len(before) - (len(now) - len(new)))


def occurrences(
    records: UInt64[np.ndarray, " records"], asked: UInt64[np.ndarray, " asked"]
) -> Int[np.ndarray, " asked"]:
    """Return how often each of those asked for is among the records."""
    known, counts = np.unique(records, return_counts=True)
    if not len(known):
        return np.zeros(len(asked), np.int64)
    places = np.searchsorted(known, asked).clip(max=len(known) - 1)
    return np.where(known[places] == asked, counts[places], 0)


class Repeats(NamedTuple):
    """Which records repeat one of a set."""

    known: Bool[np.ndarray, " known"]
    new: Bool[np.ndarray, " new"]


def repeats_of_known(known: Known, new: New) -> Repeats:
    """Return which repeat a known record other than themselves."""
    return Repeats(occurrences(known, known) > 1, occurrences(known, new) > 0)


def repeats_of_new(known: Known, new: New) -> Repeats:
    """Return which repeat a new record other than themselves."""
    return Repeats(occurrences(new, known) > 0, occurrences(new, new) > 1)
