"""New rows beside known ones: the schema, each column, repeats, and whether trees can tell the two apart."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int, UInt64
from sklearn.ensemble import HistGradientBoostingClassifier

from genloop.deliveries.chances import Learner, told_apart
from genloop.deliveries.choices import Drift
from genloop.deliveries.contents import Contents, compare_contents
from genloop.deliveries.findings import Compared, Trial
from genloop.deliveries.repeated import repeated
from genloop.randomness import keyed_generator
from genloop.table.changed import changes, examples
from genloop.table.drift import Known, compare_column
from genloop.table.encoding.columns import Column
from genloop.table.encoding.contents import Form
from genloop.table.plain import Pair, hash_rows, read_columns, rows_at
from genloop.table.scores.learners import Features, without_empty

MOST = 5_000  # rows of either side whose values are looked at
MOST_TAUGHT = 2_000  # that trees learn to tell apart
FEWEST = 8  # new rows that can be told apart
ROUNDS = 50  # trees: enough for a verdict, at half the time
ROWS = "rows"


def compare(before: Path, now: Path, drift: Drift) -> Compared:
    """Return what is new in a prepared table, and tests of whether it is like what was there.

    Raises:
        GenloopError: a folder is damaged.
    """
    columns, delivered = read_columns(before), read_columns(now)
    pairs, forms = _of_both(columns, delivered)
    tested = [pair for pair in pairs if _can_be_tested(pair)]
    known = {pair.name: Known(forms[pair.name]) for pair in tested}

    def look(block: pd.DataFrame) -> None:
        for name, values in known.items():
            values.add(block[name])

    hashes = hash_rows(before, columns, forms, look), hash_rows(now, delivered, forms)
    found = compare_contents(*hashes) if forms else Contents(np.arange(len(hashes[1])), len(hashes[0]))
    strange: dict[str, str] = {}
    trials: list[Trial] = []
    if forms and len(found.new):
        places, chosen = _drawn(len(hashes[0]), "known"), _drawn(len(found.new), "new")
        old, new = rows_at(before, columns, forms, places), rows_at(now, delivered, forms, found.new[chosen])
        strange = examples(pairs, old, new)
        for pair in tested:
            trials += compare_column(pair, known[pair.name], old[pair.name], new[pair.name])
        trials += _rows(old, new, [pair.name for pair in tested if _is_told(pair, drift)])
        trials += repeated(hashes[0], hashes[1][found.new], places, chosen, ROWS)
    names = (ROWS, *columns)
    findings = tuple(changes(columns, delivered, strange))
    return Compared(len(hashes[0]), len(hashes[1]), len(found.new), found.gone, findings, tuple(trials), names)


def split_hashes(before: Path, now: Path) -> tuple[UInt64[np.ndarray, " trained"], UInt64[np.ndarray, " held_out"]]:
    """Return a number for each training row of ``before`` and each held-out one of ``now``, by the columns of both.

    Raises:
        GenloopError: a folder is damaged.
    """
    columns, delivered = read_columns(before), read_columns(now)
    _, forms = _of_both(columns, delivered)
    trained = hash_rows(before, columns, forms, splits=["train"])
    return trained, hash_rows(now, delivered, forms, splits=["test"])


def _of_both(before: dict[str, Column], now: dict[str, Column]) -> tuple[list[Pair], dict[str, Form]]:
    """Return the columns that both tables have, and the forms of those whose values can be compared."""
    pairs = [Pair.of(column, now[name]) for name, column in before.items() if name in now]
    return pairs, {pair.name: pair.form for pair in pairs if pair.form}


def _can_be_tested(pair: Pair) -> bool:
    """Return whether new values can be compared: not those of a column whose change of kind says all."""
    if pair.form == "mixed":
        return pair.before.kind == "constant"
    return pair.form is not None and (pair.now.kind != "constant" or pair.before.kind == "constant")


def _is_told(pair: Pair, drift: Drift) -> bool:
    """Return whether trees may tell rows by this column: not by what is expected to move."""
    return pair.form in ("number", "words") and pair.name not in drift.moving


def _drawn(count: int, name: str) -> Int[np.ndarray, " drawn"]:
    return np.sort(keyed_generator(0, "delivery", name).permutation(count)[:MOST])


def _rows(known: pd.DataFrame, new: pd.DataFrame, names: list[str]) -> list[Trial]:
    """Return whether trees can tell new rows from known ones: columns that no longer hang together, above all."""
    if len(names) < 2 or min(len(known), len(new)) < FEWEST:
        return []
    known, new = (_fewer(side[names], name) for side, name in ((known, "known"), (new, "new")))
    features = Features(pd.concat([known, new], ignore_index=True))
    generator = keyed_generator(0, "delivery", "halves")
    found = told_apart(features.of(known), features.of(new), _trees(features), generator)
    told = "trees can tell new rows from known ones that they have not seen"
    test, area = "classifier two-sample test", f"area under the ROC curve {found.statistic:.3f}"
    return [Trial.of(ROWS, told, test, area, found, "shift")]


def _fewer(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    return rows.iloc[np.sort(keyed_generator(0, "delivery", "taught", name).permutation(len(rows))[:MOST_TAUGHT])]


def _trees(features: Features) -> Learner:
    def learn(rows: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
        fitted, asked = without_empty(rows, asked)
        trees = HistGradientBoostingClassifier(
            categorical_features=features.categories,
            early_stopping=False,
            max_iter=ROUNDS,
            random_state=0,
        )
        return trees.fit(fitted, truth).predict_proba(asked)[:, 1]

    return learn
