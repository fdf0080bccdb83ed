"""What becomes of challengers: better, equal and worse ones, copiers, too few seeds, several at once."""

from collections.abc import Sequence
from typing import Any

import pytest

from genloop.comparison import Entry
from genloop.errors import GenloopError
from genloop.gate.choices import Gate
from genloop.gate.ruling import Rule, Ruling, rule
from genloop.report.numbers import MINUS

PROTOCOL = {"data": {"real_count": 359, "version": 2}}
HONEST = (0.0, -0.002, 0.004)
Score = float | tuple[float, float, float]


def run(name: str, seed: int = 0, group: str = "", left_out: dict[str, str] | None = None, **scores: Score) -> Entry:
    """A scored run; a score may have an interval. Runs of one name and other seeds form a group."""
    taken: dict[str, Score] = {"copied": HONEST, **scores}
    taken = {key: value for key, value in taken.items() if key not in (left_out or {})}
    metrics: dict[str, Any] = {k: v[0] if isinstance(v, tuple) else v for k, v in taken.items()}
    intervals = {k: list(v[1:]) for k, v in taken.items() if isinstance(v, tuple)}
    identity = {"weights": f"{name}/{seed}", "group": group or name, "seed": seed}
    beside = {"intervals": intervals, "left_out": left_out or {}, "baselines": {}, "protocol": PROTOCOL}
    return Entry(name, "digits", metrics | beside | {"identity": identity})


def frechet(value: float, name: str = "new", seed: int = 0, away: float = 0.2, **scores: Any) -> Entry:
    return run(name, seed, frechet=(value, value - away, value + away), **scores)


def seeds(name: str, *values: float, **scores: Any) -> list[Entry]:
    return [frechet(value, name, seed, **scores) for seed, value in enumerate(values)]


def gate(**choices: Any) -> Gate:
    return Gate.model_validate(choices)


def judged(entries: Sequence[Entry], champion: Sequence[Entry], modality: str = "image", **choices: Any) -> Ruling:
    found = rule(entries, champion, gate(**choices), modality)
    assert (found.outcome == "promoted") == all(each.holds for each in found.rules) or not found.rules
    assert found.chosen is found.group[0]
    return found


def of(found: Ruling, score: str, asked: str = "") -> Rule:
    (one,) = (each for each in found.rules if each.score == score and asked in each.asked)
    return one


OLD = frechet(2.0, "old")


def test_the_first_that_keeps_the_rules_is_promoted() -> None:
    found = judged([frechet(1.0)], [])
    assert (found.outcome, found.why) == ("promoted", "there is no champion yet, and every rule holds")


@pytest.mark.parametrize(
    ("value", "outcome", "why"),
    [
        (1.0, "promoted", "frechet: better, beyond noise"),
        (1.9, "kept", "frechet: within noise"),
        (2.1, "kept", "frechet: within noise"),
        (3.0, "kept", "frechet: worse, beyond noise"),
    ],
)
def test_a_challenger_must_be_better_than_noise(value: float, outcome: str, why: str) -> None:
    found = judged([OLD, frechet(value)], [OLD])
    assert (found.outcome, found.why) == (outcome, why)
    assert found.chosen.name == "new"


def test_ties_may_promote() -> None:
    assert judged([frechet(2.1)], [OLD], ties="promote").outcome == "promoted"
    assert judged([frechet(3.0)], [OLD], ties="promote").outcome == "kept"


def test_without_a_challenger_the_champion_is_kept() -> None:
    for entries in ([], [OLD], [OLD, frechet(1.0, "old", 1)]):  # another seed of the champion's is no challenger
        found = rule(entries, [OLD], Gate(), "image")
        assert (found.outcome, found.chosen, found.rules, found.table()) == ("kept", OLD, (), [])
        assert "no challenger" in found.why
    with pytest.raises(GenloopError, match="nothing to judge"):
        rule([], [], Gate(), "image")


def test_a_copier_is_refused_whatever_its_scores() -> None:
    copier = frechet(0.1, copied=(0.05, 0.03, 0.07))
    found = judged([copier], [OLD], ties="promote")
    assert found.outcome == "refused"
    assert of(found, "copied").why == "new: repeats training records beyond chance, at least 0.03 of its own"
    honest = [frechet(0.1 + seed / 100, seed=seed) for seed in (1, 2)]
    assert judged([*honest, copier], [OLD]).outcome == "refused"  # one seed is enough
    assert judged(honest, [OLD]).outcome == "promoted"


def test_copying_that_nobody_looked_for_is_refused_with_the_reason() -> None:
    found = judged([frechet(0.1, left_out={"copied": "only 40 generated records"})], [OLD])
    assert found.outcome == "refused"
    assert "not known whether it copies: only 40 generated records" in found.why


def test_too_few_seeds_are_refused() -> None:
    two = seeds("new", 0.5, 0.6)
    assert judged(two, [OLD], seeds=2).outcome != "refused"
    again = frechet(0.4, seed=1)
    again.metrics["identity"]["weights"] = "elsewhere"  # the same seed on another machine
    found = judged([*two, again], [OLD], seeds=3)
    assert found.outcome == "refused"
    assert of(found, "seeds").challenger == "2"


def test_what_was_rolled_back_stays_so() -> None:
    back = rule(seeds("new", 0.5, 0.6), [OLD], Gate(), "image", frozenset({"new/1"}))
    assert back.outcome == "refused"
    assert "weights new/1 were rolled back before" in back.why
    assert rule(seeds("new", 0.5, 0.6), [OLD], Gate(), "image", frozenset({"other"})).outcome != "refused"


LIMITS: dict[str, dict[str, float]] = {"recall": {"at_least": 0.6}, "frechet": {"at_most": 3.0}}


def test_limits_hold_for_the_group_and_for_the_run_that_is_chosen() -> None:
    assert judged([frechet(1.0, recall=0.6)], [], scores=LIMITS).outcome == "promoted"
    low = judged([frechet(1.0, recall=0.59)], [], scores=LIMITS)
    assert (low.outcome, low.why) == ("refused", "recall: 0.59 is less")
    far = judged([frechet(3.1, recall=0.7)], [], scores=LIMITS)
    assert (far.outcome, far.why) == ("refused", "frechet: 3.1 is more")
    mean = judged([frechet(1.0, seed=0, recall=0.7), frechet(2.0, seed=1, recall=0.4)], [], scores=LIMITS)
    assert (mean.outcome, mean.why) == ("refused", "recall: 0.55 of the mean is less")
    none = judged([frechet(9.0, seed=0, recall=0.8), frechet(1.0, seed=1, recall=0.5)], [], scores=LIMITS)
    assert none.outcome == "refused"  # neither run fulfils both


def test_the_chosen_run_is_the_best_that_is_within_all_limits() -> None:
    entries = [frechet(2.0, seed=0, recall=0.7), frechet(1.0, seed=1, recall=0.59), frechet(1.5, seed=2, recall=0.7)]
    found = judged(entries, [], scores=LIMITS)
    assert found.outcome == "promoted"
    assert [entry.identity["seed"] for entry in found.group] == [2, 0, 1]
    assert "chosen 0.7" in of(found, "recall").challenger


def test_a_score_that_a_challenger_lacks_breaks_its_rule() -> None:
    lacking = frechet(1.0, recall=0.7, left_out={"frechet": "no more pictures than features"})
    assert judged([lacking], []).why == "frechet: new has no such score: no more pictures than features"
    assert judged([frechet(1.0)], [], scores=LIMITS).why == "recall: new has no such score: it was not taken"
    old = frechet(2.0, "old", recall=0.7)
    found = judged([frechet(1.0)], [old], scores={"recall": {"not_worse_by": 0.1}})
    assert (found.outcome, found.why) == ("kept", "recall: new has no such score: it was not taken")


def test_a_score_that_the_champion_lacks_hinders_nobody_but_gains_nothing() -> None:
    new = frechet(1.0, elbo=(-100.0, -101.0, -99.0))
    assert judged([new], [OLD], scores={"elbo": {"not_worse_by": 1}}).outcome == "promoted"
    found = judged([new], [OLD], rank="elbo")
    assert (found.outcome, found.why) == ("kept", "elbo: the champion has no such score")


MARGINS = [
    ("50 %", 3.19, "promoted"),
    ("50 %", 3.4, "kept"),
    (1, 3.19, "promoted"),
    (1.5, 3.4, "promoted"),
    (1, 3.4, "kept"),
]


@pytest.mark.parametrize(("margin", "value", "outcome"), MARGINS)
def test_margins_are_of_the_score_or_of_the_champions(margin: Any, value: float, outcome: str) -> None:
    """The champion has 2.0; an interval of the difference of 0.28 on either side."""
    choices: dict[str, Any] = {"ties": "promote", "scores": {"frechet": {"not_worse_by": margin}}}
    assert judged([frechet(value)], [OLD], **choices).outcome == outcome


def test_worse_in_another_score_keeps_the_champion() -> None:
    old, new = (frechet(f, n, recall=(r, r - 0.02, r + 0.02)) for f, n, r in ((2.0, "old", 0.8), (1.0, "new", 0.7)))
    assert judged([new], [old]).outcome == "promoted"
    found = judged([new], [old], scores={"recall": {"not_worse_by": "2 %"}})
    assert (found.outcome, found.why) == ("kept", "recall: worse by more than 0.016, beyond noise")
    assert of(found, "recall").difference == f"{MINUS}0.100 ({MINUS}0.128 to {MINUS}0.072)"
    assert judged([new], [old], scores={"recall": {"not_worse_by": "10 %"}}).outcome == "promoted"


def test_where_noise_is_not_known_a_loss_counts_and_a_gain_does_not() -> None:
    old, new = run("old", frechet=2.0, modes=10.0), run("new", frechet=1.0, modes=9.0)
    assert judged([new], [old]).why == "frechet: nothing is known of its noise"
    found = judged([new], [old], ties="promote", scores={"modes": {"not_worse_by": 0}})
    assert (found.outcome, found.why) == ("kept", "modes: worse by more than 0")
    assert judged([new], [old], ties="promote", scores={"modes": {"not_worse_by": 1}}).outcome == "promoted"


@pytest.mark.parametrize(
    ("value", "outcome"), [(0.6, "promoted"), (0.9, "kept"), (0.2, "kept"), (0.48, "promoted"), (0.02, "kept")]
)
def test_scores_that_are_best_at_one_half_are_judged_by_their_distance_from_it(value: float, outcome: str) -> None:
    old, new = (run(n, detection=(v, v - 0.02, v + 0.02)) for n, v in (("old", 0.8), ("new", value)))
    assert judged([new], [old], "table").outcome == outcome


def test_margins_of_one_half_are_of_the_distance_from_it() -> None:
    old, new = (run(n, detection=(v, v - 0.01, v + 0.01)) for n, v in (("old", 0.8), ("new", 0.86)))
    choices: dict[str, Any] = {"ties": "promote", "scores": {"detection": {"not_worse_by": "20 %"}}}
    found = judged([new], [old], "table", **choices)  # 20 % of 0.3, though the difference reaches down to 0.046
    assert found.outcome == "promoted"
    choices["scores"] = {"detection": {"not_worse_by": "10 %"}}
    assert judged([new], [old], "table", **choices).outcome == "kept"
    assert of(found, "detection", "not worse by").difference == "+0.060 (0.046 to 0.074) away from 0.5"


def test_seeds_are_judged_by_how_much_they_vary() -> None:
    old, near, far = seeds("old", 2.0, 2.2, 2.4), seeds("new", 1.9, 2.1, 2.3), seeds("new", 1.0, 1.2, 1.4)
    assert judged(near, old).why == "frechet: within noise"
    assert judged(far, old).outcome == "promoted"
    assert judged(far, old[:1]).why == "frechet: within noise"  # what one run of the champion is known to: 1 of 2
    assert judged(seeds("new", 1.0, 1.1, 1.2), old[:1]).outcome == "promoted"


def test_of_few_pictures_which_have_no_frechet_distance_kid_ranks() -> None:
    found = judged([run("new", kid=(0.01, 0.005, 0.015))], [run("old", kid=(0.05, 0.04, 0.06))])
    assert found.outcome == "promoted"
    assert of(found, "kid").asked == "better than the champion"
    assert judged([run("new", kid=0.01)], [], rank="frechet").outcome == "refused"


def test_of_several_challengers_the_best_by_rank_comes_first() -> None:
    gan, vae = seeds("gan", 1.3, 1.2), [frechet(1.0, "vae")]
    found = judged([*gan, *vae], [])
    assert (found.outcome, found.chosen.name) == ("promoted", "vae")
    assert found.passed_over == ("gan: fulfils every rule too, and is ranked behind by frechet, 1.25 ± 0.64",)
    copier = frechet(1.0, "vae", copied=(0.5, 0.4, 0.6))
    found = judged([copier, *gan], [])
    assert (found.outcome, found.chosen.identity["weights"]) == ("promoted", "gan/1")
    assert found.passed_over[0].startswith("vae: refused, copied: vae: repeats training records")


def test_a_challenger_that_is_worse_elsewhere_does_not_hide_one_that_is_not() -> None:
    old, first, second = (
        frechet(f, n, recall=(r, r - 0.02, r + 0.02))
        for f, n, r in ((2.0, "old", 0.8), (0.9, "a", 0.6), (1.0, "b", 0.8))
    )
    found = judged([old, first, second], [old], scores={"recall": {"not_worse_by": "5 %"}})
    assert (found.outcome, found.chosen.name) == ("promoted", "b")


def test_unlike_protocols_are_refused() -> None:
    other = frechet(1.0)
    other.metrics["protocol"] = {"data": {"real_count": 719, "version": 2}}
    with pytest.raises(GenloopError, match=r"new was scored otherwise than old: data\.real_count: 359 against 719"):
        rule([other], [OLD], Gate(), "image")


def test_the_table_shows_text_as_text() -> None:
    reason = "column 'a|b' <img src=x> `*c*` [d](e)\nf"
    found = rule([frechet(1.0, left_out={"copied": reason}), frechet(2.0, "other")], [], Gate(), "image")
    refused = rule([frechet(1.0, left_out={"copied": reason})], [], Gate(), "image")
    assert found.outcome == "promoted"
    for line in (found.table()[-1], refused.table()[-1]):
        assert "\n" not in line
        assert r"a\|b" in line
        assert r"\<img src=x\>" in line
        assert r"\[d\](e)" in line
    widths = {len([c for c in row.replace(r"\|", "") if c == "|"]) for row in refused.table()}
    assert widths == {8}
    assert "**no**" in refused.table()[-1]
