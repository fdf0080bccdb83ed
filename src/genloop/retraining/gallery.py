"""Pictures of a summary: copied under names that any file system and any page takes, small ones beside each other."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from genloop.illustrations import Illustration
from genloop.markdown import plain, table

NARROW = 700  # pixels: two of at most this width stand side by side
BESIDE = 2
LONGEST = 60  # letters of a file's name


class Gallery:
    """A folder that pictures are copied to, and the Markdown that shows them."""

    def __init__(self, folder: Path, link: str) -> None:
        """Take an empty folder, and how it is called in links."""
        self.folder, self.link = folder, link

    def lines(self, name: str, pictures: Sequence[Illustration]) -> list[str]:
        """Copy the pictures of a run, and return the Markdown lines that show them."""
        lines, row = list[str](), list[tuple[Illustration, str]]()
        for picture in pictures:
            width = width_of(picture.path)
            if width is None:
                lines += [f"*{plain(picture.title)}: there is no such picture.*", ""]
                continue
            copied = self._copy(name, picture)
            if width > NARROW:
                lines += _side_by_side(row)
                row = []
                lines += [copied, "", *_caption(": ".join(filter(None, (picture.title, picture.caption))))]
                continue
            row.append((picture, copied))
            if len(row) == BESIDE:
                lines += _side_by_side(row)
                row = []
        return [*lines, *_side_by_side(row)]

    def _copy(self, name: str, picture: Illustration) -> str:
        stem = re.sub(r"[^a-z0-9_]+", "-", f"{name}-{picture.title}".lower())[:LONGEST].strip("-")
        file, number = self.folder / f"{stem}.png", 1
        while file.exists():
            number += 1
            file = self.folder / f"{stem}-{number}.png"
        shutil.copyfile(picture.path, file)
        return f"![{plain(picture.title)}]({self.link}/{file.name})"


def width_of(path: Path) -> int | None:
    """Return the width of a PNG file in pixels; None of anything else."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return int(picture.width)
    except (OSError, ValueError):
        return None


def _side_by_side(row: Sequence[tuple[Illustration, str]]) -> list[str]:
    if not row:
        return []
    header = [plain(picture.title) for picture, _ in row]
    captions = [caption for picture, _ in row for caption in _caption(picture.caption)]
    return [*table(header, [[copied for _, copied in row]]), "", *dict.fromkeys(captions), *([""] * bool(captions))]


def _caption(text: str) -> list[str]:
    return [f"*{plain(text)}*", ""] if text else []
