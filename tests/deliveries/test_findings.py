"""What is said of a delivery: which tests count, what is broken, and that the data writes no Markdown."""

import numpy as np
import pytest
from pydantic import ValidationError

from genloop.deliveries.choices import Drift
from genloop.deliveries.contents import compare_contents, repeats_of_known, repeats_of_new
from genloop.deliveries.findings import Delivery, Finding, Trial, judge, plain
from tests.conftest import ROOT


def trial(p: float, effect: float, what: str = "age", moves: bool = False) -> Trial:
    return Trial(what, "has moved", "a test", "D = 1", float(p), float(effect), "shift", moves)


def test_broken_is_what_is_neither_chance_nor_small() -> None:
    found = judge([trial(1e-9, 0.5), trial(1e-9, 0.1, "sex"), trial(0.01, 0.9, "job")], Drift())
    assert [(finding.what, finding.broken) for finding in found] == [("age", True), ("sex", False)]
    assert found[0].told == "has moved (a test, D = 1, p = 3e-09 after Holm; shift 0.5, limit 0.2)"


def test_many_tests_ask_for_more() -> None:
    assert judge([trial(5e-4, 1)], Drift())
    assert not judge([trial(5e-4, 1), *[trial(1, 0)] * 2], Drift())
    assert not judge([], Drift())


@pytest.mark.parametrize("one", [trial(1e-9, 1, moves=True), trial(1e-9, 1, "year")])
def test_what_moves_is_told(one: Trial) -> None:
    (finding,) = judge([one], Drift(moving=("year",)))
    assert not finding.broken
    assert "expected to move" in finding.told


def test_lines_begin_with_what_is_broken() -> None:
    findings = (Finding("a", "was moved", False), Finding("b", "is gone", True))
    lines = Delivery("people", 1, 2, findings).lines()
    assert lines[0] == "**people**: 1 new record, 2 gone: broken"
    assert lines[4:] == ["| b | is gone | **broken** |", "| a | was moved | told |"]
    assert Delivery("people", 1000, 0, ()).lines() == ["**people**: 1,000 new records, 0 gone: can be trained on"]


def test_lines_of_wide_tables_end() -> None:
    lines = Delivery("wide", 1, 0, (Finding("x", "is gone", True),) * 1051).lines()
    assert len(lines) == 4 + 50 + 2
    assert lines[-1] == "And 1,001 more like these."


def test_names_of_the_data_write_no_markdown() -> None:
    hostile = "a|b\n<img src=x> **bold** [x](y) `code` @team ~no~ \\ _it_"
    told = plain(hostile)
    assert told == (
        "a&#124;b\\n&lt;img src=x&gt; \\*\\*bold\\*\\* \\[x\\](y) \\`code\\` &#64;team \\~no\\~ \\\\ \\_it\\_"
    ).replace("b\\n", "b\\\\n")


def hashes(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def test_records_are_new_as_often_as_there_are_more_of_them() -> None:
    found = compare_contents(hashes(1, 2, 2, 3), hashes(2, 4, 2, 2, 1, 4))
    assert found.new.tolist() == [1, 3, 5]
    assert found.gone == 1
    assert compare_contents(hashes(), hashes(7)).new.tolist() == [0]
    assert compare_contents(hashes(7, 7), hashes()).gone == 2
    assert not len(compare_contents(hashes(3, 1, 2, 1), hashes(1, 1, 2, 3)).new)


def test_repeats() -> None:
    known, new = hashes(1, 1, 2), hashes(1, 3, 3, 4)
    assert repeats_of_known(known, new).known.tolist() == [True, True, False]
    assert repeats_of_known(known, new).new.tolist() == [True, False, False, False]
    assert repeats_of_new(known, new).known.tolist() == [True, True, False]
    assert repeats_of_new(known, new).new.tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "wrong", [{"level": 0}, {"shift": 1.5}, {"moving": "year"}, {"moving": [""]}, {"shfit": 0.1}, {"strange": "a lot"}]
)
def test_what_limits_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Drift.model_validate(wrong)


def test_lists_of_yaml_are_taken() -> None:
    assert Drift.model_validate({"moving": ["year"], "level": 0.01}).moving == ("year",)


def test_every_limit_is_documented_with_its_default() -> None:
    page = (ROOT / "docs/params.md").read_text()
    for name, field in Drift.model_fields.items():
        default = "none" if field.default == () else str(field.default)
        assert f"| `drift.{name}` | {default} |" in page
