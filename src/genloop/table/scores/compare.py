"""How generated rows compare with real ones, under one protocol per data set."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genloop.choices import TableReference
from genloop.errors import GenloopError
from genloop.outputs import replace_folder, write_json
from genloop.randomness import keyed_generator, keyed_seed
from genloop.table.encoding.columns import Column, parse
from genloop.table.scores.distances import Nearest, share_closer, share_nearer_to_training
from genloop.table.scores.learners import detection, usefulness
from genloop.table.scores.metrics import (
    Pairs,
    column_coverage,
    column_shapes,
    is_number,
    missing_similarity,
    share_of_new_rows,
)

MOST = 50_000  # rows of each side where nobody says how many
MOST_DISTANCES = 5_000  # rows whose distances are taken
MOST_NEAR = 10_000  # rows of each side among which the nearest is looked for
MOST_CLOSEST = 2_000  # rows whose distances to all training rows are taken
FEWEST = 12  # held-out rows
UNSCORED = ("key", "constant")  # kinds that say nothing of a generator
Scores = dict[str, float]


class Judge:
    """Real rows that others are compared with."""

    def __init__(self, train: pd.DataFrame, test: pd.DataFrame, target: str, count: int, seed: int) -> None:
        """Take typed rows without keys and constants."""
        self.train, self.test, self.target, self.seed = train, test, target, seed
        self.real = _drawn(train, count, seed, "real")
        self.pairs = Pairs(self.real)
        halves = np.array_split(keyed_generator(seed, "halves").permutation(len(test)), 2)
        self.other, self.held_out = (test.iloc[np.sort(half)[:MOST_NEAR]] for half in halves)
        self.nearest = Nearest(_drawn(train, len(self.held_out), seed, "nearest"), scale=train)
        self.nearest_held_out = Nearest(self.held_out, scale=train)
        self.nearest_of_all = Nearest(_drawn(train, MOST, seed, "closest"), scale=train)
        self.usual = self.nearest_of_all.distances(test[:MOST_CLOSEST])

    def scores(
        self, rows: pd.DataFrame, near: pd.DataFrame | None = None, teacher: pd.DataFrame | None = None
    ) -> Scores:
        """Return all scores of rows; ``near`` are those whose distances are taken, ``teacher`` those that teach."""
        trends = self.pairs.trends(rows)
        strong = [trends[pair] for pair in self.pairs.strong() if pair in trends]
        return {
            "shapes": _mean(list(column_shapes(self.real, rows).values())),
            "pairs": _mean(list(trends.values())),
            "pairs_strong": _mean(strong),
            "missing": _mean([missing_similarity(self.real[name], rows[name]) for name in rows]),
            "detection": detection(self.real, rows, keyed_seed(self.seed, "detection")),
            "usefulness": self.useful(rows if teacher is None else teacher),
            "new_rows": share_of_new_rows(self.train, rows),
            **self._coverages(rows),
            **self._distances((rows if near is None else near)[:MOST_DISTANCES]),
        }

    def useful(self, teacher: pd.DataFrame) -> float:
        """Return how well a learner taught by these rows tells the target on held-out ones."""
        return usefulness(teacher, self.test, self.target, self.train, keyed_seed(self.seed, "usefulness"))

    def _coverages(self, rows: pd.DataFrame) -> Scores:
        found = {name: column_coverage(self.train[name], rows[name]) for name in rows}
        ranges = [value for name, value in found.items() if is_number(self.train[name])]
        words = [value for name, value in found.items() if not is_number(self.train[name])]
        parts = {"coverage_ranges": ranges, "coverage_categories": words, "coverage": list(found.values())}
        return {name: _mean(values) for name, values in parts.items() if values}

    def _distances(self, rows: pd.DataFrame) -> Scores:
        to_training, to_held_out = self.nearest.distances(rows), self.nearest_held_out.distances(rows)
        to_all = self.nearest_of_all.distances(rows[:MOST_CLOSEST])
        return {
            "nearer_to_training": share_nearer_to_training(to_training, to_held_out),
            "closer_than_held_out": share_closer(to_all, self.usual),
            "distance": float(np.median(to_all)),
            "distance_of_held_out": float(np.median(self.usual)),
        }


def _mean(values: Sequence[float]) -> float:
    """Return the mean; 1 of nothing, since nothing is amiss."""
    return float(np.mean(values)) if len(values) else 1.0


def _drawn(rows: pd.DataFrame, count: int, seed: int, name: str) -> pd.DataFrame:
    chosen = keyed_generator(seed, name).permutation(len(rows))[:count]
    return rows.iloc[np.sort(chosen)].reset_index(drop=True)


def build_reference(prepared: Path, choices: TableReference, out: Path) -> None:
    """Write the real rows and the scores of three sets of rows that nobody trained for.

    ``real`` scores held-out rows: as good as it gets. ``bootstrap`` scores training rows drawn again: a copier.
    ``marginals`` scores columns drawn independently: the trivial model.

    Raises:
        GenloopError: too few held-out rows, or a target that is no column.
    """
    columns = _columns(prepared)
    train, test = (_split(prepared, split, columns) for split in ("train", "test"))
    if len(test) < FEWEST:
        raise GenloopError(f"{prepared}: {len(test)} held-out rows are too few for scores; add rows or raise holdout")
    target = _target(choices.target, columns, train)
    count = min(choices.count or MOST, len(train))
    judge = Judge(train, test, target, count, choices.seed)
    generator = keyed_generator(choices.seed, "baselines")
    bootstrap = train.iloc[generator.integers(len(train), size=count)].reset_index(drop=True)
    marginals = pd.DataFrame(
        {name: train[name].iloc[generator.integers(len(train), size=count)].array for name in train}
    )
    scores = {
        "real": judge.scores(test, near=judge.other, teacher=train),
        "bootstrap": judge.scores(bootstrap),
        "marginals": judge.scores(marginals),
    }
    protocol = {
        "real": "training split",
        "count": count,
        "held_out": len(test),
        "distances": len(judge.held_out),
        "target": target,
        "target_score": "R2" if is_number(train[target]) else "macro F1",
        "seed": choices.seed,
    }
    with replace_folder(out) as folder:
        for split, rows in (("train", train), ("test", test)):
            rows.to_parquet(folder / f"{split}.parquet", index=False)
        (folder / "schema.json").write_bytes((prepared / "schema.json").read_bytes())
        write_json(folder / "reference.json", {"protocol": protocol, "scores": scores})


def score(samples: Path, reference: Path) -> tuple[Scores, dict[str, Any]]:
    """Return the scores of generated rows, each with that of the baselines beside it, and their protocol."""
    known = json.loads((reference / "reference.json").read_text())
    protocol, columns = known["protocol"], _columns(reference)
    train, test = (_split(reference, split, columns) for split in ("train", "test"))
    judge = Judge(train, test, protocol["target"], protocol["count"], protocol["seed"])
    scores = judge.scores(read_samples(samples, columns, protocol["count"]))
    for name, baseline in known["scores"].items():
        scores |= {f"{metric}_{name}": value for metric, value in baseline.items()}
    return scores | {"usefulness_gap": scores["usefulness_real"] - scores["usefulness"]}, protocol


def read_samples(folder: Path, columns: dict[str, Column], count: int) -> pd.DataFrame:
    """Read the first ``count`` rows of ``samples.csv`` back as typed rows.

    Raises:
        GenloopError: there are fewer.
    """
    path = folder / "samples.csv"
    texts = pd.read_csv(path, dtype="string", keep_default_na=False, nrows=count, usecols=list(columns))
    if len(texts) < count:
        raise GenloopError(f"{path}: {len(texts)} rows, the scores compare {count}; raise sample.count")
    found = {}
    for name, column in columns.items():
        values = texts[name]
        found[name] = parse(column, values.mask(values == column.missing) if column.missing is not None else values)
    return pd.DataFrame(found)


def _columns(folder: Path) -> dict[str, Column]:
    """Return the columns that are scored."""
    states = json.loads((folder / "schema.json").read_text())["columns"]
    return {column.name: column for column in map(Column.of, states) if column.kind not in UNSCORED}


def _split(folder: Path, split: str, columns: dict[str, Column]) -> pd.DataFrame:
    """Return the rows of a split in the types of their columns, which Parquet does not keep."""
    rows = pd.read_parquet(folder / f"{split}.parquet", columns=list(columns))
    return rows.astype({name: column.dtype for name, column in columns.items()})


def _target(stated: str | None, columns: dict[str, Column], train: pd.DataFrame) -> str:
    """Return the column that a learner tells: the one that is stated, else the last.

    Raises:
        GenloopError: there is no such column.
    """
    if stated is None:
        return list(columns)[-1]
    if stated not in columns:
        raise GenloopError(f"reference.target: there is no column '{stated}' to tell; there are {', '.join(columns)}")
    return stated
