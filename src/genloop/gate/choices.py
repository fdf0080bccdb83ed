"""What ``gate:`` in ``params.yaml`` may say of a data set."""

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from genloop.choices import Choices, Count
from genloop.deliveries.choices import Drift

PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
RANKS = {"image": ("frechet", "kid"), "table": ("detection", "shapes")}  # where nothing is said, the first there is


def _check_margin(value: Any) -> float | str | None:
    """Check a margin, a number or a percentage; one check for both, so that a fault is told once."""
    if value is None:
        return value
    if isinstance(value, str) and (percent := PERCENT.fullmatch(value)) and math.isfinite(float(percent[1])):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    raise PydanticCustomError("margin", "Input should be a number from 0 on, or a percentage as in '2 %'")


class Limit(Choices):
    """What is asked of a score."""

    at_least: float | None = None
    at_most: float | None = None
    # The margin by which it may be worse than the champion's: of the score, or in percent of the champion's.
    not_worse_by: Annotated[float | str | None, BeforeValidator(_check_margin)] = None

    @model_validator(mode="after")
    def _asks_what_can_be(self) -> "Limit":
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least: {self.at_least:g} lies above at_most: {self.at_most:g}; no score is both")
        if self.at_least is None and self.at_most is None and self.not_worse_by is None:
            raise PydanticCustomError("limit", "Input should state at_least, at_most or not_worse_by")
        return self

    def margin(self, champion: float) -> float:
        """Return by how much the score may be worse than the champion's; nothing where nothing is said."""
        if isinstance(self.not_worse_by, str):
            return float(self.not_worse_by.rstrip(" %")) / 100 * abs(champion)
        return self.not_worse_by or 0.0


def _as_limit(value: Any) -> Any:
    """Tell what a limit looks like to who wrote a number alone, which could be either end."""
    if isinstance(value, dict | Limit):
        return value
    raise PydanticCustomError("limit", "Input should be keys with values, as in {at_least: 0.6}")


class Gate(Choices):
    """What a challenger must fulfil to become the champion of a data set."""

    seeds: Count = 1  # fewest with which a challenger must have been trained
    # The score that ranks candidates and must get better; None: frechet, of few pictures kid, of tables detection.
    rank: str | None = None
    ties: Literal["keep", "promote"] = "keep"  # what becomes of a challenger that is neither better nor worse
    scores: dict[str, Annotated[Limit, BeforeValidator(_as_limit)]] = Field(default_factory=dict)
    drift: Drift = Drift()

    def faults(self, ways: Mapping[str, str]) -> list[str]:
        """Return what cannot be asked of the scores of a data set, a line each that begins with its key.

        Args:
            ways: which way each score is better; nothing where neither way is.
        """
        stated = [("rank", self.rank, True)] if self.rank else []
        stated += [(f"scores.{score}", score, limit.not_worse_by is not None) for score, limit in self.scores.items()]
        found = [_fault(key, score, compared, ways) for key, score, compared in stated]
        return [fault for fault in found if fault]

    def ranked_by(self, modality: str) -> str:
        """Return the score by which candidates are ranked."""
        return self.rank or RANKS[modality][0]

    def resolved(self, modality: str, scored: Sequence[Collection[str]]) -> "Gate":
        """Return the gate with a score that ranks: as stated, or else the first of the usual ones that all runs have.

        Of few pictures there is no Frechet distance.
        """
        usual = RANKS[modality]
        rank = self.rank or next((name for name in usual if all(name in scores for scores in scored)), usual[0])
        return self.model_copy(update={"rank": rank})


def _fault(key: str, score: str, compared: bool, ways: Mapping[str, str]) -> str:
    if score == "copied":
        return f"{key}: copying is refused without any rule; remove it, or name another score"
    if score not in ways:
        similar = difflib.get_close_matches(score, ways, n=1)
        remedy = f"did you mean '{similar[0]}'?" if similar else f"known: {', '.join(sorted(ways))}"
        return f"{key}: there is no score '{score}'; {remedy}"
    if compared and not ways[score]:
        if key == "rank":
            return f"{key}: neither way of '{score}' is better; name another score"
        return f"{key}.not_worse_by: neither way of '{score}' is better; state at_least or at_most"
    return ""
