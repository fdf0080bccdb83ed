"""Which records are held out."""

import numpy as np

from genloop.randomness import keyed_generator


def stratified_split(labels: np.ndarray | None, count: int, holdout: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted indices of training and of held-out records; each class gives its share, at least one of two.

    The order within a class is keyed by the seed and the class, so a further class moves no record of another.
    """
    groups = [np.arange(count)] if labels is None else [np.flatnonzero(labels == label) for label in np.unique(labels)]
    train, test = [], []
    for position, group in enumerate(groups):
        shuffled = keyed_generator(seed, "split", position).permutation(group)
        held_out = min(max(round(len(group) * holdout), 1), len(group) - 1)
        test.append(shuffled[:held_out])
        train.append(shuffled[held_out:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))
