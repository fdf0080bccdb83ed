"""Rules hold in every row that an encoding can decode, and are refused where real rows break them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genloop.errors import GenloopError
from genloop.table.encoding.asked import ask_for
from genloop.table.encoding.columns import Column
from genloop.table.encoding.rows import Encoding, Span
from genloop.table.encoding.rules import check_rules, read_rules

COLUMNS = (
    Column("low", "integer", missing=""),
    Column("high", "float", decimals=1, missing=""),
    Column("part - a", "float", decimals=2),
    Column("b", "integer"),
    Column("sum", "float", decimals=2),
    Column("top", "integer"),
    Column("day", "datetime", format="%Y-%m-%d %H:%M"),
    Column("next", "datetime", format="%Y-%m-%d %H:%M"),
    Column("word", "category", values=("x", "y")),
)
BY_NAME = {column.name: column for column in COLUMNS}
RULES = ("high >= low", "sum = part - a + b", "b < top", "next > day", "top >= low")


def frame(seed: int, rows: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    low, b = generator.integers(-9, 9, rows), generator.integers(0, 5, rows)
    part = generator.integers(-300, 300, rows) / 100
    day = pd.Timestamp("2024-02-28") + pd.to_timedelta(generator.integers(0, 9_999, rows), unit="min")
    made = pd.DataFrame(
        {
            "low": pd.array(low, "Int64"),
            "high": pd.array((low + generator.integers(0, 70, rows) / 10).round(1), "Float64"),
            "part - a": pd.array(part, "Float64"),
            "b": pd.array(b, "Int64"),
            "sum": pd.array((part + b).round(2), "Float64"),
            "top": pd.array(np.maximum(b + 1, low) + generator.integers(0, 3, rows), "Int64"),
            "day": day.astype("datetime64[us]"),
            "next": (day + pd.to_timedelta(generator.integers(1, 500, rows), unit="min")).astype("datetime64[us]"),
            "word": pd.array(generator.choice(["x", "y"], rows), "string"),
        }
    )
    made.loc[generator.random(rows) < 0.1, "low"] = pd.NA
    made.loc[generator.random(rows) < 0.1, "high"] = pd.NA
    return made


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(20, 300))
def test_ruled_rows_come_back_and_random_codes_obey(seed: int, rows: int) -> None:
    real = frame(seed, rows)
    rules = read_rules([rule for rule in RULES if rule != "top >= low"], COLUMNS)
    check_rules(rules, real, BY_NAME, "real")
    encoding = Encoding.of(Encoding.fit(real, COLUMNS, rules).state())
    assert "sum" not in {span.column for span in encoding.spans}
    pd.testing.assert_frame_equal(encoding.decode(*encoding.encode(real)), real)
    generator = np.random.default_rng(seed)
    codes = np.stack([generator.integers(0, span.size, 500) for span in encoding.spans], 1)
    drawn = encoding.decode(codes, generator.random(codes.shape))
    check_rules(encoding.rules, drawn, BY_NAME, "drawn")
    assert (drawn["high"].dropna() <= real["high"].max()).all()


def test_a_constant_can_be_asked_for_where_all_rows_have_it() -> None:
    column = Column("site", "constant", values=("Anvers",))
    encoding = Encoding((column, Column("w", "category", values=("a", "b"))), (Span("w", "value", 2),))
    assert not ask_for(encoding, {"site": "Anvers"})[2].any()
    with pytest.raises(GenloopError, match=r"sample.where.site: no row has 'Ulm'; there are Anvers"):
        ask_for(encoding, {"site": "Ulm"})


def test_a_column_can_be_bounded_by_several() -> None:
    real = frame(1, 200).assign(low=pd.array(np.arange(200) % 7, "Int64"))
    real["top"] = pd.array(np.maximum(real["b"].to_numpy(int), real["low"].to_numpy(int)) + 1, "Int64")
    rules = read_rules(["top >= b", "top >= low"], COLUMNS)
    assert rules[0].others == ("b", "low")
    encoding = Encoding.fit(real, COLUMNS, rules)
    pd.testing.assert_frame_equal(encoding.decode(*encoding.encode(real)), real)


FAULTS = {
    "an unknown column": (["hihg >= low"], "there is no column 'hihg'; did you mean 'high'?"),
    "words": (["word >= low"], "'word' is a category, 'low' is a integer; rules hold between numbers"),
    "a comparison with a sum": (["high >= low + b"], "compares with a sum"),
    "two rules for one column": (["sum = low + b", "sum >= b"], "another rule tells 'sum' already"),
    "a circle": (["high >= low", "low >= high"], "depend on each other in a circle"),
    "itself": (["high >= high"], "holds 'high' on both sides"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_rules_that_make_no_sense_are_refused(name: str) -> None:
    rules, message = FAULTS[name]
    with pytest.raises(GenloopError) as caught:
        read_rules(rules, COLUMNS)
    assert message in str(caught.value)


@pytest.mark.parametrize(("rule", "name"), [("sum = part - a + b", "b"), ("next > day", "next")])
def test_a_real_row_that_breaks_a_rule_is_named(rule: str, name: str) -> None:
    real = frame(0, 50)
    real.loc[7, name] = pd.Timestamp(2020, 1, 1) if name == "next" else 99
    with pytest.raises(GenloopError, match=r"t\.csv: row 8 breaks the rule on"):
        check_rules(read_rules([rule], COLUMNS), real, BY_NAME, "t.csv")
