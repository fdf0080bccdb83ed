"""The exceptions that are shown to people without a traceback."""


class GenloopError(Exception):
    """Input that cannot be worked with; the message names the file, key or row and what to do."""


class Interrupted(GenloopError):
    """Work that ended before its time and can go on; the message says how."""

    def __init__(self, message: str, code: int) -> None:
        """Take the line for people and the exit code."""
        super().__init__(message)
        self.code = code
