"""Deliveries of rows, through the real stage: honest ones, and each kind of broken one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genloop.choices import TablePrepare
from genloop.deliveries.check import Delivery, check_delivery
from genloop.deliveries.choices import Drift
from genloop.errors import GenloopError
from genloop.table.raw.prepare import prepare

ROWS, NEW = 400, 150


def people(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 80, size=rows)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "age": age,
            "wage": (age * 100 + draw.normal(0, 300, size=rows)).round(2),
            "bonus": pd.Series(draw.normal(50, 9, size=rows).round(1)).mask(draw.random(rows) < 0.1),
            "sex": draw.choice(["male", "female"], size=rows),
            "job": draw.choice(["baker", "smith", "cook", "clerk"], size=rows, p=[0.4, 0.3, 0.2, 0.1]),
            "active": draw.choice(["yes", "no"], size=rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(86_400 * 30, size=rows), unit="s"),
            "country": "NL",
        }
    )


KNOWN = people(ROWS, seed=1)


def prepared(frame: pd.DataFrame, out: Path, choices: TablePrepare | None = None) -> Path:
    raw = out.with_name(f"{out.name}_raw")
    raw.mkdir()
    frame.to_csv(raw / "rows.csv", index=False)
    prepare(raw, choices or TablePrepare(modality="table"), out)
    return out


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(KNOWN, tmp_path_factory.mktemp("before") / "people")


def delivered(
    before: Path, frame: pd.DataFrame, place: Path, drift: Drift | None = None, choices: TablePrepare | None = None
) -> Delivery:
    return check_delivery("people", "table", before, prepared(frame, place / "now", choices), drift or Drift())


def with_new(new: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([KNOWN, new.assign(id=np.arange(len(new)) + len(KNOWN))], ignore_index=True)


def told(delivery: Delivery) -> dict[str, str]:
    return {finding.what: finding.told for finding in delivery.findings if finding.broken}


def test_honest(before: Path, tmp_path: Path) -> None:
    new = people(NEW, seed=2)
    new["day"] += pd.Timedelta(days=30)  # as new data have it
    found = delivered(before, with_new(new), tmp_path)
    assert (found.new, found.gone, found.broken) == (NEW, 0, False)
    (dates,) = found.findings
    assert dates.what == "day"
    assert "dates are 2024-01-31" in dates.told


def test_the_same_in_another_order_and_split_is_nothing_new(before: Path, tmp_path: Path) -> None:
    choices = TablePrepare(modality="table", seed=5, holdout=0.4)
    found = delivered(before, KNOWN.sample(frac=1, random_state=3), tmp_path, choices=choices)
    assert found == Delivery("people", 0, 0, ())


def test_nothing_depends_on_chance(before: Path, tmp_path: Path) -> None:
    new = with_new(people(NEW, seed=2).assign(age=5))
    first, second = (delivered(before, new, tmp_path / name) for name in ("a", "b") if not (tmp_path / name).mkdir())
    assert first == second
    assert first.broken


def spoiled(**changes: Any) -> Callable[[], pd.DataFrame]:
    return lambda: people(NEW, seed=2).assign(**changes)


BROKEN: dict[str, tuple[Callable[[], pd.DataFrame], str, str]] = {
    "units": (spoiled(wage=lambda new: new["wage"] * 1000), "wage", "numbers have another"),
    "dollars in cents of a tenth": (
        spoiled(wage=lambda new: new["wage"].where(new.index % 10 > 0, new["wage"] * 100)),
        "wage",
        "lie beyond all known ones",
    ),
    "swapped": (spoiled(age=lambda new: new["bonus"].fillna(50).round().astype(int)), "age", "numbers have another"),
    "constant": (spoiled(wage=4000.0), "wage", "median 4000"),
    "missing": (spoiled(wage=lambda new: new["wage"].where(new.index % 4 > 0)), "wage", "missing in 25.3%"),
    "no longer missing": (spoiled(bonus=lambda new: new["bonus"].fillna(50)), "bonus", "missing in 0.0%"),
    "renamed": (spoiled(job=lambda new: new["job"].replace("cook", "Cook")), "job", "1 new value in"),
    "one category": (spoiled(sex="male"), "sex", "values have other shares"),
    "a constant that varies": (spoiled(country=lambda new: new["job"]), "country", "4 new values in 150 of 150"),
    "hours": (spoiled(day=lambda new: new["day"].dt.normalize()), "day", "times of day"),
    "columns that no longer belong together": (
        spoiled(wage=lambda new: np.roll(new["wage"], 7), bonus=lambda new: new["bonus"]),
        "rows",
        "trees can tell",
    ),
    "twice the same rows": (lambda: KNOWN.iloc[:NEW], "rows", "repeat a known one"),
    "a stuck source": (
        lambda: people(NEW, seed=2).iloc[np.arange(NEW) // 3],
        "rows",
        "repeat another new one",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken(before: Path, tmp_path: Path, fault: str) -> None:
    make, what, words = BROKEN[fault]
    found = delivered(before, with_new(make()), tmp_path)
    broken = [finding.told for finding in found.findings if finding.broken and finding.what == what]
    assert any(words in line for line in broken), found.lines()
    assert found.new == NEW


SCHEMA: dict[str, tuple[Callable[[], pd.DataFrame], str, str]] = {
    "gone": (lambda: with_new(people(NEW, 2)).drop(columns="job"), "job", "is no longer there, was category"),
    "new": (lambda: with_new(people(NEW, 2)).assign(size=lambda rows: rows["age"] + 100), "size", "is a new column"),
    "text among numbers": (
        lambda: with_new(people(NEW, 2).astype({"age": str}).assign(age=lambda new: new["age"] + " years")),
        "age",
        "was integer, is now category, as new rows have '",
    ),
    "constant now": (lambda: with_new(people(NEW, 2)).assign(sex="male"), "sex", "is now 'male' in every row"),
    "keys that are none": (
        lambda: pd.concat([KNOWN, people(NEW, 2)], ignore_index=True),
        "id",
        "was key, is now integer",
    ),
    "broke off": (lambda: KNOWN.iloc[:100], "records", "100 are left of 400"),
    "all new": (lambda: people(ROWS, 2).assign(wage=1.5, age=lambda new: new["age"] + 500), "age", "median 5"),
}


@pytest.mark.parametrize("fault", SCHEMA)
def test_broken_as_a_whole(before: Path, tmp_path: Path, fault: str) -> None:
    make, what, words = SCHEMA[fault]
    found = delivered(before, make(), tmp_path)
    assert any(words in f.told for f in found.findings if f.broken and f.what == what), found.lines()


def test_a_tenth_that_became_text_is_told_with_examples(before: Path, tmp_path: Path) -> None:
    new = people(NEW, 2).assign(age=lambda new: new["age"].astype(str).where(new.index > 120, "unknown"))
    rows = with_new(new)
    choices = TablePrepare.model_validate({"modality": "table", "columns": {"age": "category"}})
    found = delivered(before, rows, tmp_path, choices=choices)
    assert told(found)["age"] == "was integer, is now category, as new rows have 'unknown' (121)"
    assert found.new == NEW  # known rows are known though a column changed its kind


def test_whole_numbers_may_get_fractions(before: Path, tmp_path: Path) -> None:
    new = people(NEW, 2).assign(age=lambda new: new["age"] + 0.5)
    found = delivered(before, with_new(new), tmp_path)
    assert ("age", "was integer, is now float", False) in [(f.what, f.told, f.broken) for f in found.findings]
    assert not found.broken
    assert found.new == NEW


def test_what_may_move(before: Path, tmp_path: Path) -> None:
    new = with_new(people(NEW, 2).assign(wage=lambda new: new["wage"] + 9000))
    found = delivered(before, new, tmp_path, Drift(moving=("wage",)))
    assert not found.broken
    assert {finding.what for finding in found.findings} == {"wage"}
    with pytest.raises(GenloopError, match=r"gate.people.drift.moving: there is nothing called 'wages'.* wage"):
        check_delivery("people", "table", before, tmp_path / "now", Drift(moving=("wages",)))


@pytest.mark.parametrize("count", [1, 2, 9])
def test_few_new_rows_are_no_alarm(before: Path, tmp_path: Path, count: int) -> None:
    found = delivered(before, with_new(people(count, seed=4)), tmp_path)
    assert (found.new, found.findings) == (count, ())


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1.0, 2.0, 3.0, None] * 30, id="missing"),
        pytest.param(["a"] * 119 + ["b"], id="nearly constant"),
        pytest.param([0, 1] * 60, id="two numbers"),
        pytest.param([f"2024-01-{day:02}" for day in range(1, 31)] * 4, id="days"),
    ],
)
def test_one_column(tmp_path: Path, values: list[object]) -> None:
    frame = pd.DataFrame({"x": values})
    known = prepared(frame, tmp_path / "known")
    now = prepared(pd.concat([frame, frame.sample(60, random_state=1)]), tmp_path / "now")
    found = check_delivery("x", "table", known, now, Drift())
    assert (found.new, found.gone, found.broken) == (60, 0, False), found.lines()


def test_a_table_of_other_columns_altogether(before: Path, tmp_path: Path) -> None:
    found = delivered(before, pd.DataFrame({"x": np.arange(40) % 7}), tmp_path)
    assert found.broken
    assert {"x", "age", "records"} <= told(found).keys()


def test_a_damaged_file_is_named(before: Path, tmp_path: Path) -> None:
    now = prepared(KNOWN, tmp_path / "now")
    (now / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(GenloopError, match=r"train.parquet: cannot be read"):
        check_delivery("people", "table", before, now, Drift())
