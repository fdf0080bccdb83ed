"""Whether a generator copies its training rows, and the pairs that look most like it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from genloop import copying
from genloop.copying import MOST, NEIGHBORS, Copying, Distances
from genloop.illustrations import Listed
from genloop.randomness import keyed_generator
from genloop.scored import FEWEST_TRAINING
from genloop.table.scores.distances import Nearest

MOST_TRAINING = 100_000  # rows among which the nearest is looked for


def honest(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> Distances:
    """Return the distances of rows that nobody copied to their nearest training rows.

    These are test rows, and training rows to the others: one that is left out is a held-out one. Nothing where
    there are fewer than three training rows.
    """
    if len(train) < FEWEST_TRAINING:
        return np.empty((0, 0))
    known = train.iloc[_looked_at(len(train), seed)]
    count, reference = min(NEIGHBORS + 1, len(known) - 1), Nearest(known, scale=train)
    own = np.sort(keyed_generator(seed, "left out").permutation(len(known))[:MOST])
    left_out = reference.neighbors(known.iloc[own], count, own)
    return np.concatenate([left_out.distances, reference.neighbors(test[:MOST], count).distances])


def judge(generated: pd.DataFrame, train: pd.DataFrame, honest: Distances, seed: int) -> Copying:
    """Compare the first generated rows with training rows; ``honest`` is what :func:`honest` returned for the seed."""
    places = _looked_at(len(train), seed)
    found = Nearest(train.iloc[places], scale=train).neighbors(generated[:MOST], honest.shape[1])
    return copying.judge(replace(found, nearest=places[found.nearest]), honest)


def suspicious_pairs(found: Copying, generated: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
    """Return two rows for each of the most suspicious pairs, first the generated one: ``pair, ratio, row, ...``."""
    pairs = found.pairs()
    sides = [(generated, [pair.generated for pair in pairs]), (train, [pair.training for pair in pairs])]
    rows = pd.concat([side.iloc[places] for side, places in sides], ignore_index=True)
    rows = rows.iloc[np.arange(2 * len(pairs)).reshape(2, -1).T.ravel()].reset_index(drop=True)
    words = pd.DataFrame(
        {
            "pair": np.repeat(np.arange(1, len(pairs) + 1), 2),
            "ratio": np.repeat([round(pair.ratio, 4) for pair in pairs], 2),
            "row": ["generated", "training"] * len(pairs),
        }
    )
    return pd.concat([words, rows.add_prefix("column ") if set(rows) & set(words) else rows], axis=1)


def most_suspicious(found: Copying, generated: pd.DataFrame, train: pd.DataFrame, folder: Path) -> Listed:
    """Write :func:`suspicious_pairs` to ``copies.csv`` and return them in words."""
    pairs = suspicious_pairs(found, generated, train)
    pairs.to_csv(folder / "copies.csv", index=False, lineterminator="\n")
    words = pairs.astype("string").fillna("")
    return Listed([str(name) for name in words], [[str(cell) for cell in row] for row in words.to_numpy()])


def _looked_at(rows: int, seed: int) -> np.ndarray:
    """Return the places of the training rows that are looked at, the same for everyone with the seed."""
    return np.sort(keyed_generator(seed, "looked at").permutation(rows)[:MOST_TRAINING])
