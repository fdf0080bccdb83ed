"""Whether new records repeat others more often than known ones do."""

import numpy as np
from jaxtyping import Int

from genloop.deliveries.chances import more
from genloop.deliveries.contents import Known, New, Repeats, repeats_of_known, repeats_of_new
from genloop.deliveries.findings import Trial

KnownPlaces = Int[np.ndarray, " known_looked"]
NewPlaces = Int[np.ndarray, " new_looked"]


def repeated(known: Known, new: New, known_places: KnownPlaces, new_places: NewPlaces, what: str) -> list[Trial]:
    """Return tests of all new records against all known ones, counted where they are looked at.

    A known record that repeats another stands for what is usual. A batch that came twice repeats known records, and
    one from a device that is stuck repeats itself.
    """
    sides = {"a known one": repeats_of_known(known, new), "another new one": repeats_of_new(known, new)}
    return [_trial(found, whose, known_places, new_places, what) for whose, found in sides.items()]


def _trial(found: Repeats, whose: str, known_places: KnownPlaces, new_places: NewPlaces, what: str) -> Trial:
    known, new = found.known[known_places], found.new[new_places]
    tested = more((int(known.sum()), len(known)), (int(new.sum()), len(new)))
    told = f"{new.mean():.1%} of the new {what} repeat {whose}, as {known.mean():.1%} of the known ones do"
    return Trial(
        what, told, "Fisher's exact test", f"{int(new.sum())} of {len(new)}", tested.p, tested.effect, "repeats"
    )
