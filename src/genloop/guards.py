"""What raw data may not do: swell to fill memory or disk, lead out of its folder, bear a name that deceives."""

import unicodedata
from pathlib import Path
from typing import Any

from genloop.errors import GenloopError

HARMLESS = 2**26  # bytes that anything may grow to
HARMLESS_TEXT = 2**24  # the same of text, whose columns take forty times as much memory for a while
MOST_TIMES = 200  # its packed size: ten times what pictures and tables reach, a fifth of what zeros do by DEFLATE
LONGEST = 500  # characters of a name; questions of a survey are columns, too
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # show a name as another than it is
REFUSED = {"Cc": "a control character", "Cs": "a byte that is no UTF-8", "Zl": "a line break", "Zp": "a line break"}


def check_growth(path: Path, unpacked: int, harmless: int = HARMLESS) -> None:
    """Refuse a file that says that it holds, or turns out to hold, far more than data of its size does.

    Raises:
        GenloopError: names the file.
    """
    packed = path.stat().st_size
    if unpacked > max(harmless, MOST_TIMES * packed):
        grown = f"{unpacked / 2**20:,.0f} MiB or more from {packed / 2**20:,.1f} MiB"
        remedy = "get it anew, or if you trust it, unpack it yourself or write it as CSV"
        raise GenloopError(f"{path}: unpacks to {grown}, which no pictures or tables do; {remedy}")


class Watched:
    """A stream of unpacked text of a file that stops where it grows to far more than data does."""

    closed = False

    def __init__(self, stream: Any, path: Path) -> None:
        self.stream, self.path, self.count = stream, path, 0

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes.

        Raises:
            GenloopError: the file has grown too much.
        """
        block: bytes = self.stream.read(size)
        self.count += len(block)
        check_growth(self.path, self.count, HARMLESS_TEXT)
        return block


def check_stays(path: Path, folder: Path) -> None:
    """Refuse a link that leads out of a folder, which would bring in what nobody put there.

    The folder itself may be a link: that is how people keep data elsewhere.

    Raises:
        GenloopError: names the link.
    """
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        remedy = "put the file itself there ('dvc unprotect' does, where the link is one of DVC's)"
        raise GenloopError(f"{path}: is a link that leads out of the folder; {remedy}")


def fault_of(name: str) -> str | None:
    """Return what is wrong with a name in words, as in ``holds a control character``; it ends up in pages and logs."""
    if len(name) > LONGEST:
        return f"has {len(name):,} characters, more than {LONGEST}"
    if name.isprintable():
        return None
    for letter in name:
        if letter in DIRECTIONS:
            return "holds a mark that turns the direction of writing"
        if told := REFUSED.get(unicodedata.category(letter)):
            return f"holds {told}"
    return None
