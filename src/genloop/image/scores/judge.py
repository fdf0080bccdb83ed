"""What pictures are scored by: real features, a network that finds them, and what scores need to be taken at all."""

from dataclasses import dataclass

import numpy as np

from genloop.image.data import PictureRecords
from genloop.image.scores.features import Classifier, extract, logits
from genloop.image.scores.metrics import NEIGHBORS, class_scores, distance_scores
from genloop.intervals import Figures, Part, with_intervals

INFINITE = float("inf")
LIMITS = {
    "frechet": (0.0, INFINITE),
    "precision": (0.0, 1.0),
    "recall": (0.0, 1.0),
    "density": (0.0, INFINITE),
    "coverage": (0.0, 1.0),
    "inception_score": (1.0, INFINITE),
    "modes": (1.0, INFINITE),
    "modes_divergence": (0.0, INFINITE),
}
MANIFOLD = ("precision", "recall", "density", "coverage")
OF_CLASSES = ("inception_score", "modes", "modes_divergence")


@dataclass(frozen=True)
class Judge:
    """Scores pictures against the held-out ones of a data set."""

    network: Classifier
    real: np.ndarray  # features of the held-out pictures: [records, features]
    shares: np.ndarray  # of the training pictures by class; empty where there are no classes
    seed: int  # of the parts that intervals come from

    def figures(self, pictures: PictureRecords) -> Figures:
        """Return all scores of distances and of classes, with their intervals, and why others are left out."""
        out = left_out(len(self.real), len(pictures), self.real.shape[1], len(self.shares))
        fake = extract(self.network, pictures)
        told = logits(self.network, pictures) if len(self.shares) > 1 else None

        def score(part: Part) -> dict[str, float]:
            chosen = part.of(len(fake))
            scores = distance_scores(self.real[part.of(len(self.real))], fake[chosen])
            return scores | ({} if told is None else class_scores(told[chosen], self.shares))

        found = with_intervals(score, (len(self.real), len(fake)), LIMITS, self.seed)
        scores = {name: value for name, value in found.scores.items() if name not in out}
        intervals = {name: ends for name, ends in found.intervals.items() if name not in out}
        return Figures(scores, intervals, out)


def left_out(real: int, fake: int, features: int, classes: int) -> dict[str, str]:
    """Return which scores cannot be taken of so many real and generated pictures, and why."""
    found = {}
    for count, kind, remedy in ((real, "held-out", "raise holdout"), (fake, "generated", "raise reference.count")):
        told = f"{count} {kind} pictures" if count else f"there are no {kind} pictures"
        if count <= features:
            found["frechet"] = f"{told}, and a covariance of {features} features needs more; {remedy}"
        if count <= NEIGHBORS:
            found |= dict.fromkeys(MANIFOLD, f"{told}, and balls reach to the {NEIGHBORS}th neighbor; {remedy}")
        if count < 2:
            found["kid"] = f"{told}, and pairs are compared; {remedy}"
    if classes < 2:
        found |= dict.fromkeys(OF_CLASSES, "the data set has fewer than two classes")
    return found
