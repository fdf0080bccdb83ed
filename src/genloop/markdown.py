"""Text of others inside Markdown: names and values from files stay text, whatever they hold."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from genloop.errors import printable

NOTHING = "\N{ZERO WIDTH SPACE}"  # is not seen, and parts what would otherwise act together
MARKS = re.compile(
    r"[\\`*{}\[\]|<>&~$^#!]|(?<![^\W_])_|_(?![^\W_])"
)  # mean something within a line; _ not within a word
BEGINS = re.compile(r"[-+](\s|$)|--|=|\d+[.)]")  # mean something where a line begins
# GitHub and GitLab make links and messages of these wherever they stand outside of code, escaped or not.
CALLS = re.compile(
    r"(@|&#64;|&#x40;|&commat;|(?<!&)#(?=\d)|&#35;|&#x23;|&num;|[!%~$](?=\d)|&(?=\d)|\bGH-(?=\d)|://|\bwww\.)",
    re.IGNORECASE,
)
HTML = re.compile(r"<(?=[a-z/!?])", re.IGNORECASE)
PICTURE = re.compile(r"!(?=\[)")
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")  # breaks, commands, turns of the direction
LONGEST = 300  # letters of a name or value


def plain(text: object, longest: int = LONGEST) -> str:
    """Return a text of any origin as Markdown that shows just this text, on one line."""
    line = _line(text, longest)
    return NOTHING * bool(BEGINS.match(line)) + _uncalled(MARKS.sub(r"\\\g<0>", line))


def code(text: object, longest: int = LONGEST) -> str:
    """Return a text of any origin as code within a line, or within a cell of a table."""
    line = _line(text, longest).replace("`", "'").replace("|", "\N{BROKEN BAR}")
    return f"`{line}`" if line else ""


def in_html(text: object, longest: int = LONGEST) -> str:
    """Return a text of any origin for a tag of HTML, in which Markdown does not hold."""
    return _uncalled(escape(_line(text, longest), quote=False))


def harmless(line: str) -> str:
    """Return a line of Markdown that may hold names from files, without HTML, pictures, and calls of people."""
    kept = UNSEEN.sub(" ", line).encode("utf-8", "replace").decode()
    return _uncalled(PICTURE.sub(f"!{NOTHING}", HTML.sub(f"<{NOTHING}", kept)))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Return the lines of a table; its cells are Markdown, and ``right`` names the columns of numbers."""
    numbers = set(right)
    rule = ["--:" if place in numbers else "---" for place in range(len(header))]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def _line(text: object, longest: int) -> str:
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


def _uncalled(line: str) -> str:
    return CALLS.sub(rf"\1{NOTHING}", line)
