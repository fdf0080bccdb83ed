"""The documentation says what the code does."""

import re
from typing import Any

import pytest
from pydantic import BaseModel

from genloop.choices import ImageData, TableData
from genloop.config import ImageGanRun, ImageVaeRun, TableGanRun, TableVaeRun
from genloop.gate.choices import Gate
from tests.conftest import ROOT


def defaults(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Every key of a model with its default, nested ones with a dot."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= defaults(type(field.default), f"{prefix}{name}.")
        else:
            found[prefix + name] = "stated" if field.is_required() else field.get_default(call_default_factory=True)
    return found


def documented(section: str) -> dict[str, str]:
    text = (ROOT / "docs/params.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, re.MULTILINE))


def written(value: Any) -> str:
    if value is None or value in ({}, ()):
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


FIXED = ("evaluate.family", "sample.family", "sample.modality")  # told by the run
CASES: dict[type[BaseModel], tuple[str, ...]] = {
    ImageData: ("data of pictures",),
    TableData: ("data of tables",),
    Gate: ("gate of a data set", "gate of a data set: drift"),
    ImageGanRun: ("runs", "runs with family: gan", "runs on pictures"),
    ImageVaeRun: ("runs", "runs with family: vae", "runs on pictures", "runs on pictures, family: vae"),
    TableGanRun: ("runs", "runs with family: gan", "runs on tables", "runs on tables, family: gan"),
    TableVaeRun: ("runs", "runs with family: vae", "runs on tables", "runs on tables, family: vae"),
}


@pytest.mark.parametrize("model", CASES)
def test_every_key_is_documented_with_its_default(model: type[BaseModel]) -> None:
    pages = {key: value.strip() for section in CASES[model] for key, value in documented(section).items()}
    assert pages == {key: written(value) for key, value in defaults(model).items() if key not in FIXED} | {
        key: "stated" for key in ("modality", "family") if key in pages
    }


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"
