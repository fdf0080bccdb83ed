"""Intervals from random parts hold what they say, and runs are compared with their like only."""

import math
from typing import Any

import numpy as np
import pytest

from genloop.comparison import Entry, Value, comparable, group_runs, read_metrics, value_of
from genloop.errors import GenloopError
from genloop.image.scores.metrics import distance_scores
from genloop.intervals import ALL, SURE, Figures, Part, of_mean, share_of, with_intervals
from genloop.protocol import differences


def mean_of(values: np.ndarray, limits: dict[str, tuple[float, float]] | None = None) -> Figures:
    return with_intervals(
        lambda part: {"mean": float(values[part.of(len(values))].mean())}, (len(values),), limits or {}, 0
    )


@pytest.mark.parametrize("count", [150, 20_000])
def test_the_interval_of_a_mean_is_that_of_its_formula(count: int) -> None:
    values = np.random.default_rng(0).exponential(size=count)
    low, high = mean_of(values).intervals["mean"]
    expected = SURE * values.std(ddof=1) / math.sqrt(count)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.35)  # of 40 parts the deviation is known to 11 %
    assert (high + low) / 2 == pytest.approx(values.mean())
    assert of_mean(values) == pytest.approx((values.mean() - expected, values.mean() + expected))


def test_intervals_of_distances_hold_the_deviation_of_fresh_samples() -> None:
    """The deviation over fresh pairs of samples is that of the intervals, or they are up to thrice as wide."""
    generator = np.random.default_rng(0)

    def pair() -> tuple[np.ndarray, np.ndarray]:
        real, fake = (generator.normal(size=(count, 8)) for count in (200, 300))
        return real, 1.3 * fake + 0.2

    fresh = [distance_scores(*pair()) for _ in range(40)]
    real, fake = pair()
    found = with_intervals(lambda part: distance_scores(real[part.of(200)], fake[part.of(300)]), (200, 300), {}, seed=0)
    for name, (low, high) in found.intervals.items():
        error = (high - low) / 2 / SURE
        deviation = np.std([scores[name] for scores in fresh], ddof=1)
        assert 0.7 * deviation < error < 3 * deviation, name


def test_parts_are_keyed_shares_without_repetition() -> None:
    part, again = (Part(0.5, np.random.default_rng(1)) for _ in range(2))
    chosen = part.of(10)
    assert (chosen == again.of(10)).all()
    assert len(set(chosen.tolist())) == 5
    assert (ALL.of(3) == [0, 1, 2]).all()
    assert len(Part(0.5, np.random.default_rng(1)).of(0)) == 0
    assert share_of((300, 1_000)) == 0.5
    assert share_of((10_000, 10_000)) == 0.2


def test_intervals_stay_within_limits_and_what_is_no_number_is_left_out() -> None:
    values = np.array([0.0] * 60 + [1.0] * 1)
    assert mean_of(values, {"mean": (0.0, 1.0)}).intervals["mean"][0] == 0.0
    found = with_intervals(lambda part: {"odd": math.nan, "one": 1.0}, (9,), {}, 0)
    assert found.scores == {"one": 1.0}
    assert found.intervals == {"one": (1.0, 1.0)}
    assert found.as_dict() == {"one": 1.0, "intervals": {"one": [1.0, 1.0]}, "left_out": {}}


def entry(name: str, score: float, weights: str, group: str = "g", **protocol: Any) -> Entry:
    metrics = {
        "frechet": score,
        "intervals": {"frechet": [score - 1, score + 1]},
        "protocol": {"data": {"count": 10, "sample_seed": 0} | protocol},
        "identity": {"group": group, "weights": weights},
    }
    return Entry(name, "digits", metrics)


def test_runs_that_differ_in_their_seed_form_a_group_with_the_interval_over_seeds() -> None:
    runs = [entry("a", 1.0, "w1"), entry("b", 2.0, "w2"), entry("a", 3.0, "w3"), entry("a", 1.0, "w1")]
    group, other = group_runs([*runs, entry("c", 5.0, "w5", group="h")])
    assert group.label == "a, b"
    assert len(group.entries) == 3  # the weights that came twice count once
    value = group.value("frechet")
    assert value is not None
    assert (value.score, value.low, value.high) == pytest.approx(
        (2.0, 2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5), abs=1e-3
    )
    assert other.value("frechet") == Value(5.0, 4.0, 6.0)
    assert other.value("recall") is None


def test_unlike_protocols_are_never_compared_and_the_reason_is_told() -> None:
    groups = group_runs(
        [
            entry("a", 1.0, "w1"),
            entry("b", 2.0, "w2", count=20),
            entry("c", 2.0, "w3", sample_seed=7),
            entry("c", 2.0, "w3", sample_seed=8),
        ]
    )
    kept, told = comparable(groups)
    assert [group.label for group in kept] == ["a, c"]
    assert len(kept[0].entries) == 2  # weights that are sampled twice are of one seed
    assert told == ["b is not compared, it was scored otherwise: data.count: 10 against 20"]


def test_each_two_groups_of_a_table_can_be_compared() -> None:
    """Also where the first has no likelihood, with which both others agree."""
    gan, vae, other = (entry(name, 1.0, name, group=name) for name in ("gan", "vae", "other"))
    vae.metrics["protocol"]["likelihood"], other.metrics["protocol"]["likelihood"] = {"draws": 2}, {"draws": 16}
    kept, told = comparable(group_runs([gan, vae, other]))
    assert [group.label for group in kept] == ["gan", "vae"]
    assert told == ["other is not compared, it was scored otherwise: likelihood.draws: 2 against 16"]


@pytest.mark.parametrize("text", ["{", "[]", '{"frechet": 1.0, "protocol": {}}', '{"protocol": 3}'])
def test_metrics_of_another_version_are_refused_by_their_place(text: str) -> None:
    with pytest.raises(GenloopError, match=r"^a.json: was not written by this version of genloop; run 'dvc repro'"):
        read_metrics(text, "a.json")


def test_a_likelihood_that_one_of_both_has_hinders_nothing() -> None:
    data = {"data": {"count": 1, "sample_seed": 0}}
    assert not differences(data, data | {"likelihood": {"draws": 2}})
    assert not differences({"arithmetic": {"from step 0": "cpu"}}, {"arithmetic": {"from step 0": "a GPU"}})
    assert differences(data | {"likelihood": {"draws": 1}}, data | {"likelihood": {"draws": 2}}) == [
        "likelihood.draws: 1 against 2"
    ]


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"x": 0.84051, "intervals": {"x": [0.7, 0.98]}}, "0.84 ± 0.14"),
        ({"x": 22.3, "intervals": {"x": [20.1, 24.5]}}, "22.3 ± 2.2"),
        ({"x": -0.0001, "intervals": {"x": [-0.027, 0.027]}}, "0.000 ± 0.027"),
        ({"x": 1.0, "intervals": {"x": [1.0, 1.0]}}, "1.000 ± 0.000"),
        ({"x": -170.4875, "intervals": {}}, "-170.5"),
    ],
)
def test_a_value_is_written_as_exactly_as_it_is_known(figures: dict[str, Any], told: str) -> None:
    assert str(value_of(figures, "x")) == told
