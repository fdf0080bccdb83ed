"""What a network may refuse once: tried again with a bound, then told in one line."""

import time
from collections.abc import Callable
from typing import TypeVar

from genloop.errors import GenloopError

T = TypeVar("T")
PAUSES = (1.0, 4.0)  # seconds before the second and the third try


class Unreachable(Exception):
    """A try that failed and may succeed a moment later; the message is for people."""


def retried(what: str, work: Callable[[], T]) -> T:
    """Return what the work comes to; it must be such that doing it twice is as once.

    Raises:
        GenloopError: each try was :class:`Unreachable`.
    """
    for pause in PAUSES:
        try:
            return work()
        except Unreachable:
            time.sleep(pause)
    try:
        return work()
    except Unreachable as error:
        tries = len(PAUSES) + 1
        raise GenloopError(f"{what} failed {tries} times ({error}); say the same again when it answers") from None
