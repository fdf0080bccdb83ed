"""What scoring a folder of samples finds."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from genloop.copying import Copying
from genloop.illustrations import Illustration, Listed
from genloop.intervals import Figures, Part, with_intervals

COPYING = ("copied", "closer_than_held_out", "distance", "distance_of_held_out")
FEWEST_TRAINING = 3  # records: a left-out one needs a nearest one and a next one
FEWEST_COMPARED = 2  # records that are compared with training records: an interval needs a deviation
FEWEST_HONEST, FEWEST_COUNTED = 100, 50  # honest records, and compared ones, of which a share of copies is taken


@dataclass(frozen=True)
class Scored:
    """Figures of a run with what is shown beside them."""

    figures: Figures
    baselines: dict[str, Any]  # figures of records that nobody trained for, by their name
    protocol: dict[str, Any]  # how all were taken
    suspicious: Illustration | Listed | None = None  # the samples nearest to training records, beside these


def find_copies(
    judge: Callable[[], Copying], training: int, compared: int, seed: int
) -> tuple[Copying | None, Figures]:
    """Return what is found of copies with its figures: nothing, and the reason, where there are too few records.

    Args:
        judge: looks for copies.
        training: number of training records.
        compared: number of records that are compared with them.
        seed: keys the parts that intervals come from.
    """
    for count, kind, least in (
        (training, "training records", FEWEST_TRAINING),
        (compared, "records to compare with training records", FEWEST_COMPARED),
    ):
        if count < least:
            reason = f"{count} {kind} are too few, at least {least} are needed"
            return None, Figures(left_out=dict.fromkeys(COPYING, reason))
    found = judge()
    return found, copying_figures(found, seed)


def copying_figures(found: Copying, seed: int) -> Figures:
    """Return how much is copied and how near training records are, with the median distances behind it.

    Of few records ``copied`` is left out: one that is near by chance would be a large share.
    """
    shares, out = {"copied": found.copied, "closer_than_held_out": found.closer}, dict[str, str]()
    if found.honest_records < FEWEST_HONEST or found.records < FEWEST_COUNTED:
        del shares["copied"]
        counts = f"{found.records} records beside {found.honest_records} honest ones"
        least = f"at least {FEWEST_COUNTED} and {FEWEST_HONEST} are needed"
        out["copied"] = f"a share of copies cannot be told from chance among {counts}; {least}"
    scores = {name: share.value for name, share in shares.items()}
    figures = Figures(scores, {name: (share.low, share.high) for name, share in shares.items()}, out)
    sides = {"distance": found.neighbors.distances[:, 0], "distance_of_held_out": found.honest[:, 0]}

    def medians(part: Part) -> dict[str, float]:
        return {name: float(np.median(side[part.of(len(side))])) for name, side in sides.items()}

    sizes = (len(found.neighbors.distances), len(found.honest))
    return figures | with_intervals(medians, sizes, dict.fromkeys(sides, (0.0, math.inf)), seed)
