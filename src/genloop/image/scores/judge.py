"""What pictures are scored by: real features, a network that finds them, and what scores need to be taken at all."""

from dataclasses import dataclass

import numpy as np

from genloop.image.data import PictureRecords
from genloop.image.scores.features import Classifier, read
from genloop.image.scores.inception import Inception
from genloop.image.scores.metrics import NEIGHBORS, distance_scores, inception_score, mode_scores
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


@dataclass(frozen=True)
class Judge:
    """Scores pictures against the held-out ones of a data set."""

    network: Classifier | Inception
    real: np.ndarray  # features of the held-out pictures: [records, features]
    shares: np.ndarray  # of the training pictures by class, as the network tells classes; empty where it does not
    seed: int  # of the parts that intervals come from

    def figures(self, pictures: PictureRecords) -> Figures:
        """Return all scores of features and of classes, with their intervals, and why others are left out."""
        out = self._left_out(len(pictures))
        fake = read(self.network, pictures)

        def score(part: Part) -> dict[str, float]:
            chosen = part.of(len(pictures))
            scores = distance_scores(self.real[part.of(len(self.real))], fake.features[chosen])
            if "inception_score" not in out:
                scores["inception_score"] = inception_score(fake.logits[chosen])
            return scores | ({} if "modes" in out else mode_scores(fake.logits[chosen], self.shares))

        found = with_intervals(score, (len(self.real), len(pictures)), LIMITS, self.seed)
        scores = {name: value for name, value in found.scores.items() if name not in out}
        intervals = {name: ends for name, ends in found.intervals.items() if name not in out}
        return Figures(scores, intervals, out)

    def _left_out(self, generated: int) -> dict[str, str]:
        out = left_out(len(self.real), generated, self.real.shape[1])
        if len(self.shares) < 2:
            reason = "the feature network tells no classes; label the pictures, or set reference.features: classifier"
            out |= dict.fromkeys(("modes", "modes_divergence"), reason)
            if not isinstance(self.network, Inception):
                out["inception_score"] = reason
        return out


def left_out(real: int, fake: int, features: int) -> dict[str, str]:
    """Return which scores cannot be taken of so many real and generated pictures, and why."""
    found: dict[str, str] = {}
    for count, kind, remedy in ((real, "held-out", "raise holdout"), (fake, "generated", "raise reference.count")):
        told = f"{count} {kind} pictures" if count else f"there are no {kind} pictures"
        reasons = {}
        if count <= features:
            reasons["frechet"] = f"{told}, and a covariance of {features} features needs more; {remedy}"
        if count <= NEIGHBORS:
            reasons |= dict.fromkeys(MANIFOLD, f"{told}, and balls reach to the {NEIGHBORS}th neighbor; {remedy}")
        if count < 2:
            reasons["kid"] = f"{told}, and pairs are compared; {remedy}"
        found = reasons | found  # the first reason is told
    return found
