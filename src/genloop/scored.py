"""What scoring a folder of samples finds."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from genloop.copying import Copying
from genloop.illustrations import Illustration, Listed
from genloop.intervals import Figures, Part, with_intervals


@dataclass(frozen=True)
class Scored:
    """Figures of a run with what is shown beside them."""

    figures: Figures
    baselines: dict[str, Any]  # figures of records that nobody trained for, by their name
    protocol: dict[str, Any]  # how all were taken
    suspicious: Illustration | Listed | None = None  # the samples nearest to training records, beside these


def copying_figures(found: Copying, seed: int) -> Figures:
    """Return how much is copied and how near training records are, with the median distances behind it."""
    shares = {"copied": found.copied, "closer_than_held_out": found.closer}
    scores = {name: share.value for name, share in shares.items()}
    figures = Figures(scores, {name: (share.low, share.high) for name, share in shares.items()})
    sides = {"distance": found.neighbors.distances[:, 0], "distance_of_held_out": found.honest[:, 0]}

    def medians(part: Part) -> dict[str, float]:
        return {name: float(np.median(side[part.of(len(side))])) for name, side in sides.items()}

    sizes = (len(found.neighbors.distances), len(found.honest))
    return figures | with_intervals(medians, sizes, dict.fromkeys(sides, (0.0, math.inf)), seed)
