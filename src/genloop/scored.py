"""What scoring a folder of samples finds."""

from dataclasses import dataclass
from typing import Any

from genloop.illustrations import Illustration, Listed
from genloop.intervals import Figures


@dataclass(frozen=True)
class Scored:
    """Figures of a run with what is shown beside them."""

    figures: Figures
    baselines: dict[str, Any]  # figures of records that nobody trained for, by their name
    protocol: dict[str, Any]  # how all were taken
    suspicious: Illustration | Listed | None = None  # the samples nearest to training records, beside these
