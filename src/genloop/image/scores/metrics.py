"""Distances between two sets of feature vectors, as pure functions of float64 arrays [records, features].

The first argument is always the real set. Memory is bounded: pairwise distances are taken in blocks of rows.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist
from scipy.special import log_softmax, logsumexp

from genloop.kernel import kernel_distance as kernel_distance  # one of these distances

Features = Float[np.ndarray, "records features"]
Real = Float[np.ndarray, "real features"]
Fake = Float[np.ndarray, "fake features"]
Logits = Float[np.ndarray, "records classes"]
RAREST = 1e-9  # share of a class that the real records lack
NEIGHBORS = 5  # whose distance is the radius of a ball, as is usual
BLOCK = 512  # rows of a distance matrix that are held at a time


def frechet_distance(real: Real, fake: Fake) -> float:
    """Frechet distance between normal distributions fitted to both sets (Heusel et al. 2017, equation 6).

    The trace of the square root of the product of both covariances is the sum of the square roots of the eigenvalues
    of ``A B A``, where A is the root of the real covariance: symmetric, so exact also where covariances are singular.
    """
    difference = real.mean(0) - fake.mean(0)
    covariance_real, covariance_fake = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance_real))
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ np.atleast_2d(covariance_fake) @ root)
    traces = np.trace(np.atleast_2d(covariance_real)) + np.trace(np.atleast_2d(covariance_fake))
    return float(difference @ difference + traces - 2 * np.sqrt(product.clip(0)).sum())


class Manifold(NamedTuple):
    """How two sets cover each other, judged by balls that reach to each record's k-th neighbor in its own set."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(real: Real, fake: Fake, k: int = NEIGHBORS) -> Manifold:
    """Return precision and recall (Kynkaanniemi et al. 2019) and density and coverage (Naeem et al. 2020).

    A record on the edge of a ball lies in it, so that duplicates, whose balls have the radius zero, contain each other:
    a set against itself has precision, recall and coverage 1 even where all its records are equal. Only the density
    does not count the edge, as published: else it would be 1 + 1 / k for a set against itself. It is 0 for duplicates.
    """
    radii_real, radii_fake = _radii(real, k), _radii(fake, k)
    precise, strictly_inside = np.zeros(len(fake), bool), 0
    real_in_fake = np.zeros(len(real), bool)
    covered = np.zeros(len(real), bool)
    for start in range(0, len(real), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = cdist(real[rows], fake)
        inside = distances <= radii_real[rows, None]
        precise |= inside.any(0)
        covered[rows] = inside.any(1)
        strictly_inside += int((distances < radii_real[rows, None]).sum())
        real_in_fake[rows] = (distances <= radii_fake[None]).any(1)
    density = strictly_inside / (k * len(fake))
    return Manifold(float(precise.mean()), float(real_in_fake.mean()), density, float(covered.mean()))


def _radii(x: Features, k: int) -> Float[np.ndarray, " records"]:
    """Return the distance from each record to its k-th nearest other record."""
    blocks = (cdist(x[start : start + BLOCK], x) for start in range(0, len(x), BLOCK))
    return np.concatenate([np.partition(block, k, axis=1)[:, k] for block in blocks])


def distance_scores(real: Real, fake: Fake) -> dict[str, float]:
    """Return the scores of distances between features; those of which there are too few records are not among them."""
    few = min(len(real), len(fake))
    scores = {"frechet": frechet_distance(real, fake), "kid": kernel_distance(real, fake)} if few > 1 else {}
    return scores | (manifold_scores(real, fake)._asdict() if few > NEIGHBORS else {})


def inception_score(logits: Logits) -> float:
    """Return exp of the mean divergence between what is told of a record and of all (Salimans et al. 2016, section 4).

    From 1, where all records are told alike, to the number of classes, where each is told surely and all are as many.
    """
    log_told = log_softmax(logits, axis=1)
    log_mean = logsumexp(log_told, axis=0) - np.log(len(logits))
    return float(np.exp((np.exp(log_told) * (log_told - log_mean)).sum(1).mean()))


def mode_scores(logits: Logits, shares: Float[np.ndarray, " classes"]) -> dict[str, float]:
    """Return which classes a classifier finds among generated records, beside the real share of each class.

    ``modes`` is the number of classes that occur; ``modes_divergence`` the Kullback-Leibler divergence of the shares of
    the generated classes from the real ones, in nats (Metz et al. 2017, "Unrolled generative adversarial networks").
    """
    found = np.bincount(logits.argmax(1), minlength=len(shares)) / len(logits)
    present = found > 0
    divergence = (found[present] * np.log(found[present] / np.maximum(shares[present], RAREST))).sum()
    return {"modes": float(present.sum()), "modes_divergence": float(divergence)}
