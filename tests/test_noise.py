"""Differences of scores: closed forms, published figures, and how often an interval is right."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from genloop.comparison import Value
from genloop.glossary import Better
from genloop.noise import Difference, difference, verdict
from genloop.report.numbers import MINUS


def seeds(*scores: float) -> list[Value]:
    return [Value(score) for score in scores]


def wilson(hits: int, of: int) -> Value:
    share, z = hits / of, 1.959964
    middle, away = (2 * hits + z * z), z * math.sqrt(z * z + 4 * hits * (1 - share))
    return Value(share, (middle - away) / (2 * (of + z * z)), (middle + away) / (2 * (of + z * z)))


def test_between_seeds_it_is_welchs_interval() -> None:
    first, second = [0.5, 0.7, 0.61, 0.66], [0.9, 0.8, 0.97]
    expected = ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    found = difference(seeds(*first), seeds(*second))
    assert found.value == pytest.approx(np.mean(second) - np.mean(first))
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high])


def test_between_single_runs_it_is_newcombes_interval() -> None:
    """Newcombe 1998, table II, contrast (a), method 10: 56/70 - 48/80."""
    found = difference([wilson(48, 80)], [wilson(56, 70)])
    assert found.value == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([0.0524, 0.3339], abs=5e-5)


@pytest.mark.parametrize("sizes", [(1, 4), (4, 1), (3, 4), (2, 2)])
def test_an_interval_over_seeds_is_right_as_often_as_it_says(sizes: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        first, second = (generator.normal(size=size) for size in sizes)
        found = difference(seeds(*first), seeds(*second))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    assert 0.93 <= held / 1000 <= 1.0


def test_what_is_not_known_is_not_told() -> None:
    assert difference([Value(1.0)], [Value(2.0, 1.5, 2.5)]).told == ""
    assert difference(seeds(10.0, 10.0), seeds(9.0, 9.0)).told == ""
    assert difference([Value(1.0, 1.0, 1.0)], [Value(2.0, 2.0, 2.0)]).told == ""
    assert difference([Value(1.0, 0.5, 1.5)], [Value(2.0, 1.9, 2.1)]).told == "more than noise"
    assert difference([Value(1.0, 0.5, 1.5)], [Value(1.2, 1.1, 1.3)]).told == "within noise"
    with pytest.raises(ValueError, match="on both sides"):
        difference([], [Value(1.0)])


def test_a_difference_is_written_with_its_sign_and_its_interval() -> None:
    assert str(Difference(0.1234)) == "+0.123"
    assert str(Difference(0.1, -0.02, 0.22)) == f"+0.10 ({MINUS}0.02 to 0.22)"
    assert str(Difference(-0.0001, -0.1, 0.1)) == f"0.00 ({MINUS}0.10 to 0.10)"


VERDICTS: list[tuple[float, float, Better, str]] = [
    (0.2, 0.4, "high", "better"),
    (0.2, 0.4, "low", "worse"),
    (0.4, 0.2, "low", "better"),
    (0.9, 0.6, "half", "better"),
    (0.3, 0.2, "half", "worse"),
    (0.45, 0.55, "half", ""),
    (0.2, 0.4, "", ""),
]


@pytest.mark.parametrize(("first", "second", "better", "told"), VERDICTS)
def test_the_glossary_says_which_way_is_better(first: float, second: float, better: Better, told: str) -> None:
    value = second - first
    assert verdict(Difference(value, value - 0.01, value + 0.01), first, second, better) == told
    assert verdict(Difference(value, value - 1, value + 1), first, second, better) == ""
    assert verdict(Difference(value), first, second, better) == ""
