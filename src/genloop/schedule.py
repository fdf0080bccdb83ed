"""How long a training goes on, and its learning rate on the way."""

from collections.abc import Callable


def resolve_epochs(epochs: int | None, records_seen: int, records: int) -> int:
    """Return ``epochs``, or as many as show about ``records_seen`` records, between 10 and 1,000."""
    return epochs or min(max(round(records_seen / records), 10), 1000)


def linear_decay(steps: int, final: float) -> Callable[[int], float]:
    """Return the factor on the learning rate by step: a straight line from 1 at the first to ``final`` at the last."""
    return lambda step: 1 - (1 - final) * min(step / max(steps - 1, 1), 1.0)
