"""The documentation says what the code does."""

import re
from typing import Any

import pytest
from pydantic import BaseModel

from genloop.config import GanRun, ImageData, VaeRun
from tests.conftest import ROOT


def defaults(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Every key of a model with its default, nested ones with a dot."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= defaults(type(field.default), f"{prefix}{name}.")
        else:
            found[prefix + name] = "stated" if field.is_required() else field.default
    return found


def documented(section: str) -> dict[str, str]:
    text = (ROOT / "docs/params.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, re.MULTILINE))


def written(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


CASES = {
    ImageData: ("data",),
    GanRun: ("runs, both families", "runs with family: gan"),
    VaeRun: ("runs, both families", "runs with family: vae"),
}


@pytest.mark.parametrize("model", CASES)
def test_every_key_is_documented_with_its_default(model: type[BaseModel]) -> None:
    pages = {key: value.strip() for section in CASES[model] for key, value in documented(section).items()}
    assert pages == {key: written(value) for key, value in defaults(model).items() if key != "evaluate.family"} | {
        key: "stated" for key in ("modality", "family") if key in pages
    }


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"
