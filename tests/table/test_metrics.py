"""Scores of tables against closed forms, and against other people's implementations where their figures are at hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from genloop.table.scores.metrics import (
    Pairs,
    column_coverage,
    column_shape,
    column_shapes,
    distribution_distance,
    missing_similarity,
    total_variation,
)

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="figures of other implementations are not at hand")
READING: dict[str, dict[str, Any]] = {"table": {"na_values": ["?"]}, "taxis": {"parse_dates": ["pickup", "dropoff"]}}


def test_shapes_of_equal_shifted_and_disjoint_columns() -> None:
    values = pd.Series(np.arange(100.0))
    assert column_shape(values, values) == 1
    assert column_shape(values, values + 25) == pytest.approx(0.75)
    assert column_shape(values, pd.Series([np.nan])) == 0
    words = pd.Series(["a", "a", "b", None])
    assert column_shape(words, words) == 1
    assert column_shape(words, pd.Series(["c"])) == 0
    assert column_shape(words, pd.Series([None, None], dtype="string")) == 0
    assert total_variation(pd.Series(["a", "b"]), pd.Series(["a", "a"])) == 0.5


def test_a_trend_that_columns_apart_do_not_show() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=4_000)
    real = pd.DataFrame({"x": x, "y": -x, "sign": np.where(x > 0, "plus", "minus")})
    apart = real.apply(lambda column: generator.permutation(column.to_numpy()))
    assert all(shape == 1 for shape in column_shapes(real, apart).values())
    pairs = Pairs(real)
    assert set(pairs.strong()) == {("x", "y"), ("x", "sign"), ("y", "sign")}
    trends = pairs.trends(apart)
    assert trends["x", "y"] == pytest.approx(0.5, abs=0.02)
    assert 0.5 < trends["x", "sign"] < 0.65  # one bin holds both signs
    assert all(trend == 1 for trend in pairs.trends(real).values())


def test_a_generated_column_that_never_varies_counts_as_uncorrelated() -> None:
    x = np.arange(100.0)
    real = pd.DataFrame({"x": x, "y": -x, "same": 3.0})
    pairs = Pairs(real)
    assert pairs.compared == [("x", "y")]
    for collapsed in (7.0, np.nan):
        assert pairs.trends(real.assign(y=collapsed)) == {("x", "y"): pytest.approx(0.5)}
    assert Pairs(real[["x"]]).trends(real[["x"]]) == {}


def test_a_missing_value_is_a_category_of_a_pair() -> None:
    real = pd.DataFrame({"a": ["u", None] * 50, "b": ["v", "w"] * 50})
    assert Pairs(real).trends(real.assign(a="u"))["a", "b"] == 0.5


@needs_reference
@pytest.mark.parametrize("name", READING)
def test_parity_of_shapes_and_trends(name: str) -> None:
    real, synthetic = (pd.read_csv(REFERENCE / f"{name}_{kind}.csv", **READING[name]) for kind in ("real", "synthetic"))
    expected = json.loads((REFERENCE / "table_expected.json").read_text())[name]
    everything, strong = (
        expected[f"QualityReport_{kind}"]["details"] for kind in ("thresholds_0", "default_thresholds")
    )
    shapes = column_shapes(real, synthetic)
    assert shapes == pytest.approx({row["Column"]: row["Score"] for row in everything["Column Shapes"]})
    pairs = Pairs(real, own_bins=True)
    trends = {(row["Column 1"], row["Column 2"]): row["Score"] for row in everything["Column Pair Trends"]}
    assert pairs.trends(synthetic) == pytest.approx(trends)
    meant = {(row["Column 1"], row["Column 2"]) for row in strong["Column Pair Trends"] if row["Meets Threshold?"]}
    assert set(pairs.strong()) == meant


@pytest.mark.parametrize(("count", "values"), [(1, 3), (40, 4), (500, 10_000), (3_000, 50)])
def test_the_distance_of_distributions_is_that_of_scipy(count: int, values: int) -> None:
    generator = np.random.default_rng(count)
    sides = (generator.integers(0, values, size) / 7 for size in (count, 2 * count + 1))
    first, second = (side[generator.permutation(len(side))] for side in sides)
    assert distribution_distance(first, second) == ks_2samp(first, second, method="asymp").statistic
    assert distribution_distance(first, first) == 0
    assert distribution_distance(first, first + 10 * values) == 1


def test_coverage_and_missing_values_by_hand() -> None:
    assert column_coverage(pd.Series([0.0, 10.0]), pd.Series([2.0, 7.0, 99.0])) == pytest.approx(0.8)
    assert column_coverage(pd.Series(["a", "b", None]), pd.Series(["a", "z"])) == 0.5
    assert column_coverage(pd.Series([3.0, 3.0]), pd.Series([3.0])) == 1
    assert missing_similarity(pd.Series([1.0, None]), pd.Series([1.0, 2.0, None, 3.0])) == 0.75


@needs_reference
@pytest.mark.parametrize("name", READING)
def test_parity_of_coverage_and_missing_values(name: str) -> None:
    real, synthetic = (pd.read_csv(REFERENCE / f"{name}_{kind}.csv", **READING[name]) for kind in ("real", "synthetic"))
    expected = json.loads((REFERENCE / "table_expected.json").read_text())[name]["columns"]
    for column, known in expected.items():
        coverage = known.get("RangeCoverage", known.get("CategoryCoverage"))
        assert column_coverage(real[column], synthetic[column]) == pytest.approx(coverage), column
        assert missing_similarity(real[column], synthetic[column]) == pytest.approx(known["MissingValueSimilarity"])
