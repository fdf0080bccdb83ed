"""Scores of a model with a likelihood, with their intervals."""

import math
from pathlib import Path

import numpy as np
from scipy.stats import t as student
from torch import Tensor

from genloop.bounds import Bounds, ImportanceBound
from genloop.config import Vae, VaeEvaluate
from genloop.intervals import Figures, Part, with_intervals
from genloop.posterior import active_units

CONFIDENCE = 0.95
OF_DEVIATIONS = ("importance_bound_standard_error", "active_units")  # scores that need two test records
NAMES = (
    "elbo",
    "rate",
    "distortion",
    "bits_per_dimension",
    "importance_bound",
    "importance_bound_error",
    "importance_bits_per_dimension",
    *OF_DEVIATIONS,
)  # scores that need test records


def interval(mean: float, error: float, records: int) -> tuple[float, float]:
    """Return the 95 % interval of the mean of so many records, by Student's distribution."""
    reach = float(student.ppf((1 + CONFIDENCE) / 2, records - 1)) * error
    return mean - reach, mean + reach


def bound_scores(weights: Path, run: Vae, prepared: Path, choices: VaeEvaluate) -> Figures:
    """Return the elbo on the test split with its parts, a tighter bound, and the latents in use.

    Bounds are in nats and in bits per dimension. Intervals say where a bound would lie on other records of the same
    kind: they come from the deviation over test records.
    """
    bounds = Bounds(weights, run, prepared, choices.seed)
    if not len(bounds.test):
        return Figures({"latent": float(run.latent)}, {}, dict.fromkeys(NAMES, "the test split is empty"))
    rates, distortions = bounds.rates_and_distortions(choices.draws)
    tight = bounds.importance_weighted(choices.importance, choices.importance_records, -(rates + distortions))
    return scored(bounds, rates, distortions, tight)


def scored(bounds: Bounds, rates: Tensor, distortions: Tensor, tight: ImportanceBound) -> Figures:
    """Return scores and intervals of what was found of each record; one record has no deviation, so no interval."""
    bits, records = 1 / (bounds.dimensions * math.log(2)), len(rates)
    found = {"elbo": -(rates + distortions), "rate": rates, "distortion": distortions}
    scores = {name: float(values.mean()) for name, values in found.items()} | {
        "bits_per_dimension": -float(found["elbo"].mean()) / (bounds.dimensions * math.log(2)),
        "importance_bound": tight.mean,
        "importance_bound_error": tight.part_error,
        "importance_bits_per_dimension": -tight.mean * bits,
        "latent": float(bounds.run.latent),
    }
    if records < 2:
        reason = "one test record has no deviation"
        return Figures(scores, {}, dict.fromkeys(OF_DEVIATIONS, reason))
    errors = {name: float(values.std()) / math.sqrt(records) for name, values in found.items()}
    intervals = {name: interval(scores[name], error, records) for name, error in errors.items()}
    intervals["importance_bound"] = interval(tight.mean, tight.error, tight.records)
    for name, of in (("bits_per_dimension", "elbo"), ("importance_bits_per_dimension", "importance_bound")):
        low, high = intervals[of]
        intervals[name] = (-high * bits, -low * bits)
    more = Figures(scores | {"importance_bound_standard_error": tight.error}, intervals)
    return more | units_in_use(bounds.posterior_means(np.arange(records)).double(), bounds.seed)


def units_in_use(means: Tensor, seed: int) -> Figures:
    """Return how many latent dimensions are in use: those whose posterior mean depends on the record.

    Burda et al. 2016: the variance of the posterior mean over test records is above 0.01.
    """

    def score(part: Part) -> dict[str, float]:
        return {"active_units": float(active_units(means[part.of(len(means))]))}

    return with_intervals(score, (len(means),), {"active_units": (0.0, float(means.shape[1]))}, seed)
