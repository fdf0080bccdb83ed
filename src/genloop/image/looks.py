"""How new pictures look beside known ones: all together, each alone, and beside those of their class."""

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from genloop.deliveries.chances import above, more, told_apart
from genloop.deliveries.findings import Trial
from genloop.randomness import keyed_generator

DIMENSIONS = 64  # of the features, in the directions in which pictures differ most
FEWEST = 8  # new pictures that can be told apart
ODD = 0.01  # of the known pictures lie as far from all others as one must that is called odd
ROUNDED = 1e-6  # of the largest feature: distances below are those of equal pictures
CLASSES, PICTURES = "classes", "pictures"

Known = Float[np.ndarray, "known features"]
New = Float[np.ndarray, "new features"]
KnownLabels = Int[np.ndarray, " known"]
NewLabels = Int[np.ndarray, " new"]


def flat_pictures(known: Bool[np.ndarray, " known"], new: Bool[np.ndarray, " new"]) -> list[Trial]:
    """Return whether more of the new pictures are of one color all over."""
    if not new.any():
        return []
    tested = more((int(known.sum()), len(known)), (int(new.sum()), len(new)))
    told = (
        f"{int(new.sum())} of {len(new)} new pictures are of one color all over, as {known.mean():.1%} of the known are"
    )
    return [Trial.of(PICTURES, told, "Fisher's exact test", f"{int(new.sum())} of {len(new)}", tested, "strange")]


def looks(known: Known, new: New, labels: KnownLabels, new_labels: NewLabels) -> list[Trial]:
    """Return whether new pictures look like known ones, all together, each alone, and beside those of their class."""
    both = np.concatenate([known, new])
    if not both.std(0).any():
        return []
    with threadpool_limits(1):
        reduced = PCA(min(DIMENSIONS, *both.shape), random_state=0).fit_transform(both)
    old, others = reduced[: len(known)], reduced[len(known) :]
    trials = []
    if min(len(old), len(others)) >= FEWEST:
        found = told_apart(old, others, _linear, keyed_generator(0, "delivery", "halves"))
        told = "a classifier can tell new pictures from known ones that it has not seen"
        area = f"area under the ROC curve {found.statistic:.3f}"
        trials.append(Trial.of(PICTURES, told, "classifier two-sample test", area, found, "shift"))
    return trials + _neighbors(old, others, labels, new_labels)


def _linear(pictures: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Tell new pictures by a plane, found with a shrunken covariance (Ledoit and Wolf 2004), sizes of sides ignored."""
    varying = pictures.std(0) > 0
    if not varying.any():
        return np.zeros(len(asked))
    plane = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])
    return plane.fit(pictures[:, varying], truth).decision_function(asked[:, varying])


def _neighbors(known: Known, new: New, labels: KnownLabels, new_labels: NewLabels) -> list[Trial]:
    """Return how many new pictures lie far from all known ones, and whether the nearest one is of their class."""
    if len(known) < 3:
        return []
    with threadpool_limits(1):
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
        own, own_place = (side[:, 0] for side in search.kneighbors())  # each without itself
        away, place = (side[:, 0] for side in search.kneighbors(new))
    slack = ROUNDED * float(np.abs(known).max())
    far = float(np.quantile(own, 1 - ODD, method="higher"))
    odd = int((own >= far).sum()), int((away > far + slack).sum())
    tested = more((odd[0], len(own)), (odd[1], len(away)))
    told = f"{odd[1]} of {len(away)} new pictures are as unlike any known one as {odd[0]} of {len(own)} known ones are"
    trials = [Trial.of(PICTURES, told, "Fisher's exact test of distances", f"{odd[1]} odd", tested, "strange")]
    farther = int((away > own.max() + slack).sum())
    told = f"{farther} of {len(away)} new pictures are farther from all known ones than any of these is"
    tested = above(len(own), len(away), farther)
    trials.append(Trial.of(PICTURES, told, "exact test of ranks of distances", f"{farther} beyond", tested, "strange"))
    named = new_labels >= 0
    if named.any() and (labels >= 0).all():
        right, wrong = labels[own_place] == labels, int((labels[place] != new_labels)[named].sum())
        tested = more((int((~right).sum()), len(right)), (wrong, int(named.sum())))
        told = (
            f"the nearest known picture is of another class for {wrong / named.sum():.1%}, was {1 - right.mean():.1%}"
        )
        count = f"{wrong} of {named.sum()}"
        trials.append(Trial.of(CLASSES, told, "Fisher's exact test of neighbors", count, tested, "shift"))
    return trials
