"""Pictures and tables with a title, as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Illustration(NamedTuple):
    """A PNG file and what it shows, in words."""

    title: str
    path: Path
    caption: str


@dataclass(frozen=True)
class Listed:
    """Rows in words, under headers."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
