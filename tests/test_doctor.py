"""The doctor's judgments on numbers, and what is told of them."""

import math

import pytest

from genloop.doctor import REMEDIES, SIGNS, Vitals, examine, finding, plateau
from genloop.explosion import Usual, exploded

HEALTHY: Vitals = {
    "diversity": 0.95,
    "nearest": 0.9,
    "told": 0.8,
    "told_learned": 0.9,
    "memorized": 0.3,
    "spread": 1.5,
    "kernel_distance": 0.05,
    "active": 12.0,
    "rate": 14.0,
}
ILL: dict[str, tuple[Vitals, str]] = {
    "generator_collapse": ({"diversity": 0.1}, "fakes vary 0.10 times as much as records"),
    "critic_won": (
        {"told_learned": 1.0, "spread": 20.0, "kernel_distance": 0.3},
        "the critic tells 100.0% of records from fakes, by 20 logits, and fakes get no better",
    ),
    "critic_memorizes": (
        {"told": 0.55, "told_learned": 0.99, "memorized": 0.9},
        "tells 99.0% of the records it learns from, and 55.0%",
    ),
    "critic_stopped": (
        {"told_learned": 0.5, "kernel_distance": 40.0},
        "tells 50.0% of records from fakes that are far",
    ),
    "posterior_collapse": ({"active": 0.0, "rate": 0.01}, "the rate is 0.01 nats"),
}


@pytest.mark.parametrize("disease", ILL)
def test_a_disease_is_seen_when_two_checks_show_it(disease: str) -> None:
    numbers, told = ILL[disease]
    ill = HEALTHY | numbers
    before = [HEALTHY, HEALTHY | {"kernel_distance": numbers.get("kernel_distance", 0.05)}, HEALTHY]
    assert told in examine([*before, ill, ill])[disease]
    assert set(examine([*before, ill, ill])) == {disease}
    assert examine([*before, ill, HEALTHY, ill]) == {}
    assert examine([ill]) == {}
    assert examine([{}, {}]) == {}


def test_a_critic_that_knows_its_records_by_heart_is_well_while_it_tells_others() -> None:
    """As critics of a few hundred rows do."""
    assert examine([HEALTHY | {"told": 0.9, "told_learned": 1.0, "memorized": 0.85}] * 2) == {}


def test_duplicates_among_fakes_are_a_collapse_too_but_not_fakes_that_begin_to_vary() -> None:
    assert "generator_collapse" in examine([HEALTHY | {"diversity": 0.0, "nearest": 0.0}] * 2)
    assert examine([HEALTHY | {"diversity": 0.1}, HEALTHY | {"diversity": 0.2}]) == {}


def test_a_sharp_critic_has_not_won_while_the_generator_gets_better() -> None:
    """As critics of rows are, while the generator gets better and better."""
    sharp = HEALTHY | {"told_learned": 1.0, "spread": 20.0}
    course = [sharp | {"kernel_distance": distance} for distance in (4.0, 3.0, 2.5, 2.0, 1.5)]
    assert examine(course) == {}
    assert "critic_won" in examine([*course, *course[-1:] * 3])
    hopeless = [sharp | {"kernel_distance": distance} for distance in (40.0, 35.0, 30.0, 25.0, 20.0)]
    assert examine(hopeless[:3]) == {}
    assert "critic_won" in examine(hopeless)


def test_every_disease_has_a_remedy_and_every_one_a_line() -> None:
    assert {sign.disease for sign in SIGNS} | {"explosion", "not_finite", "plateau"} == set(REMEDIES)
    found = finding("explosion", 3, 40, "the loss was 1e+09")
    assert found.line.startswith("explosion at epoch 3, step 40: the loss was 1e+09; try a lower lr")
    assert type(found)(**found.state()) == found


def test_a_plateau_is_half_of_the_checks_without_a_gain() -> None:
    course = [1.0, 5.0, 4.0, 3.0, 4.0, 4.0, 3.0]
    assert plateau(course, 5, planned=10, patience=None)
    assert not plateau(course[:-1], 4, planned=10, patience=None)
    assert not plateau(course, 5, planned=20, patience=None)
    assert not plateau([1.0, 5.0, 2.0, 2.0, 3.0, 4.0, 4.5], 5, planned=10, patience=None)  # on its way up again
    assert not plateau([1.0, 5.0, 4.0], 1, planned=2, patience=None)  # too few to say
    assert plateau([-math.inf] * 3, 3, planned=3, patience=None)


def test_a_plateau_is_what_patience_says() -> None:
    course = [1.0, 5.0, 2.0, 2.0, 3.0, 4.0, 4.5]
    assert plateau(course, 5, planned=20, patience=5)
    assert not plateau(course, 5, planned=10, patience=6)
    assert plateau([-math.inf], 1, planned=10, patience=1)


def curve(*values: float) -> dict[str, list[tuple[int, float]]]:
    return {"critic loss": list(enumerate(values))}


def test_an_explosion_is_told_by_what_was_usual_before() -> None:
    usual = Usual()
    assert exploded(usual.look(curve(1.4, -3.0, 20.0))) is None
    assert exploded(usual.look(curve(5.0, 7.0, 50.0))) is None
    peak = exploded(usual.look(curve(5.0, -1000.0, 250.0)))
    assert peak is not None
    assert (peak.what, peak.step, peak.value) == ("critic loss", 1, -1000.0)
    assert peak.times == pytest.approx(1000 / 5)  # the median of the medians 3 and 7


def test_a_loss_that_explodes_in_the_first_epoch_is_told_by_its_first_step() -> None:
    peak = exploded(Usual().look(curve(350.0, 9e9)))
    assert peak is not None
    assert peak.step == 1
    assert exploded(Usual().look(curve(0.01, 15.0))) is None  # what is usual is a nat at least


def test_gradients_may_vary_more_than_losses() -> None:
    slopes = [(0, 1.0), (1, 250.0)]
    assert exploded(Usual().look({"critic gradient": slopes})) is None
    assert exploded(Usual().look({"critic gradient": [*slopes, (2, math.inf)]})) is not None
