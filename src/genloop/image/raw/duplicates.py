"""Pictures that occur more than once, found by a hash of their prepared pixels."""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

NAMED = 20  # pairs that the report names
start_fingerprint = partial(hashlib.blake2b, digest_size=8)  # of bytes that come in pieces


def fingerprint(pixels: bytes) -> bytes:
    """Return eight bytes that stand for a picture: among a million pictures, two share them by chance once in 10^7."""
    return start_fingerprint(pixels).digest()


def find_duplicates(
    train: np.ndarray, test: np.ndarray, train_names: Sequence[str], test_names: Sequence[str]
) -> dict[str, Any]:
    """Count the records that repeat an earlier one, by fingerprints [records] as uint64, and name up to 20 pairs.

    ``test_in_train`` counts test records that occur in training too, so that a score on them says nothing.
    """
    leaked = _pairs(train, test)
    within = [_pairs(values, values, earlier=True) for values in (train, test)]
    named = [(train_names[first], test_names[again]) for first, again in leaked[:NAMED]]
    for names, pairs in zip((train_names, test_names), within, strict=True):
        named += [(names[first], names[again]) for first, again in pairs[:NAMED]]
    return {
        "test_in_train": len(leaked),
        "within_train": len(within[0]),
        "within_test": len(within[1]),
        "pairs": named[:NAMED],
    }


def _pairs(known: np.ndarray, asked: np.ndarray, earlier: bool = False) -> np.ndarray:
    """Return [pairs, 2]: the first place of a value in ``known``, and each place in ``asked`` where it occurs too."""
    values, first = np.unique(known, return_index=True)
    if not len(values):
        return np.empty((0, 2), np.int64)
    nearest = np.searchsorted(values, asked).clip(max=len(values) - 1)
    pairs = np.stack([first[nearest], np.arange(len(asked))], axis=1)[values[nearest] == asked]
    return pairs[pairs[:, 0] < pairs[:, 1]] if earlier else pairs
