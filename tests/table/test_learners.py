"""Trees that judge generated rows."""

import numpy as np
import pandas as pd
import pytest

from genloop.table.scores.learners import teach, tell_apart


def people(count: int, seed: int, related: bool = True) -> pd.DataFrame:
    """Rows in which pay follows from age and town, or from nothing."""
    generator = np.random.default_rng(seed)
    age, town = generator.integers(20, 60, count), generator.choice(["Ulm", "Bonn", "Kiel"], count)
    chance = 1 / (1 + np.exp(-(age - 40) / 4 - 3 * (town == "Ulm")))
    rich = generator.random(count) < (chance if related else chance.mean())
    frame = pd.DataFrame({"age": age, "town": town, "pay": np.where(rich, "high", "low"), "tax": age * 2.0})
    frame.loc[generator.random(count) < 0.05, ["age", "town"]] = None
    return frame.assign(tax=frame["tax"] + 30 * (frame["pay"] == "high"))


def test_rows_of_the_same_kind_cannot_be_told_apart_and_others_can() -> None:
    real = people(1_500, 0)
    assert tell_apart(real, people(2_000, 1), seed=0).score() == pytest.approx(0.5, abs=0.04)
    generator = np.random.default_rng(0)
    apart = people(1_500, 1).apply(lambda column: generator.permutation(column.to_numpy()))
    assert tell_apart(real, apart, seed=0).score() > 0.9
    assert tell_apart(real, apart, seed=0).score() == tell_apart(real, apart, seed=0).score()


def test_a_value_of_one_row_does_not_stop_the_learner() -> None:
    rows = people(10_500, 0)  # of more than 10,000 rows the trees hold some of each value back
    rows.loc[7, "pay"] = "unknown"
    assert teach(rows, people(500, 1), "pay", rows, seed=0).score() > 0.7


def test_what_is_learned_from_generated_rows_is_measured_on_real_ones() -> None:
    real, test = people(1_500, 0), people(1_500, 1)
    score = teach(real, test, "pay", real, seed=0).score()
    assert score > 0.7
    assert teach(people(1_500, 2), test, "pay", real, seed=0).score() == pytest.approx(score, abs=0.05)
    assert (
        teach(people(1_500, 2, related=False).drop(columns="tax").assign(tax=1.0), test, "pay", real, seed=0).score()
        < 0.6
    )
    assert teach(real, test, "tax", real, seed=0).score() > 0.9


def test_a_target_that_never_varies_teaches_nothing() -> None:
    real = people(400, 0)
    assert teach(real.assign(pay="low"), real, "pay", real, seed=0).score() < 0.5


def test_columns_without_values_do_not_stop_the_learners() -> None:
    real, test = people(300, 0), people(300, 1)
    empty = real.assign(age=np.nan)
    assert teach(empty, test, "pay", real, seed=0).score() > 0.5
    assert tell_apart(real, empty, seed=0).score() > 0.9
    nearly = real.assign(age=real["age"].where(np.arange(300) == 7))  # no value in the rows that one fold is told by
    assert np.isfinite(tell_apart(nearly, empty, seed=0).score())
    assert np.isfinite(tell_apart(empty, empty, seed=0).score())


def test_few_values_of_many_rows_do_not_stop_the_learner() -> None:
    rows = people(10_500, 0)  # of more than 10,000 rows the trees hold some back, here maybe all that have a value
    for place in range(12):
        nearly = rows.assign(age=rows["age"].where(np.arange(len(rows)) == place))
        assert np.isfinite(teach(nearly, people(500, 1), "tax", rows, seed=0).score())
