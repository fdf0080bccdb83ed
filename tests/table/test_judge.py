"""What is said of tables that some scores cannot be taken of."""

import math

import numpy as np
import pandas as pd
import pytest

from genloop.intervals import Figures
from genloop.table.scores.judge import LIMITS, Judge


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=rows)
    return pd.DataFrame({"x": x, "y": x + 0.1 * generator.normal(size=rows), "z": -x})


def told(train: pd.DataFrame, test: pd.DataFrame, rows: pd.DataFrame) -> Figures:
    found = Judge(train, test, str(list(train)[-1]), len(train), seed=0).figures(rows)
    assert all(math.isfinite(value) for value in found.scores.values())
    assert not found.scores.keys() & found.left_out.keys()
    return found


def test_a_collapsed_column_is_seen_by_the_pairs() -> None:
    found = told(table(200, 0), table(60, 1), table(200, 2).assign(y=0.0, z=0.0))
    assert found.scores["pairs"] == pytest.approx(0.5, abs=0.01)
    assert found.scores["pairs_strong"] == found.scores["pairs"]
    assert not found.left_out


@pytest.mark.parametrize("empty", ["x", "z"])
def test_a_column_without_values_is_no_traceback(empty: str) -> None:
    found = told(table(200, 0), table(60, 1), table(200, 2).assign(**{empty: np.nan}))
    assert found.scores["pairs"] < 0.7
    reason = {"usefulness": "the target 'z' has no value in the rows that teach"}
    assert found.left_out == (reason if empty == "z" else {})


def test_a_single_column_has_neither_pairs_nor_use() -> None:
    found = told(*(table(rows, seed)[["x"]] for rows, seed in ((200, 0), (60, 1), (200, 2))))
    assert found.left_out == {
        "pairs": "a single column has no pair",
        "pairs_strong": "no two columns of the real rows are strongly related",
        "usefulness": "there is no other column to tell the target 'x' by",
    }
    assert found.scores.keys() == set(LIMITS) - {*found.left_out, "coverage_categories"}
