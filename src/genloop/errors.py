"""The one exception that is shown to people without a traceback."""


class GenloopError(Exception):
    """Input that cannot be worked with; the message names the file, key or row and what to do."""
