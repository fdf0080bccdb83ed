"""gate: of params.yaml: what is refused, and in which words."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from genloop.errors import GenloopError
from genloop.gate.choices import Gate, Limit
from genloop.glossary import glossary
from genloop.resolve import read_params
from tests.conftest import ROOT, Project

DATA = "data:\n  mine: {modality: image}\n  rows: {modality: table}\nruns: {}\n"


def read(folder: Path, gate: str) -> Any:
    for name in ("mine", "rows"):
        (folder / "raw" / name).mkdir(parents=True)
    (folder / "params.yaml").write_text(f"{DATA}gate: {gate}\n")
    return read_params(folder / "params.yaml", folder / "raw").gate


def limit(text: str, score: str = "recall") -> str:
    return f"{{mine: {{scores: {{{score}: {text}}}}}}}"


MARGIN = "input should be a number from 0 on, or a percentage as in '2 %', not "
FAULTS = {
    "an unknown data set": (
        "{yours: {seeds: 2}}",
        "gate.yours: there is no data set 'yours'; params.yaml has mine, rows",
    ),
    "an unknown key": ("{mine: {seed: 3}}", "gate.mine.seed: no such key; did you mean 'seeds'?"),
    "no seed": ("{mine: {seeds: 0}}", "gate.mine.seeds: input should be greater than or equal to 1, not 0"),
    "other ties": ("{mine: {ties: toss}}", "gate.mine.ties: input should be 'keep' or 'promote', not 'toss'"),
    "an unknown rank": (
        "{mine: {rank: fretchet}}",
        "gate.mine.rank: there is no score 'fretchet'; did you mean 'frechet'?",
    ),
    "a rank of another modality": (
        "{rows: {rank: kid}}",
        "gate.rows.rank: there is no score 'kid'; known: active_units, ",
    ),
    "a rank that is never better": (
        "{mine: {rank: rate}}",
        "gate.mine.rank: neither way of 'rate' is better; name another score",
    ),
    "a rank by copying": ("{mine: {rank: copied}}", "gate.mine.rank: copying is refused without any rule"),
    "an unknown score": (
        limit("{at_least: 1}", "recal"),
        "gate.mine.scores.recal: there is no score 'recal'; did you mean 'recall'?",
    ),
    "a limit of copying": (
        limit("{at_most: 0.1}", "copied"),
        "gate.mine.scores.copied: copying is refused without any rule; remove it",
    ),
    "an unknown limit": (
        limit("{at_lest: 1}"),
        "gate.mine.scores.recall.at_lest: no such key; did you mean 'at_least'?",
    ),
    "a limit that is no number": (
        limit("{at_least: high}"),
        "gate.mine.scores.recall.at_least: input should be a valid number, not 'high'",
    ),
    "a limit beyond numbers": (
        limit("{at_least: .inf}"),
        "gate.mine.scores.recall.at_least: input should be a finite number",
    ),
    "a number alone": (
        limit("0.6"),
        "gate.mine.scores.recall: input should be keys with values, as in {at_least: 0.6}, not 0.6",
    ),
    "no limit": (limit("{}"), "gate.mine.scores.recall: input should state at_least, at_most or not_worse_by"),
    "limits that cross": (
        limit("{at_least: 0.7, at_most: 0.6}"),
        "gate.mine.scores.recall.at_least: 0.7 lies above at_most: 0.6",
    ),
    "two percent signs": (limit("{not_worse_by: 2 %%}"), f"gate.mine.scores.recall.not_worse_by: {MARGIN}'2 %%'"),
    "a margin below nothing": (limit("{not_worse_by: -1}"), f"gate.mine.scores.recall.not_worse_by: {MARGIN}-1"),
    "a percentage below nothing": (
        limit("{not_worse_by: -2 %}"),
        f"gate.mine.scores.recall.not_worse_by: {MARGIN}'-2 %'",
    ),
    "a percentage without an end": (
        limit(f"{{not_worse_by: {'9' * 400} %}}"),
        f"gate.mine.scores.recall.not_worse_by: {MARGIN}'9999",
    ),
    "a margin that is yes": (limit("{not_worse_by: true}"), f"gate.mine.scores.recall.not_worse_by: {MARGIN}True"),
    "a margin without an end": (limit("{not_worse_by: .nan}"), f"gate.mine.scores.recall.not_worse_by: {MARGIN}nan"),
    "a margin in words": (
        limit("{not_worse_by: a little}"),
        f"gate.mine.scores.recall.not_worse_by: {MARGIN}'a little'",
    ),
    "worse than neither": (
        limit("{not_worse_by: 1}", "rate"),
        "gate.mine.scores.rate.not_worse_by: neither way of 'rate' is better; state at_least or at_most",
    ),
    "nothing": ("", "gate: input should be a valid dictionary, not None"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_one_line_with_their_key(tmp_path: Path, name: str) -> None:
    text, message = FAULTS[name]
    with pytest.raises(GenloopError) as caught:
        read(tmp_path, text)
    assert f"params.yaml: {message}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_every_fault_of_scores_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(GenloopError) as caught:
        read(tmp_path, "{mine: {rank: fretchet, scores: {recal: {at_least: 1}}}}")
    assert len(caught.value.args) == 2


def test_what_may_be_said(tmp_path: Path) -> None:
    text = "{mine: {seeds: 3, rank: kid, ties: promote, scores: {rate: {at_least: 1}, recall: {not_worse_by: 2.5%}}}}"
    gate = read(tmp_path, text)["mine"]
    assert (gate.seeds, gate.ranked_by("image"), gate.ties) == (3, "kid", "promote")
    assert gate.scores == {"rate": Limit(at_least=1.0), "recall": Limit(not_worse_by="2.5%")}
    assert (Gate().ranked_by("image"), Gate().ranked_by("table")) == ("frechet", "detection")


def test_margins_in_percent_are_of_the_champions_score() -> None:
    assert Limit(not_worse_by="2 %").margin(-50.0) == pytest.approx(1.0)
    assert Limit(not_worse_by="2 %").margin(0.0) == 0
    assert Limit(not_worse_by=3).margin(-50.0) == 3
    assert Limit(at_least=0.5).margin(-50.0) == 0
    with pytest.raises(ValidationError):
        Limit.model_validate({"not_worse_by": 2.0, "at_least": "much"})


@pytest.mark.parametrize("modality", ["image", "table"])
def test_scores_that_rank_by_themselves_exist_and_have_a_better_side(modality: str) -> None:
    assert glossary(modality)[Gate().ranked_by(modality)].better


def test_the_shipped_gates_are_valid() -> None:
    params = read_params(ROOT / "params.yaml", ROOT / "data" / "raw")
    assert set(params.gate) == {"digits", "cancer"}


def test_a_change_of_the_gate_runs_nothing(project: Project) -> None:
    with (project.folder / "params.yaml").open("a") as params:
        params.write("gate: {tiny: {seeds: 3}}\n")
    assert "Running stage" not in project.dvc("repro", "--dry").stdout
