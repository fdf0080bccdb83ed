"""The summary of a retraining: what a person sees first, pictures, and nothing that files could smuggle in."""

import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from PIL import Image

from genloop.errors import GenloopError
from genloop.illustrations import Illustration
from genloop.retraining import story as stories
from genloop.retraining.gallery import width_of
from genloop.retraining.story import Arrival, Decided, Part, Story, fit, write_story

RULES = ("| rule | holds |", "|---|---|", "| recall | 0.8 |")


def picture(folder: Path, name: str, width: int) -> Path:
    path = folder / name
    Image.new("L", (width, 20)).save(path)
    return path


def written(out: Path, story: Story) -> str:
    write_story(out, story)
    return (out / "summary.md").read_text(encoding="utf-8")


def test_a_promotion(tmp_path: Path) -> None:
    small, wide = picture(tmp_path, "a.png", 100), picture(tmp_path, "b.png", 1200)
    shown = [Illustration("Samples, base", small, "Drawn."), Illustration("Samples, head", small, "Drawn.")]
    story = Story(
        "promoted",
        base="3654f0f",
        head="5325fbb",
        changed={"digits_gan": "changed: data/raw/digits", "digits_vae": "changed: data/raw/digits"},
        trained=("digits_gan",),
        cached=("digits_vae",),
        deliveries=(Arrival("digits", ("400 new records",), broken=False),),
        decisions=(
            Decided("digits", "promoted", "frechet is better", RULES, "digits_vae-13f2581", "digits_gan-878ee41"),
            Decided("cancer", "kept", "", RULES, "", ""),
        ),
        pictures={
            "digits_gan": [*shown, Illustration("Losses", wide, "")],
            "gone": [Illustration("x", tmp_path / "c", "")],
        },
        notes=("pushed",),
    )
    text = written(tmp_path / "out", story)
    lines = text.splitlines()
    assert lines[0] == "## ✅ digits: promoted · ⏸️ cancer: kept"
    assert lines[2] == (
        "`digits_gan-878ee41` is the champion of digits now, in place of `digits_vae-13f2581`: frechet is better."
    )
    assert lines[4] == "cancer has no champion yet."
    assert lines[6] == "base `3654f0f` · head `5325fbb` · trained: digits_gan · from DVC's cache: digits_vae"
    assert text.index("### ✅ The gate of digits: promoted") < text.index("### Pictures") < text.index("<details>")
    assert "| Samples, base | Samples, head |" in text
    links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert links == [f"pictures/digits_gan-{name}.png" for name in ("samples-base", "samples-head", "losses")]
    assert [width_of(tmp_path / "out" / link) for link in links] == [100, 100, 1200]
    assert "*x: there is no such picture.*" in text
    assert "| digits_gan | changed: data/raw/digits | trained |" in text
    assert text.count("<details>") == text.count("</details>") == 3
    assert json.loads((tmp_path / "out/outcome.json").read_text()) == {
        "outcome": "promoted",
        "data": {"digits": "promoted", "cancer": "kept"},
    }
    (tmp_path / "out/mine.txt").touch()
    assert written(tmp_path / "out", story) == text  # the same again, and what else lies there stays
    assert (tmp_path / "out/mine.txt").exists()


@pytest.mark.parametrize(
    ("outcome", "first"),
    [
        ("nothing new", "## ✅ Nothing new: nothing was trained"),
        ("gave way", "## ⏸️ Gave way to another retraining"),
        ("broken delivery", "## ⛔ A delivery is broken: nothing was trained on it (digits)"),
        ("smoke", "## ⛔ Smoke training"),
        ("fault", "## ⛔ Fault"),
    ],
)
def test_an_outcome_without_a_decision(tmp_path: Path, outcome: str, first: str) -> None:
    broken = Arrival("digits", ("| what | told |", "|---|---|", "| pictures | blank |"), broken=True)
    story = Story(outcome, deliveries=(broken,), faults=("digits_gan: out of memory",))
    text = written(tmp_path / "out", story)
    assert text.startswith(f"{first}\n")
    assert "> [!CAUTION]\n> digits_gan: out of memory" in text
    assert "### ⛔ The delivery of digits is broken\n" in text


def test_names_and_values_act_in_no_part_of_it(tmp_path: Path) -> None:
    evil = "x</summary></details><img src=e>![p](https://e.invalid/p.png)|`@all\n\n# title\n<script>"
    pictures = {evil: [Illustration(evil, picture(tmp_path, "a.png", 9), evil)]}
    decided = Decided(evil, evil, evil, [f"| {evil} |"], evil, evil)
    arrivals = [Arrival(evil, [evil], broken=True), Arrival(evil, [evil], broken=False)]
    texts = [
        written(
            tmp_path / name,
            Story(
                outcome, evil, evil, {evil: evil}, [evil], [evil], arrivals, decisions, [evil], pictures, [evil], [evil]
            ),
        )
        for name, outcome, decisions in (("one", "promoted", [decided]), ("two", evil, []))
    ]
    for text in texts:
        page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
        assert not re.findall(r"<(script|h1|/?img src=e)", page)
        assert re.findall(r'<img src="([^"]*)"', page) == [
            "pictures/" + path for path in re.findall(r"pictures/(x-[\w-]+\.png)", text)
        ]
        assert page.count("<details>") == page.count("</details>") == page.count("</summary>") == 3
        assert "@all" not in re.sub(r"<code>.*?</code>", "", page)  # in code nobody is called
        assert all(re.fullmatch(r"[a-z0-9_-]+\.png", path.name) for path in (tmp_path / "one/pictures").iterdir())


def test_a_page_that_would_be_too_long_says_what_it_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"| {row} | €€€ |" for row in range(1000)]
    parts = [Part(rows, ("### long", "")), Part(["end"], ("<details>",), ("</details>",))]
    assert fit(parts, 10**6).count("\n") > 1000
    text = fit(parts, 5000)
    assert len(text.encode()) <= 5000
    left = re.search(r"\*(\d+) lines are left out here, for the page would be too long\.\*", text)
    assert left is not None
    assert int(left[1]) == 1000 - text.count("€€€")
    assert text.endswith("<details>\nend\n</details>\n\n")
    monkeypatch.setattr(stories, "LARGEST", 3000)
    story = Story("kept", notes=["x" * 300] * 100, decisions=[Decided("digits", "kept", "", rows, "a", "a")])
    text = written(tmp_path / "out", story)
    assert len(text.encode()) <= 3000
    assert text.startswith("## ⏸️ digits: kept\n\n`a` stays the champion of digits.\n")
    assert text.count("left out here") == 1 + ("<details>" in text)


def test_pictures_of_others_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/holiday.png").touch()
    with pytest.raises(GenloopError, match="holds other files than pictures of a retraining"):
        write_story(tmp_path, Story("nothing new"))
    assert list(tmp_path.iterdir()) == [tmp_path / "pictures"]
