"""The exceptions that are shown to people without a traceback."""

LONGEST = 1500  # characters of a line that are shown; a cell of a table may hold millions
KEPT_END = 400  # of these from its end, which says what to do


class GenloopError(Exception):
    """Input that cannot be worked with; the message names the file, key or row and what to do.

    Each argument is a line. What cannot be printed is written as an escape, since names and values in a message come
    from files: a line break or a command to the terminal in one of them must not pass for words of ours.
    """

    def __str__(self) -> str:
        """Return the lines, shortened in their middle where they are too long."""
        return "\n         ".join(_shortened(printable(str(line))) for line in self.args)


class Interrupted(GenloopError):
    """Work that ended before its time and can go on; the message says how."""

    def __init__(self, message: str, code: int) -> None:
        """Take the line for people and the exit code."""
        super().__init__(message)
        self.code = code


class Terminated(BaseException):
    """The system or another person ends this process, which cleans up before it goes."""


def printable(text: str) -> str:
    """Return text on one line: control characters, turns of the direction of writing and broken letters as escapes."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST - KEPT_END]} ... {line[-KEPT_END:]}"
