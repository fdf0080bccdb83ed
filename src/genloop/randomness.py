"""Keyed randomness: every draw follows from a seed and the name of what is drawn.

A draw never depends on how many draws came before it, so work can stop and go on anywhere with the same result.
"""

import hashlib

import numpy as np


def keyed_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed that belongs to ``seed`` and ``names``, equal on every machine and in every session."""
    key = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def keyed_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a NumPy generator that belongs to ``seed`` and ``names``."""
    return np.random.default_rng(keyed_seed(seed, *names))
