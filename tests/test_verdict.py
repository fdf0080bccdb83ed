"""When a run counts as reproduced: equal, or within the recorded intervals where something else computed it."""

from typing import Any

from genloop.verdict import Made, judge

HERE, ELSEWHERE = "cpu, x86_64 AVX512, 1 thread, torch 2.13.0", "cpu, x86_64 AVX2, 1 thread, torch 2.13.0"


def made(
    weights: str = "a" * 64, files: str = "f", samples: str = "s", torch: str = "2.13.0", on: str = HERE, **scores: Any
) -> Made:
    protocol = {"arithmetic": {"from step 0": on, "elsewhere": "words"}}
    found = {"kid": 0.5, "elbo": -3.0, "intervals": {"kid": [0.4, 0.6]}, "protocol": protocol}
    return Made(weights, files, samples, found | scores, {"python": "3.11.7", "torch": torch})


def test_equal_is_reproduced_in_three_lines() -> None:
    verdict = judge(made(), made())
    assert verdict.good
    assert verdict.lines == ("weights  equal (aaaaaaa), all files the same bytes", "samples  equal", "metrics  equal")


def test_a_difference_on_the_same_arithmetic_is_none_to_be_explained_away() -> None:
    for again, named in (
        (made(weights="b" * 64, files="g", kid=0.51), ("weights", "metrics")),
        (made(files="g"), ("weights",)),
        (made(samples="t"), ("samples",)),
        (made(elbo=-3.1), ("metrics",)),
    ):
        verdict = judge(made(), again)
        assert not verdict.good
        assert verdict.differing == named
        assert len(verdict.lines) == 3
    assert verdict.lines[2] == "metrics  differ: elbo"


def test_other_versions_are_told() -> None:
    verdict = judge(made(), made(torch="2.14.0", samples="t"))
    assert not verdict.good
    assert verdict.lines[3:] == ("torch    2.13.0 recorded, 2.14.0 now",)


def test_on_other_arithmetic_scores_must_be_within_their_intervals() -> None:
    within = judge(made(), made(weights="b" * 64, files="g", samples="t", on=ELSEWHERE, kid=0.6, elbo=-9.0))
    assert within.good
    assert within.lines[0] == "weights  differ: aaaaaaa recorded, bbbbbbb now"
    assert (
        within.lines[3]
        == f"computed otherwise: from step 0: {HERE} recorded, from step 0: {ELSEWHERE} now, where bytes differ"
    )
    assert within.lines[4].startswith("judged by the stated tolerance (other bytes; ")
    assert within.lines[4].endswith("every score is within its interval")
    for kid in (0.61, float("nan")):
        outside = judge(made(), made(weights="b" * 64, on=ELSEWHERE, kid=kid))
        assert not outside.good
        assert outside.lines[-1].endswith("outside: kid")


def test_equal_bytes_on_other_arithmetic_but_for_its_name_are_within() -> None:
    verdict = judge(made(), made(on=ELSEWHERE))
    assert verdict.good
    assert "metrics  differ: protocol" in verdict.lines
