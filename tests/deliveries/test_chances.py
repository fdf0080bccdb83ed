"""Chances against what drawing shows and against figures known otherwise."""

from itertools import product

import numpy as np
import pytest
from scipy.special import xlogy
from scipy.stats import chi2_contingency, fisher_exact, norm

from genloop.deliveries.chances import above, beyond, distance, more, other, shares, told_apart
from genloop.deliveries.findings import holm


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_holm_is_the_textbooks() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(("known", "new"), [(2, 1), (3, 2), (2, 4), (4, 3)])
def test_chance_to_lie_beyond_is_that_of_all_orders(known: int, new: int) -> None:
    orders = [sides for sides in product((0, 1), repeat=known + new) if sum(sides) == new]
    for outside in range(1, new + 1):
        both = [s.index(0) + s[::-1].index(0) >= outside for s in orders]
        end = [s[::-1].index(0) >= outside for s in orders]
        assert beyond(known, new, outside).p == pytest.approx(np.mean(both))
        assert above(known, new, outside).p == pytest.approx(np.mean(end))


def test_nothing_beyond_says_nothing() -> None:
    assert beyond(100, 10, 0).p == 1
    assert above(100, 10, 0).p == 1
    assert beyond(1, 10, 10).p == 1
    assert beyond(100, 0, 0).p == 1


def test_fisher() -> None:
    expected = fisher_exact([[7, 13], [5, 95]], alternative="greater").pvalue
    tested = more((5, 100), (7, 20))
    assert tested.p == pytest.approx(expected)
    assert tested.effect == pytest.approx(0.3)
    assert other((5, 100), (7, 20)).p == pytest.approx(2 * expected)
    assert other((50, 100), (0, 20)).effect == 0.5
    assert other((50, 100), (0, 20)).p < 0.001
    assert more((0, 100), (0, 20)).p == 1


def test_distance_of_ties_is_careful() -> None:
    draw = generator()
    chances = [distance(draw.integers(3, size=200) / 1.0, draw.integers(3, size=50) / 1.0).p for _ in range(200)]
    assert np.mean(np.array(chances) < 0.1) < 0.1
    assert distance(np.zeros(5), np.zeros(3)).p == 1
    assert distance(np.zeros(500), np.ones(1)).statistic == 1


def test_shares_follow_chi_squared_where_values_are_frequent() -> None:
    known, new = np.array([400, 300, 300]), np.array([30, 45, 25])
    expected = chi2_contingency([known, new], correction=False, lambda_="log-likelihood")
    tested = shares(known, new, generator())
    assert tested.statistic == pytest.approx(expected.statistic)
    assert tested.p == pytest.approx(expected.pvalue, rel=0.1)


def test_shares_of_rare_values_are_no_surprise_as_often_as_they_should_be() -> None:
    draw, known = generator(), np.array([5000, *[3] * 200])
    chances = []
    for _ in range(200):
        new = np.bincount(draw.choice(len(known), p=known / known.sum(), size=100), minlength=len(known))
        chances.append(shares(known, new, generator(1)).p)
    assert np.mean(np.array(chances) < 0.05) < 0.12


@pytest.mark.parametrize(("counts", "drawn"), [([180] * 10, 20), ([2500, 300, 100, 60, 35], 100)])
def test_the_tail_of_shares_holds_beyond_what_is_drawn(counts: list[int], drawn: int) -> None:
    both = np.array(counts)
    tables = generator().multivariate_hypergeometric(both, drawn, size=300_000, method="marginals")
    known, rare = both - tables, 30  # tables of 300,000 that are as unlike as the one that is asked for: 1e-4
    ratio = 2 * (xlogy(tables, tables / (both * drawn / both.sum()))).sum(1)
    ratio += 2 * xlogy(known, known / (both * (both.sum() - drawn) / both.sum())).sum(1)
    place = int(np.argsort(-ratio)[rare])
    tested = shares(known[place], tables[place], generator(2))
    assert 1e-4 / 4 < tested.p < 1e-4 * 4


def test_shares_far_from_chance_have_a_chance_beyond_what_is_drawn() -> None:
    tested = shares(np.array([500, 300, 200]), np.array([0, 10, 90]), generator())
    assert tested.p < 1e-12
    assert tested.effect > 0.5
    assert shares(np.array([500]), np.array([10]), generator()).p == 1


def random_plane(rows: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """A learner that follows whatever its rows happen to show: the worst case for two halves that learn alike."""
    return asked @ (rows[truth == 1].mean(0) - rows[truth == 0].mean(0))


def test_two_halves_that_learn_alike_do_not_count_twice() -> None:
    draw = generator()
    chances = np.array(
        [told_apart(draw.normal(size=(100, 5)), draw.normal(size=(60, 5)), random_plane, draw).p for _ in range(200)]
    )
    assert 0.02 < np.mean(chances < 0.05) < 0.09  # added up, they would be at twice this
    far = told_apart(draw.normal(size=(100, 5)), draw.normal(3, size=(60, 5)), random_plane, draw)
    assert far.effect > 0.95
    assert far.p < norm.sf(4)
