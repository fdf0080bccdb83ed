"""What rows are scored by: real rows, learners, distances, and what scores need to be taken at all."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genloop.intervals import Figures, Part, with_intervals
from genloop.randomness import keyed_generator, keyed_seed
from genloop.table.scores.distances import Nearest, share_nearer_to_training
from genloop.table.scores.learners import FOLDS, Told, teach, tell_apart
from genloop.table.scores.metrics import (
    Pairs,
    column_coverage,
    column_shapes,
    is_new,
    is_number,
    missing_similarity,
)

MOST = 50_000  # rows of each side where nobody says how many
MOST_DISTANCES = 5_000  # rows whose distances are taken
MOST_NEAR = 10_000  # rows of each side among which the nearest is looked for
FEWEST = 12  # held-out rows
OF_HELD_OUT = ("usefulness", "nearer_to_training")
Scores = dict[str, float]
SHARE = (0.0, 1.0)
LIMITS = {
    **dict.fromkeys(("shapes", "pairs", "pairs_strong", "missing", "detection", "new_rows"), SHARE),
    **dict.fromkeys(("coverage", "coverage_ranges", "coverage_categories"), SHARE),
    "nearer_to_training": SHARE,
    "usefulness": (float("-inf"), 1.0),
}


@dataclass(frozen=True)
class Rows:
    """Rows that are judged, with what takes long to find out about them."""

    rows: pd.DataFrame
    new: np.ndarray  # whether each row is equal to no training row
    apart: Told | None  # what trees tell of these and of real rows
    taught: Told | None  # what trees that learned from these tell of held-out rows
    to_training: np.ndarray  # distances to as many training rows as are held out
    to_held_out: np.ndarray


class Judge:
    """Real rows that others are compared with."""

    def __init__(self, train: pd.DataFrame, test: pd.DataFrame, target: str, count: int, seed: int) -> None:
        """Take typed rows without keys and constants."""
        self.train, self.test, self.target, self.seed = train, test, target, seed
        self.real = drawn(train, count, seed, "real")
        pairs = Pairs(self.real)
        self.pairs, self.strong = pairs.compared, list(pairs.strong())
        halves = np.array_split(keyed_generator(seed, "halves").permutation(len(test)), 2)
        self.other, self.held_out = (test.iloc[np.sort(half)[:MOST_NEAR]] for half in halves)
        self.nearest = Nearest(drawn(train, max(len(self.held_out), 1), seed, "nearest"), scale=train)
        self.nearest_held_out = Nearest(self.held_out, scale=train) if len(test) >= FEWEST else None

    def figures(
        self, rows: pd.DataFrame, near: pd.DataFrame | None = None, teacher: pd.DataFrame | None = None
    ) -> Figures:
        """Return all scores of rows; ``near`` are those whose distances are taken, ``teacher`` those that teach."""
        teacher = rows if teacher is None else teacher
        out = self._left_out(rows, teacher)
        judged = self._judged(rows, rows if near is None else near, teacher, out)
        sizes = (len(self.real), len(rows))
        found = with_intervals(lambda part: self._scores(judged, part), sizes, LIMITS, self.seed)
        return Figures(found.scores, found.intervals, out)

    def _left_out(self, rows: pd.DataFrame, teacher: pd.DataFrame) -> dict[str, str]:
        """Return which scores cannot be taken, and why."""
        out: dict[str, str] = {}
        if len(self.test) < FEWEST:
            reason = f"{len(self.test)} held-out rows are too few, at least {FEWEST} are needed; raise holdout"
            out |= dict.fromkeys(OF_HELD_OUT, reason)
        elif useless := self._useless(teacher):
            out["usefulness"] = useless
        if min(len(rows), len(self.real)) < FOLDS:
            out["detection"] = f"{min(len(rows), len(self.real))} rows cannot be put into {FOLDS} folds"
        if not self.pairs:
            alone = len(self.train.columns) < 2
            why = "a single column has no pair" if alone else "no two columns of the real rows have a correlation"
            out["pairs"] = why
        if not self.strong:
            out["pairs_strong"] = "no two columns of the real rows are strongly related"
        return out

    def _useless(self, teacher: pd.DataFrame) -> str | None:
        """Return why a learner cannot be taught by rows, if so."""
        if len(self.train.columns) < 2:
            return f"there is no other column to tell the target '{self.target}' by"
        if self.train[self.target].nunique() < 2 or self.test[self.target].nunique() < 2:
            return f"the target '{self.target}' has a single value; name another in reference.target"
        if teacher[self.target].isna().all():
            return f"the target '{self.target}' has no value in the rows that teach"
        return None

    def _judged(self, rows: pd.DataFrame, near: pd.DataFrame, teacher: pd.DataFrame, out: dict[str, str]) -> Rows:
        near, none = near[:MOST_DISTANCES], np.empty(0)
        seeds = {name: keyed_seed(self.seed, name) for name in ("detection", "usefulness")}
        return Rows(
            rows,
            is_new(self.train, rows),
            None if "detection" in out else tell_apart(self.real, rows, seeds["detection"]),
            None if "usefulness" in out else teach(teacher, self.test, self.target, self.train, seeds["usefulness"]),
            self.nearest.distances(near) if self.nearest_held_out else none,
            self.nearest_held_out.distances(near) if self.nearest_held_out else none,
        )

    def _scores(self, judged: Rows, part: Part) -> Scores:
        """Return the scores of a part of the real and of the judged rows."""
        real, rows = (side.iloc[part.of(len(side))] for side in (self.real, judged.rows))
        trends = Pairs(real).trends(rows)
        strong = [trends[pair] for pair in self.strong if pair in trends]
        scores = {
            "shapes": _mean(list(column_shapes(real, rows).values())),
            "missing": _mean([missing_similarity(real[name], rows[name]) for name in rows]),
            "new_rows": float(judged.new[part.of(len(judged.new))].mean()),
        }
        for name, alike in (("pairs", list(trends.values())), ("pairs_strong", strong)):
            if alike:
                scores[name] = _mean(alike)
        for name, told in (("detection", judged.apart), ("usefulness", judged.taught)):
            if told is not None:
                scores[name] = told.score(part)
        if len(judged.to_training):
            near = part.of(len(judged.to_training))
            sides = judged.to_training[near], judged.to_held_out[near]
            scores["nearer_to_training"] = share_nearer_to_training(*sides)
        return scores | self._coverages(rows)

    def _coverages(self, rows: pd.DataFrame) -> Scores:
        found = {name: column_coverage(self.train[name], rows[name]) for name in rows}
        ranges = [value for name, value in found.items() if is_number(self.train[name])]
        words = [value for name, value in found.items() if not is_number(self.train[name])]
        parts = {"coverage_ranges": ranges, "coverage_categories": words, "coverage": list(found.values())}
        return {name: _mean(values) for name, values in parts.items() if values}


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def drawn(rows: pd.DataFrame, count: int, seed: int, name: str) -> pd.DataFrame:
    """Return so many rows, or all where there are fewer, drawn by the name of what they are for."""
    chosen = keyed_generator(seed, name).permutation(len(rows))[:count]
    return rows.iloc[np.sort(chosen)].reset_index(drop=True)
