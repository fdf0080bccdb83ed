"""How many records that are held out now were trained on before: scores on them flatter whatever was trained then."""

from pathlib import Path
from typing import NamedTuple

from genloop import plugins
from genloop.deliveries.contents import occurrences


class Overlap(NamedTuple):
    """Held-out records, and those of them that equal a training record of before."""

    held_out: int
    seen: int

    def told_of(self, trained: str) -> str:
        """Return in a line what it means for the scores of what was trained on the records of before."""
        told = f"of {self.held_out:,} records that are held out now, {trained} was trained on {self.seen or 'none'}"
        return f"{told}, which flatters it" if self.seen else told


def overlap(modality: str, before: Path, now: Path) -> Overlap:
    """Compare the training records of ``before`` with the held-out ones of ``now``, both prepared folders.

    Raises:
        GenloopError: a folder is damaged.
    """
    trained, held_out = plugins.delivery(modality).split_hashes(before, now)
    return Overlap(len(held_out), int((occurrences(trained, held_out) > 0).sum()))
