"""Explosion: a loss or a gradient far beyond what was usual in its own training."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Peak(NamedTuple):
    """The largest value of an epoch in terms of what is usual."""

    what: str
    step: int  # of the epoch
    value: float
    times: float


LOSS, SLOPE = 20.0, 300.0  # times the usual at which a loss and the norm of a gradient have exploded
LEAST = {"loss": 1.0, "gradient": 1e-3}  # that is usual at least: a nat, a logit


class Usual:
    """What is usual in a training: the larger of a quantity's first value and the median of its epochs so far."""

    def __init__(self) -> None:
        self.firsts: dict[str, float] = {}
        self.medians: dict[str, list[float]] = {}

    def look(self, values: dict[str, list[tuple[int, float]]]) -> list[Peak]:
        """Return the peak of each quantity of an epoch, [(step, value)] by name, and learn what is usual."""
        return [self._peak(what, steps) for what, steps in values.items() if steps]

    def _peak(self, what: str, steps: list[tuple[int, float]]) -> Peak:
        sizes = [abs(value) for _, value in steps]
        before = self.medians.setdefault(what, [])
        first = self.firsts.setdefault(what, sizes[0])
        usual = max(first, statistics.median(before) if before else 0.0, LEAST[what.split()[-1]])
        before.append(statistics.median(sizes))
        place = max(range(len(sizes)), key=lambda place: sizes[place])
        return Peak(what, steps[place][0], steps[place][1], sizes[place] / usual)


def exploded(peaks: Sequence[Peak]) -> Peak | None:
    """Return the worst of the peaks that are beyond everything usual, if any is."""
    beyond = [peak for peak in peaks if peak.times > (LOSS if peak.what.endswith("loss") else SLOPE)]
    return max(beyond, key=lambda peak: peak.times, default=None)
