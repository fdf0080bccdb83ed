"""How long a training goes on, and its learning rate on the way."""

import math
from collections.abc import Callable


def resolve_epochs(epochs: int | None, records_seen: int, records: int, least: int = 10, most: int = 1000) -> int:
    """Return ``epochs``, or as many as show about ``records_seen`` records, between ``least`` and ``most``."""
    return epochs or min(max(round(records_seen / records), least), most)


def learning_rate(steps: int, warmup: float, final: float, shape: str) -> Callable[[int], float]:
    """Return the factor on the learning rate by step.

    Args:
        steps: of the whole training.
        warmup: share of the steps over which the factor rises in a straight line.
        final: the factor at the last step.
        shape: of the way from 1 to ``final``: ``linear`` or ``cosine`` (half a period).
    """
    warm = warmup * steps

    def factor(step: int) -> float:
        if step < warm:
            return rising(step, warm)
        done = min((step - warm) / max(steps - 1 - warm, 1), 1.0)
        return final + (1 - final) * (1 - done if shape == "linear" else 0.5 * (1 + math.cos(math.pi * done)))

    return factor


def rising(step: int, steps: float) -> float:
    """Return a factor that rises in a straight line to 1 over the first ``steps``."""
    return min((step + 1) / steps, 1.0) if steps else 1.0
