"""The facts of a run -> ``report.html``, one file that holds all it shows."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genloop.glossary import BASELINES
from genloop.illustrations import Illustration, Listed
from genloop.report.embedded import embed, templates
from genloop.report.facts import ReportFacts
from genloop.report.numbers import decimals, flat, shown
from genloop.report.scores import group_scores, headline, interval_of, spoken

PLATEAU = "plateau"  # a finding that says what the training could have been spared, and no disease
PREVIEWS = 6  # of a training, evenly from the first to the last
SAMPLES = {  # pictures that the modalities draw of samples
    "grid": ("Samples", "Drawn when the training was over, none picked out."),
    "associations": (
        "How columns hang together",
        "Cramér's V of every two columns: training rows, samples, difference.",
    ),
}
SECTIONS = {
    "samples": "Samples",
    "scores": "Scores",
    "copying": "Copying",
    "doctor": "Doctor",
    "previews": "Over the training",
    "curves": "Curves",
    "pictures": "Inside the model",
    "choices": "Choices",
    "identity": "Identity",
}


def write_report(folder: Path, facts: ReportFacts) -> None:
    """Write ``report.html``, the same bytes for the same facts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(render(facts), encoding="utf-8")


def render(facts: ReportFacts) -> str:
    """Return the page."""
    pages = templates(Path(__file__).parent)
    pages.filters["shown"] = shown
    modality = str(facts.choices.get("modality", ""))
    groups = group_scores(facts.metrics, modality)
    content: dict[str, Any] = {
        "facts": facts,
        "verdict": verdict(facts),
        "samples": [embed(picture) for picture in samples_of(facts.samples)],
        "groups": {group.about: group for group in groups},
        "headline": headline(row for group in groups for row in group.rows),
        "left_out": facts.metrics.get("left_out", {}),
        "baselines": BASELINES.get(modality, {}),
        "suspicious": embed(facts.suspicious) if isinstance(facts.suspicious, Illustration) else None,
        "pairs": facts.suspicious if isinstance(facts.suspicious, Listed) else None,
        "previews": [embed(picture, thumbnail=True) for picture in previews_of(facts.weights)],
        "curves": [embed(picture) for picture in curves_of(facts.weights)],
        "pictures": [embed(picture) for picture in facts.illustrations],
        "choices": flat(facts.choices),
        "protocol": flat({key: how for key, how in facts.metrics.get("protocol", {}).items() if how}),
    }
    content["sections"] = {key: title for key, title in SECTIONS.items() if _shown(key, content)}
    return pages.get_template("page.html.jinja").render(content)


def _shown(section: str, content: dict[str, Any]) -> bool:
    """Return whether there is anything to show in a section; of scores and of the doctor also that there is nothing."""
    held = {
        "copying": "copying" in content["groups"] or content["suspicious"] or content["pairs"],
        "identity": content["facts"].identity or content["protocol"],
    }
    return section in ("scores", "doctor") or bool(held.get(section, content.get(section)))


def verdict(facts: ReportFacts) -> tuple[str, str]:
    """Return whether anything is amiss, ``bad``, ``good`` or ``unknown``, and a sentence that says what."""
    copied, findings = interval_of(facts.metrics, "copied"), facts.training.get("findings")
    amiss = []
    if copied and copied[0] > 0:
        places = decimals(facts.metrics["copied"], copied)
        value, reach = shown(facts.metrics["copied"], places), spoken(copied, places)
        amiss.append(f"samples copy training records (copied: {value}, 95 % interval {reach})")
    diseases = [str(found.get("disease", "a disease")) for found in findings or ()]
    if named := ", ".join(dict.fromkeys(disease for disease in diseases if disease != PLATEAU)):
        amiss.append(f"the doctor found {named}")
    if amiss:
        return "bad", f"Look twice: {', and '.join(amiss)}."
    found = ["no sign of copying"] * (copied is not None) + ["no disease found by the doctor"] * (findings is not None)
    if not found:
        return "unknown", "Neither copying nor the training has been examined."
    missing = " Copying has not been examined." * (copied is None) + " The training was not watched." * (
        findings is None
    )
    return "good", f"Nothing amiss: {' and '.join(found)}.{missing}"


def samples_of(folder: Path) -> list[Illustration]:
    """Return the pictures of samples, the known ones first."""
    paths = {path.stem: path for path in sorted(folder.glob("*.png"))}
    known = [Illustration(title, paths.pop(stem), text) for stem, (title, text) in SAMPLES.items() if stem in paths]
    return known + [Illustration(stem.replace("_", " "), path, "") for stem, path in paths.items()]


def previews_of(weights: Path) -> list[Illustration]:
    """Return pictures of the same latents, from before the training to its end."""
    paths = sorted((weights / "previews").glob("*.png"))
    chosen = _evenly(paths, PREVIEWS)
    epochs = [int(found[0]) if (found := re.findall(r"\d+", path.stem)) else 0 for path in chosen]
    words = [f"epoch {epoch}" if epoch else "before the training" for epoch in epochs]
    return [Illustration(text, path, text) for text, path in zip(words, chosen, strict=True)]


def _evenly(paths: Sequence[Path], most: int) -> list[Path]:
    """Return the first, the last and as many as fit between them."""
    if len(paths) <= most:
        return list(paths)
    return [paths[round(place * (len(paths) - 1) / (most - 1))] for place in range(most)]


def curves_of(weights: Path) -> list[Illustration]:
    """Return the curves of losses and of layers, as far as they were drawn."""
    known = (
        Illustration("Losses", weights / "losses.png", "The mean of each epoch."),
        Illustration(
            "Layers",
            weights / "layers.png",
            "Norm and deviation of weights, biases and gradients at the end of each epoch, a line for each layer.",
        ),
    )
    return [curve for curve in known if curve.path.exists()]
