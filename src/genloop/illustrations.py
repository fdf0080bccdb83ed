"""Pictures with a title and a caption, as pages show them."""

from pathlib import Path
from typing import NamedTuple


class Illustration(NamedTuple):
    """A PNG file and what it shows, in words."""

    title: str
    path: Path
    caption: str
