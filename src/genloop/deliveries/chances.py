"""How likely what is seen of new records would be if they were drawn as the known ones were; pure functions."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln, logsumexp, xlogy
from scipy.stats import hypergeom, ks_2samp, norm, pearson3, rankdata
from threadpoolctl import threadpool_limits

EXACT = 2_500_000  # pairs of values up to which the distribution of Kolmogorov's distance is taken exactly
TABLES = 10_000  # drawn where the distribution of a statistic has no formula
TAIL = 20  # of these that must lie beyond a statistic for their share to be its chance
CELLS = 30  # values of a column that are counted apart, and only such as are expected once among the new records

Counts = Int[np.ndarray, " values"]
Kept = Int[np.ndarray, " kept"]


class Tested(NamedTuple):
    """A statistic, how large the difference is, and the chance of one as large."""

    statistic: float
    effect: float
    p: float


def distance(known: Float[np.ndarray, " known"], new: Float[np.ndarray, " new"]) -> Tested:
    """Compare numbers by the largest distance between their distribution functions (Kolmogorov, Smirnov 1939).

    Exact for few numbers; ties make it conservative.
    """
    method = "exact" if len(known) * len(new) <= EXACT else "asymp"
    found = ks_2samp(known, new, method=method)
    return Tested(float(found.statistic), float(found.statistic), min(max(float(found.pvalue), 0.0), 1.0))


def beyond(known: int, new: int, outside: int) -> Tested:
    """Judge how many of the new numbers lie below or above all known ones.

    In a random order of all, the ends of the ranking belong to the new ones as often as in drawing without putting
    back; so the chance is exact, whatever the distribution, and ties make it conservative.
    """
    if known < 2 or not new or not outside:
        return Tested(float(outside), outside / max(new, 1), 1.0)
    count = np.arange(outside, new + 1)  # at both ends together; (count + 1) ways to share them
    both = known + new
    ends = gammaln(new + 1) - gammaln(new - count + 1) - gammaln(both + 1) + gammaln(both - count + 1)
    rest = math.log(known) + math.log(known - 1) - np.log(both - count) - np.log(both - count - 1)
    p = float(np.exp(logsumexp(ends + rest + np.log(count + 1))))
    return Tested(float(outside), outside / new - 2 / (known + 1), min(p, 1.0))


def above(known: int, new: int, outside: int) -> Tested:
    """Judge how many new values lie above all known ones; exact as :func:`beyond` is, for one end."""
    count = np.arange(outside)
    p = float(np.exp(np.log((new - count) / (known + new - count)).sum()))
    return Tested(float(outside), outside / max(new, 1) - 1 / (known + 1), p)


def more(known: tuple[int, int], new: tuple[int, int]) -> Tested:
    """Judge whether a larger part of the new records has something: each side as (those that have it, all).

    Fisher's exact test, one-sided (Fisher 1934, "Statistical methods for research workers", section 21.02).
    """
    (has, all_known), (has_new, all_new) = known, new
    p = float(hypergeom.sf(has_new - 1, all_known + all_new, has + has_new, all_new))
    return Tested(float(has_new), has_new / max(all_new, 1) - has / max(all_known, 1), min(max(p, 0.0), 1.0))


def other(known: tuple[int, int], new: tuple[int, int]) -> Tested:
    """Judge the same in both directions: twice the chance of the likelier one."""
    up = more(known, new)
    down = more((known[1] - known[0], known[1]), (new[1] - new[0], new[1]))
    return Tested(up.statistic, abs(up.effect), min(2 * min(up.p, down.p), 1.0))


def shares(known: Counts, new: Counts, generator: np.random.Generator) -> Tested:
    """Compare how often each value occurs by their likelihoods; the effect is total variation beyond chance.

    The chance is that of a random part of all records. Chi-squared's own distribution is far off in its tail where
    values are rare; so tables are drawn, and where hardly any is as unlike, the curve of Pearson's type III with the
    same mean, deviation and skewness is followed (Mielke and Berry 2007, "Permutation methods"). It holds for the
    likelihood ratio (Wilks 1938), whose tail falls exponentially; Pearson's own sum of squares has a heavier one.
    """
    known, new = _joined(known, new)
    both, drawn = known + new, int(new.sum())
    if len(both) < 2 or not drawn or drawn == both.sum():
        return Tested(0.0, 0.0, 1.0)
    others, expected = int(known.sum()), both / both.sum()

    def ratio(tables: np.ndarray) -> np.ndarray:
        rest = both - tables
        return 2 * (xlogy(tables, tables / (expected * drawn)) + xlogy(rest, rest / (expected * others))).sum(-1)

    def variation(tables: np.ndarray) -> np.ndarray:
        return np.abs(tables / drawn - (both - tables) / others).sum(-1) / 2

    statistic = float(ratio(new[None])[0])
    if len(both) == 2:
        exact = other((int(known[0]), others), (int(new[0]), drawn))
        return Tested(statistic, exact.effect, exact.p)
    tables = generator.multivariate_hypergeometric(both, drawn, size=TABLES, method="marginals")
    chance = ratio(tables)
    effect = max(float(variation(new[None])[0]) - float(variation(tables).mean()), 0.0)
    return Tested(statistic, effect, _tail(chance, statistic))


def _tail(chance: np.ndarray, statistic: float) -> float:
    above = int((chance >= statistic * (1 - 1e-12)).sum())
    deviation = float(chance.std())
    if above >= TAIL or not deviation:
        return (1 + above) / (1 + len(chance))
    places = (chance - chance.mean()) / deviation
    curve = pearson3.sf((statistic - chance.mean()) / deviation, float((places**3).mean()))
    return min(float(curve), (1 + TAIL) / (1 + len(chance)))


def _joined(known: Counts, new: Counts) -> tuple[Kept, Kept]:
    """Return the counts with all rare values as one."""
    both = known + new
    order = np.argsort(-both, kind="stable")
    kept = order[:CELLS][both[order[:CELLS]] * new.sum() >= both.sum()]
    apart = np.zeros(len(both), bool)
    apart[kept] = True
    sides = (np.append(side[apart], side[~apart].sum()) for side in (known, new))
    known, new = sides
    occurs = (known + new) > 0
    return known[occurs], new[occurs]


Learner = Callable[
    [np.ndarray, np.ndarray, np.ndarray], np.ndarray
]  # records, which are new, others -> scores of these


def told_apart(known: np.ndarray, new: np.ndarray, learn: Learner, generator: np.random.Generator) -> Tested:
    """Judge whether a classifier can tell new from known records that it did not learn from: [records, features].

    A classifier two-sample test (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests") by the area under
    the ROC curve and the test of Mann and Whitney (1947). Each half is told by what was learned from the other. The two
    tests are not independent, and at worst one and the same: so their normal scores are averaged rather than added,
    which is valid however they hang together. The effect is twice the area minus 1.
    """
    halves = [np.array_split(generator.permutation(len(side)), 2) for side in (known, new)]
    scores, areas = [], []
    for asked in (0, 1):
        taught = [side[half[1 - asked]] for side, half in zip((known, new), halves, strict=True)]
        told = [side[half[asked]] for side, half in zip((known, new), halves, strict=True)]
        truth = np.repeat([0, 1], [len(side) for side in taught])
        with threadpool_limits(1):  # sums in one order
            found = learn(np.concatenate(taught), truth, np.concatenate(told))
        area, score = _ranked(found, len(told[0]), len(told[1]))
        areas.append(area)
        scores.append(score)
    area = float(np.mean(areas))
    return Tested(area, 2 * area - 1, float(norm.sf(np.mean(scores))))


def _ranked(scores: np.ndarray, known: int, new: int) -> tuple[float, float]:
    """Return the area under the ROC curve of scores, known records first, and its normal score, ties counted."""
    ranks = rankdata(scores)
    above = float(ranks[known:].sum()) - new * (new + 1) / 2
    both = known + new
    ties = np.unique(scores, return_counts=True)[1].astype(float)
    variance = known * new / 12 * (both + 1 - float((ties**3 - ties).sum()) / (both * (both - 1)))
    score = (above - known * new / 2) / math.sqrt(variance) if variance > 0 else 0.0
    return above / (known * new), score
