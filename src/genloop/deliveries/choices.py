"""How far new data may drift from the champion's before nothing is trained on it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from genloop.choices import Choices, Share


def _as_tuple(value: Any) -> Any:
    """Take a list of YAML."""
    return tuple(value) if isinstance(value, list) else value


class Drift(Choices):
    """Limits of drift of a data set: what is more than chance and beyond its limit stops a retraining.

    Shift has one limit for columns and pictures, since its three measures are one: if a share of the new records comes
    from elsewhere, none of them can be larger than that share. ``docs/deliveries.md`` has what these limits catch.
    """

    # Chance that an honest delivery is told of at all, over all of its tests: one false word in three years of days.
    level: Share = 0.001
    # Kolmogorov's distance, total variation, or twice the area under the ROC curve minus 1: a fifth of the new records
    # is not like the known ones. Less is the drift of a real source.
    shift: Share = 0.2
    # Share of new records with what no known one has: a value, a number beyond all others, an odd or a flat picture.
    strange: Share = 0.02
    missing: Share = 0.05  # by which the share of missing values may change
    repeats: Share = 0.1  # of new records that repeat others, beyond what known ones do: a batch that came twice
    fewer: Share = 0.5  # of the known number of records that must be left: a file that broke off
    # Columns, ``classes`` or ``pictures`` that are expected to move: told, but nothing stops for them.
    moving: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_as_tuple)] = ()
