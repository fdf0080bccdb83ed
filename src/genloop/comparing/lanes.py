"""The runs of a sheet, each with a letter and a color, and what can stand on one sheet at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from genloop.errors import GenloopError
from genloop.reading import read_json
from genloop.references.reference import Reference
from genloop.report.numbers import flat

COLORS = (  # apart for eyes that see few colors, on white and on black
    "#3b76c4", "#d9691e", "#1f9a78", "#b858a8", "#a88a00", "#45a5cf", "#9a5b43", "#7d8594", "#7a63d2", "#6f9a2e",
    "#c94f6d", "#4d8a8f",
)  # fmt: skip
MOST = len(COLORS)
NOWHERE = "\N{EN DASH}"  # a choice that a run's family has not
COUNTED = {
    "counts",
    "class_counts",
    "group_counts",
    "associations",
}  # of a schema: what was found, not what a record is


@dataclass(frozen=True)
class Lane:
    """A run on a sheet."""

    letter: str
    color: str
    reference: Reference

    @property
    def label(self) -> str:
        """How the run was called."""
        return self.reference.label

    @property
    def titled(self) -> str:
        """The letter and the run."""
        return f"{self.letter} {self.label}"


def lanes_of(references: Sequence[Reference]) -> list[Lane]:
    """Return the runs of a sheet.

    Raises:
        GenloopError: they are too many, or of unlike data sets, or what they draw are unlike records.
    """
    if len(references) > MOST:
        raise GenloopError(f"{len(references)} runs are too many for one sheet; name at most {MOST}")
    first = references[0]
    for other in references[1:]:
        if (first.data, first.modality) != (other.data, other.modality):
            sides = [f"{side.label} is of '{side.data}' ({side.modality})" for side in (first, other)]
            raise GenloopError(f"{' and '.join(sides)}: one sheet shows runs of one data set; name those")
        if unlike := _unlike(first, other):
            told = f"the data set '{first.data}' was prepared otherwise for them ({unlike} of a record differ)"
            raise GenloopError(f"{first.label} and {other.label}: {told}; train one of them anew")
    return [Lane(chr(ord("A") + place), COLORS[place], reference) for place, reference in enumerate(references)]


def _unlike(first: Reference, other: Reference) -> str:
    """Return in which words two runs' schemas say different things of what a record is."""
    sides = [read_json(side.weights / "schema.json") for side in (first, other)]
    names = sorted((sides[0].keys() | sides[1].keys()) - COUNTED)
    return ", ".join(name for name in names if sides[0].get(name) != sides[1].get(name))


def differing(lanes: Sequence[Lane]) -> dict[str, list[str]]:
    """Return the choices of training that are not the same for all runs, flat, with the value of each run."""
    choices = [flat(lane.reference.choices.model_dump()) for lane in lanes]
    names = dict.fromkeys(name for side in choices for name in side)
    values = {name: [side.get(name, NOWHERE) for side in choices] for name in names}
    return {name: sides for name, sides in sorted(values.items()) if len(set(sides)) > 1}


def identities(lane: Lane) -> dict[str, str]:
    """Return what a run is made of, by name; what is not known is said so."""
    origin = lane.reference.origin
    commit = f"{origin.commit}{' with changes that no commit has' if origin.changed else ''}" if origin.commit else None
    known = {
        "weights": lane.reference.weights_hash,
        "Git revision": commit or "not committed",
        "data (DVC)": origin.data_hash or "not known",
        "MLflow run": origin.mlflow or "not found in MLflow",
        "seed": str(lane.reference.choices.seed),
    }
    return known
