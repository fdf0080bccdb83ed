"""Rows become codes and come back as they were."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genloop.table.encoding.columns import Column, parse
from genloop.table.encoding.rows import Encoding
from genloop.table.raw.infer import blank_missing, tell

WORDS = st.sampled_from(["red", "green", "dark blue"])
TEXTS = {
    "count": st.integers(-(10**14), 10**14).map(str),
    "price": st.decimals(-(10**6), 10**6, places=2).map("{:.2f}".format),
    "color": WORDS,
    "sold": st.sampled_from(["yes", "no"]),
    "day": st.dates().map(lambda day: f"{day:%Y-%m-%d}" if day.year > 999 else "2000-01-01"),
    "when": st.datetimes(pd.Timestamp(1700, 1, 1), pd.Timestamp(2200, 1, 1)).map("{:%Y-%m-%d %H:%M:%S.%f}".format),
}
COLUMNS = (
    Column("count", "integer", missing=""),
    Column("price", "float", decimals=2, padded=True, missing="NA"),
    Column("color", "category", values=("dark blue", "green", "red"), missing="?"),
    Column("sold", "boolean", values=("no", "yes"), missing=""),
    Column("day", "datetime", format="%Y-%m-%d", missing=""),
    Column("when", "datetime", format="%Y-%m-%d %H:%M:%S.%f", missing=""),
)
ROW = st.fixed_dictionaries({name: st.one_of(st.none(), text) for name, text in TEXTS.items()})


@settings(deadline=None, max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=200))
def test_every_row_comes_back_as_it_was(rows: list[dict[str, Any]]) -> None:
    columns = tuple(column for column in COLUMNS if any(row[column.name] is not None for row in rows))
    assume(columns)
    texts = pd.DataFrame(rows, dtype="string")
    frame = pd.DataFrame({column.name: parse(column, texts[column.name]) for column in columns})
    encoding = Encoding.of(Encoding.fit(frame, columns).state())
    codes, places = encoding.encode(frame)
    assert codes.shape == places.shape == (len(rows), len(encoding.spans))
    assert (codes >= 0).all()
    assert (codes < [span.size for span in encoding.spans]).all()
    pd.testing.assert_frame_equal(encoding.decode(codes, places), frame)


def test_any_place_of_an_interval_is_a_value_that_the_column_can_take() -> None:
    generator = np.random.default_rng(0)
    columns = (Column("n", "integer"), Column("f", "float", decimals=1))
    frame = pd.DataFrame({"n": generator.integers(5, 9_000, 3_000), "f": generator.normal(size=3_000).round(1) * 40})
    frame = frame.astype({"n": "Int64", "f": "Float64"})
    encoding = Encoding.fit(frame, columns)
    codes = np.stack([generator.integers(0, span.size, 5_000) for span in encoding.spans], 1)
    drawn = encoding.decode(codes, generator.random(codes.shape))
    for name in frame:
        assert frame[name].min() <= drawn[name].min()
        assert drawn[name].max() <= frame[name].max()
    assert np.array_equal(drawn["f"], drawn["f"].round(1))
    assert drawn["n"].nunique() > len(encoding.spans[0].intervals.lows)  # type: ignore[union-attr]


def test_no_moment_lies_beyond_those_of_the_training_rows() -> None:
    generator = np.random.default_rng(0)
    moments = pd.Timestamp("2024-01-01 09:00") + pd.to_timedelta(generator.integers(0, 10**6, 3_000), unit="s")
    frame = pd.DataFrame({"c": pd.Series(moments).astype("datetime64[us]")})
    fitted = Encoding.fit(frame, (Column("c", "datetime", format="%Y-%m-%d %H:%M:%S"),))
    encoding = Encoding.of(json.loads(json.dumps(fitted.state())))
    codes = np.stack([generator.integers(0, span.size, 20_000) for span in encoding.spans], 1)
    drawn = encoding.decode(codes, generator.random(codes.shape))["c"]
    assert drawn.min() == frame["c"].min()  # the day of the first was drawn with an earlier time
    assert drawn.max() == frame["c"].max()
    assert drawn.nunique() > 10_000


def test_keys_are_counted_and_constants_repeated() -> None:
    columns = (Column("id", "key"), Column("site", "constant", values=("Anvers",)), Column("x", "integer"))
    frame = pd.DataFrame({"id": list("abcdefgh"), "site": ["Anvers"] * 8, "x": pd.array([4, 5] * 4, "Int64")})
    encoding = Encoding.fit(frame, columns)
    assert [span.column for span in encoding.spans] == ["x"]
    drawn = encoding.decode(np.array([[1], [0], [1]]), np.full((3, 1), 0.5), first=10)
    assert drawn["id"].tolist() == ["11", "12", "13"]
    assert drawn["site"].tolist() == ["Anvers"] * 3
    assert drawn["x"].tolist() == [5, 4, 5]


@pytest.mark.parametrize(("times", "step"), [("07:30:00", 60e6), ("07:30:01", 1e6), ("07:30:01.5", 1e3)])
def test_times_are_drawn_as_finely_as_they_are_written(times: str, step: float) -> None:
    frame = pd.DataFrame(
        {"c": pd.Series(pd.to_datetime(["2024-01-01 06:00:00", f"2024-01-02 {times}"], format="mixed"))}
    )
    frame["c"] = frame["c"].astype("datetime64[us]")
    encoding = Encoding.fit(frame, (Column("c", "datetime", format="%Y-%m-%d %H:%M:%S.%f"),))
    assert [span.intervals.step for span in encoding.spans if span.intervals] == [1, step]
    pd.testing.assert_frame_equal(encoding.decode(*encoding.encode(frame)), frame)


@pytest.mark.parametrize(("times", "parts"), [("00:00:00", ["day"]), ("12:30:00", ["day", "time"])])
def test_a_time_of_day_is_a_span_of_its_own_where_dates_have_one(times: str, parts: list[str]) -> None:
    texts = pd.Series(["2024-01-01 00:00:00", f"2024-01-02 {times}"])
    column = tell("c", texts, "t.csv")[0]
    frame = pd.DataFrame({"c": parse(column, blank_missing(texts)[0])})
    assert [span.part for span in Encoding.fit(frame, (column,)).spans] == parts
