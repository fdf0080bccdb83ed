"""Intervals against published values, and what ratios of distances say of copies."""

import numpy as np
import pytest

from genloop.copying import HONEST, NEAR, TINY, Copying, Neighbors, judge, ratios, suspicious_below
from genloop.intervals import Figures
from genloop.scored import COPYING, copying_figures, find_copies
from genloop.shares import difference_of_shares, how_often_closer, share_interval

# Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10.
NEWCOMBE = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0)),
]


@pytest.mark.parametrize(("counts", "ends"), NEWCOMBE)
def test_differences_have_the_published_intervals(counts: tuple[int, int, int, int], ends: tuple[float, float]) -> None:
    found = difference_of_shares(*counts)
    assert found.value == pytest.approx(counts[0] / counts[1] - counts[2] / counts[3])
    assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)


@pytest.mark.parametrize(("count", "size", "ends"), [(81, 263, (0.2553, 0.3662)), (0, 20, (0, 0.1611)), (1, 29, (0.0061, 0.1718))])  # fmt: skip  # noqa: E501
def test_shares_have_the_published_intervals(count: int, size: int, ends: tuple[float, float]) -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3."""
    assert share_interval(count, size)[1:] == pytest.approx(ends, abs=5e-5)


def test_how_often_closer_by_hand() -> None:
    distances, usual = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0])
    expected = (1 + 0.75 + 0.5) / 3
    half = 1.959964 * np.sqrt(np.var([1, 0.75, 0.5], ddof=1) / 3 + np.var([0.5, 1], ddof=1) / 2)
    found = how_often_closer(distances, usual)
    assert found.value == pytest.approx(expected)
    assert found.low == pytest.approx(expected - half)
    assert found.high == 1.0
    assert how_often_closer(usual, usual).value == 0.5


def test_the_interval_of_how_often_closer_holds_the_truth_so_often() -> None:
    generator = np.random.default_rng(0)
    found = [how_often_closer(generator.random(80), generator.random(120)) for _ in range(1_000)]
    assert 0.93 < np.mean([interval.low < 0.5 < interval.high for interval in found]) < 0.97


def test_ratios_of_a_copy_and_of_data_that_repeats_itself() -> None:
    distances = np.array([[0.0, 1.0, 3.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 2.0]])
    assert ratios(distances).tolist() == [0, 1, 1, 0.5]


def distances_of(found: np.ndarray) -> np.ndarray:
    """Distances whose ratios these are."""
    return np.stack([found, np.ones(len(found))], 1)


def test_a_threshold_follows_honest_records_down_and_never_up() -> None:
    generator = np.random.default_rng(0)
    spread = np.sort(generator.random(4_000))
    assert suspicious_below(spread, 2_000) == spread[int(HONEST * 4_000)]
    assert suspicious_below(0.5 + spread, 2_000) == NEAR
    assert suspicious_below(np.concatenate([np.zeros(100), spread]), 2_000) == TINY  # honest records repeat others
    few = np.sort(generator.random(500))  # among so few, two honest suspects would hide five copies
    assert suspicious_below(few, 450) == few[0]


@pytest.mark.parametrize("copies", [0, 0.01])
def test_one_copy_in_a_hundred_is_flagged_and_chance_is_not(copies: float) -> None:
    generator = np.random.default_rng(0)
    flagged = []
    for _ in range(200):
        honest, generated = generator.random(4_000), generator.random(2_000)
        generated[: int(copies * 2_000)] = 0
        neighbors = Neighbors(distances_of(generated), np.zeros(2_000, np.int64))
        flagged.append(judge(neighbors, distances_of(honest)).flagged)
    assert np.mean(flagged) == 1 if copies else np.mean(flagged) <= 0.04


def test_copies_among_honest_doubles_are_counted_beyond_them() -> None:
    honest = np.concatenate([np.zeros(200), np.ones(1_800)])
    generated = np.concatenate([np.zeros(300), np.ones(700)])
    found = judge(Neighbors(distances_of(generated), np.arange(1_000)), distances_of(honest))
    assert (found.suspicious, found.honest_suspicious) == (300, 200)
    assert found.copied.value == pytest.approx(0.2)
    assert found.flagged
    figures = copying_figures(found, seed=0)
    assert figures.intervals["copied"][0] < figures.scores["copied"] < figures.intervals["copied"][1]
    assert not judge(Neighbors(distances_of(honest), np.arange(2_000)), distances_of(honest)).flagged


def test_the_most_suspicious_come_first_and_equal_ones_in_their_order() -> None:
    generated = np.array([1.0, 0.5, 0.0, 0.5, *np.ones(20)])
    pairs = judge(Neighbors(distances_of(generated), np.arange(24) + 100), distances_of(np.ones(50))).pairs()
    assert len(pairs) == 10
    assert [pair.generated for pair in pairs[:5]] == [2, 1, 3, 0, 4]
    assert pairs[0] == (2, 102, 0.0)


def drawn(count: int, honest: int) -> Copying:
    generator = np.random.default_rng(0)
    neighbors = Neighbors(distances_of(generator.random(count)), np.arange(count))
    return judge(neighbors, distances_of(generator.random(honest)))


@pytest.mark.parametrize(("count", "honest", "told"), [(50, 100, True), (49, 100, False), (50, 99, False)])
def test_a_share_of_copies_is_told_of_enough_records_only(count: int, honest: int, told: bool) -> None:
    figures = copying_figures(drawn(count, honest), seed=0)
    assert figures.scores.keys() == figures.intervals.keys() == set(COPYING) - (set() if told else {"copied"})
    expected = f"among {count} records beside {honest} honest ones; at least 50 and 100 are needed"
    assert figures.left_out.get("copied", expected).endswith(expected)
    assert ("copied" in figures.left_out) != told


def test_too_few_records_leave_all_of_copying_out() -> None:
    def never() -> Copying:
        raise AssertionError

    reasons = {
        (2, 60): "2 training records are too few, at least 3 are needed",
        (60, 1): "1 records to compare with training records are too few, at least 2 are needed",
    }
    for (training, compared), reason in reasons.items():
        found, figures = find_copies(never, training, compared, seed=0)
        assert found is None
        assert figures == Figures(left_out=dict.fromkeys(COPYING, reason))
    found, figures = find_copies(lambda: drawn(2, 3), 3, 2, seed=0)
    assert found is not None
    assert figures.scores.keys() == set(COPYING) - {"copied"}
    assert all(np.isfinite(end) for ends in figures.intervals.values() for end in ends)
