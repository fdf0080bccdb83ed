"""The report of a run: whole, self-contained, the same every time, and safe whatever people call things."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genloop.glossary import glossary, meaning
from genloop.illustrations import Illustration, Listed
from genloop.outputs import write_json
from genloop.report.embedded import LARGE, THUMBNAIL, WIDEST, embed
from genloop.report.facts import ReportFacts, read_training
from genloop.report.numbers import decimals, flat, shown
from genloop.report.page import previews_of, render, verdict, write_report
from genloop.report.scores import EDGE, group_scores

METRICS: dict[str, Any] = {  # of digits_vae, in short, with intervals of an example
    "frechet": 0.641459209156622,
    "kid": -0.007190923137265326,
    "precision": 0.939,
    "recall": 0.7771587743732591,
    "coverage": 0.9860724233983287,
    "copied": 0.004,
    "elbo": -170.48752941145537,
    "rate": 15.145687413580902,
    "bits_per_dimension": 3.843148643989343,
    "active_units": 16.0,
    "of_tomorrow": 0.25,
    "intervals": {
        "frechet": [0.58, 0.71],
        "kid": [-0.012, -0.002],
        "precision": [0.91, 0.96],
        "copied": [-0.002, 0.01],
        "elbo": [-174.76, -166.21],
    },
    "left_out": {"inception_score": "the data set has fewer than two classes"},
    "baselines": {
        "real": {"frechet": 0.341, "kid": -0.0157, "precision": 0.968, "intervals": {"frechet": [0.3, 0.4]}},
        "marginals": {"frechet": 22.11, "kid": 0.591, "precision": 0.527, "left_out": {"recall": "too few"}},
    },
    "protocol": {
        "data": {"real": "test split", "count": 1000, "features_accuracy": 0.9944},
        "likelihood": {"draws": 16},
    },
    "identity": {"weights": "9c73"},
}
CHOICES = {"data": "digits", "modality": "image", "family": "vae", "lr": 0.004, "limits": {"hours": None}}
FINDING = {"disease": "collapse", "epoch": 12, "step": 340, "seen": "the rate fell to 0.01", "remedy": "a lower lr"}
HOSTILE = '"><script src="http://evil.example/x.js">alert(1)</script>&<img src=x onerror=alert(1)>'


def picture(path: Path, width: int = 20, height: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), "navy").save(path)
    return path


@pytest.fixture
def facts(tmp_path: Path) -> ReportFacts:
    for name in ("losses", "layers"):
        picture(tmp_path / "weights" / f"{name}.png", 900, 200)
    for epoch in range(9):
        picture(tmp_path / "weights" / "previews" / f"epoch_{epoch * 5:04d}.png")
    picture(tmp_path / "samples" / "grid.png", 528, 528)
    return ReportFacts(
        "digits_vae",
        CHOICES,
        METRICS,
        tmp_path / "weights",
        tmp_path / "samples",
        [Illustration("Traversals", picture(tmp_path / "traversals.png"), "One latent at a time.")],
        Listed(("distance", "town"), [("0.01", "Ulm"), ("0.02", "Bern")]),
        {"epochs": 60, "kept_epoch": 48, "training_records": 1294, "findings": [FINDING]},
        {"weights": "9c7369597ea5", "data": "62cd140a3aab"},
    )


class Page(HTMLParser):
    """A page, all of whose elements must be closed in their order, with what it refers to and says."""

    VOID = ("meta", "img", "br", "hr", "link", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_beside_itself(facts: ReportFacts) -> None:
    page = Page(render(facts))
    assert "script" not in page.tags
    assert "link" not in page.tags
    sources = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert len(sources) > 10
    assert all(value.startswith(("data:image/png;base64,", "#")) for value in sources)
    assert not re.search(r"url\(|@import|https?:", page.text)
    targets = {value for _, name, value in page.attributes if name == "id"}
    assert {value[1:] for value in sources if value.startswith("#")} == targets
    images = [name for tag, name, value in page.attributes if tag == "img" and name == "alt" and value]
    assert len(images) == page.tags.count("img")


def test_every_score_stands_in_it_with_all_that_is_known(facts: ReportFacts) -> None:
    page = Page(render(facts))
    for name in [name for name, value in METRICS.items() if isinstance(value, float)]:
        assert name in page.text
        assert meaning(name, "image").text in page.text
    for told in ("0.64", "0.58 to 0.71", "22.1", "\N{MINUS SIGN}170.5", "of_tomorrow", *METRICS["left_out"].values()):
        assert told in page.text
    for told in (
        "collapse",
        "epoch 12, step 340",
        "Try a lower lr.",
        "Ulm",
        "1,294",
        "62cd140a3aab",
        "limits.hours",
        "test split",
    ):
        assert told in page.text


def test_the_same_facts_give_the_same_bytes(facts: ReportFacts, tmp_path: Path) -> None:
    for folder in ("once", "again"):
        write_report(tmp_path / folder, facts)
    once, again = ((tmp_path / folder / "report.html").read_bytes() for folder in ("once", "again"))
    assert once == again
    assert str(tmp_path).encode() not in once


def test_what_people_call_things_is_text_and_nothing_else(facts: ReportFacts, tmp_path: Path) -> None:
    hostile = ReportFacts(
        HOSTILE,
        {**CHOICES, "data": HOSTILE, HOSTILE: HOSTILE, "family": HOSTILE},
        {**METRICS, HOSTILE: 1.0, "left_out": {HOSTILE: HOSTILE}, "protocol": {HOSTILE: HOSTILE}},
        facts.weights,
        facts.samples,
        [Illustration(HOSTILE, picture(tmp_path / "p.png"), HOSTILE)],
        Listed([HOSTILE], [[HOSTILE]]),
        {"findings": [dict.fromkeys(FINDING, HOSTILE)]},
        {HOSTILE: HOSTILE},
    )
    page, harmless = Page(render(hostile)), Page(render(facts))
    assert "script" not in page.tags
    assert set(page.tags) == set(harmless.tags)
    assert {name for _, name, _ in page.attributes} == {name for _, name, _ in harmless.attributes}
    assert page.text.count(HOSTILE) > 12


def test_a_run_with_little_known_has_a_page_too(tmp_path: Path) -> None:
    page = Page(render(ReportFacts("bare", {}, {}, tmp_path / "none", tmp_path / "none")))
    assert "bare" in page.text
    assert "img" not in page.tags
    assert [value for _, name, value in page.attributes if name == "href"] == ["#scores", "#doctor"]
    assert "Neither copying nor the training has been examined." in page.text


def test_the_verdict_says_what_is_amiss(facts: ReportFacts) -> None:
    def told(low: float | None, findings: list[dict[str, Any]] | None) -> tuple[str, str]:
        intervals = {} if low is None else {"copied": [low, low + 0.02]}
        training = {} if findings is None else {"findings": findings}
        metrics = {"copied": 0.02, "intervals": intervals}
        return verdict(ReportFacts("x", {}, metrics, facts.weights, facts.samples, training=training))

    assert told(-0.01, []) == ("good", "Nothing amiss: no sign of copying and no disease found by the doctor.")
    assert told(None, None)[0] == "unknown"
    assert told(-0.01, None) == ("good", "Nothing amiss: no sign of copying. The training was not watched.")
    assert told(None, []) == ("good", "Nothing amiss: no disease found by the doctor. Copying has not been examined.")
    copied = told(0.01, [])
    assert copied == ("bad", "Look twice: samples copy training records (copied: 0.020, 95 % interval 0.010 to 0.030).")
    assert told(0.01, [FINDING, FINDING])[1].endswith("0.010 to 0.030), and the doctor found collapse.")


def test_marks_lie_between_the_ends_of_their_axis(facts: ReportFacts) -> None:
    groups = {group.about: group for group in group_scores(METRICS, "image")}
    rows = {row.name: row for group in groups.values() for row in group.rows}
    marks = {mark.of: mark for mark in rows["frechet"].marks}
    assert list(marks) == ["real", "marginals", "run"]
    assert marks["real"].low == EDGE
    assert marks["marginals"].at == 100 - EDGE
    assert marks["real"].at < marks["run"].low < marks["run"].at < marks["run"].high < marks["marginals"].at
    assert rows["elbo"].marks == ()
    assert groups["resemblance"].baselines == ("real", "marginals")
    assert groups["likelihood"].baselines == ()
    equal = {"missing": 1.0, "detection": 0.7, "baselines": {"real": {"missing": 1.0, "detection": 0.6}}}
    middle, half = sorted(
        (row for group in group_scores(equal, "table") for row in group.rows), key=lambda row: -len(row.name)
    )
    assert {mark.at for mark in half.marks} == {50}
    assert middle.target == EDGE


def test_previews_are_the_first_the_last_and_some_between(facts: ReportFacts) -> None:
    assert [each.caption for each in previews_of(facts.weights)] == [
        "before the training",
        *(f"epoch {epoch}" for epoch in (10, 15, 25, 30, 40)),
    ]


def test_large_pictures_shrink(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 2 * WIDEST, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    shrunk = embed(Illustration("noise", tmp_path / "noise.png", ""))
    assert shrunk.width == WIDEST
    assert len(shrunk.source) < (tmp_path / "noise.png").stat().st_size / 3
    assert (tmp_path / "noise.png").stat().st_size > LARGE
    Image.fromarray(noise[:, :600]).save(tmp_path / "preview.png")
    assert embed(Illustration("preview", tmp_path / "preview.png", ""), thumbnail=True).width == THUMBNAIL
    small = embed(Illustration("small", picture(tmp_path / "small.png"), ""))
    assert small.small
    assert not small.wide


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (-0.00719, "\N{MINUS SIGN}0.00719"), (22.11, "22.1"), (-170.4875, "\N{MINUS SIGN}170"),
     (16.0, "16"), (1294, "1,294"), (True, "True"), (None, ""), ("word", "word"), (float("nan"), "nan"),
     (1e-12, "1.0e-12")],
)  # fmt: skip
def test_numbers_are_shown_with_the_digits_that_matter(value: Any, text: str) -> None:
    assert shown(value) == text


def test_an_interval_says_how_many_decimals_matter() -> None:
    assert decimals(-170.4875, (-174.76, -166.21)) == 1
    assert decimals(0.5, (0.4981, 0.5034)) == 4
    assert shown(-0.004, 2) == "0.00"
    assert decimals(3.0, (3.0, 3.0)) == 2


def test_choices_are_flat() -> None:
    assert flat({"a": {"b": None, "c": {"d": True}}, "e": {}, "f": 0.1 + 0.2, "g": ["x", 1]}) == {
        "a.b": "none",
        "a.c.d": "true",
        "e": "none",
        "f": "0.3",
        "g": "x, 1",
    }


def test_a_training_that_nobody_noted_is_nothing(tmp_path: Path) -> None:
    assert read_training(tmp_path) == {}
    write_json(tmp_path / "training.json", {"kept_epoch": 3, "findings": []})
    assert read_training(tmp_path)["kept_epoch"] == 3


def test_meanings_are_short_lines() -> None:
    for modality in ("image", "table"):
        for name, known in glossary(modality).items():
            assert 10 < len(known.text) < 100, name
            assert not known.text.endswith("."), name
