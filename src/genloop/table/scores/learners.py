"""What a learner makes of generated rows: whether it can tell them from real ones, and whether it learns the same."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import f1_score, r2_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from genloop.intervals import ALL, Part
from genloop.table.scores.metrics import is_number, numbers

FOLDS = 3
WHOLE = 10_000  # rows; of more, trees hold a tenth back, which may be all that have a value
FEWEST_VALUES = 10  # of a column of so many rows
MOST_CATEGORIES = 255  # that the trees take as categories; more are taken by the order of their frequency


class Features:
    """Columns as numbers for trees: words by their place in their own order, else in that of frequency."""

    def __init__(self, rows: pd.DataFrame, left_out: Sequence[str] = ()) -> None:
        """Take the rows whose values are known; columns that are left out are no features."""
        self.names = [str(name) for name in rows if name not in left_out]
        words = [name for name in self.names if not is_number(rows[name])]
        self.ordered = {name for name in words if getattr(rows[name].dtype, "ordered", False)}
        self.known = {name: rows[name].value_counts(sort=name not in self.ordered).index for name in words}
        self.categories = [
            name in self.known and name not in self.ordered and len(self.known[name]) <= MOST_CATEGORIES
            for name in self.names
        ]

    def of(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the features of rows, not a number where a value is missing or not known: [rows, columns]."""
        return np.stack([self._column(name, rows[name]) for name in self.names], axis=1)

    def _column(self, name: str, values: pd.Series) -> np.ndarray:
        if name not in self.known:
            return numbers(values)
        codes = self.known[name].get_indexer(pd.Index(values)).astype(float)
        return np.where(codes < 0, np.nan, codes)


def without_empty(fitted: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features to fit trees on and to ask them of, 0 on both sides where those to fit on have no value.

    Trees take no column without any value, and nothing can be learned of one.
    """
    least = 1 if len(fitted) <= WHOLE else FEWEST_VALUES
    empty = (~np.isnan(fitted)).sum(0) < least
    return np.where(empty, 0.0, fitted), np.where(empty, 0.0, asked)


@dataclass(frozen=True)
class Told:
    """What a learner tells of rows, beside the truth, and how well it tells it."""

    truth: np.ndarray
    told: np.ndarray
    measure: Callable[[np.ndarray, np.ndarray], float]

    def score(self, part: Part = ALL) -> float:
        """Return how well a part of the rows is told, not a number where the part does not show it."""
        chosen = part.of(len(self.truth))
        truth, told = self.truth[chosen], self.told[chosen]
        return float(self.measure(truth, told)) if len(np.unique(truth)) > 1 else math.nan


def macro_f1(truth: np.ndarray, told: np.ndarray) -> float:
    """Return the mean over the values of the harmonic mean of precision and recall."""
    return float(f1_score(truth, told, average="macro", zero_division=0))


def tell_apart(real: pd.DataFrame, synthetic: pd.DataFrame, seed: int) -> Told:
    """Return how boosted trees tell real from generated rows, in 3 folds, by the area under the ROC curve.

    0.5 is what cannot be told apart. As many rows are taken of either as the smaller table has.
    """
    count = min(len(real), len(synthetic))
    sides = [side.sample(count, random_state=seed % 2**32) for side in (real, synthetic)]
    features = Features(real)
    x, y = np.concatenate([features.of(side) for side in sides]), np.repeat([0, 1], count)
    judge = HistGradientBoostingClassifier(categorical_features=features.categories, random_state=seed % 2**32)
    folds, told = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32), np.empty(len(y))
    with threadpool_limits(1):  # equal bytes need an equal order of sums
        for others, fold in folds.split(x, y):
            fitted, asked = without_empty(x[others], x[fold])
            told[fold] = clone(judge).fit(fitted, y[others]).predict_proba(asked)[:, 1]
    return Told(y, told, roc_auc_score)


def teach(train: pd.DataFrame, test: pd.DataFrame, target: str, known: pd.DataFrame, seed: int) -> Told:
    """Return how boosted trees that are trained on ``train`` tell ``target`` on real rows of ``test``.

    Macro F1 of words, R2 of numbers. ``known`` are the real training rows, whose values are told apart. Rows without
    the target are left out; some must have it on either side, and there must be another column. A target that never
    varies teaches nothing, which has the score of always telling it.
    """
    train, test = (rows[rows[target].notna()] for rows in (train, test))
    if not is_number(
        known[target]
    ):  # a value of one row teaches nothing, and of many rows trees hold some of each back
        repeated = train[target].duplicated(keep=False)
        train = train[repeated] if repeated.any() else train
    features = Features(known, left_out=[target])
    measured = is_number(known[target])
    kind = HistGradientBoostingRegressor if measured else HistGradientBoostingClassifier
    learner = kind(categorical_features=features.categories, random_state=seed % 2**32)
    y, truth = (numbers(rows[target]) if measured else rows[target].astype(str).to_numpy() for rows in (train, test))
    with threadpool_limits(1):
        fitted, asked = without_empty(features.of(train), features.of(test))
        told = learner.fit(fitted, y).predict(asked) if len(np.unique(y)) > 1 else np.repeat(y[:1], len(test))
    return Told(truth, told, r2_score if measured else macro_f1)
