"""What the gate has to decide: the scored runs of each data set, unless it has decided about just these before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from genloop.comparison import Entry, comparable, group_runs
from genloop.config import Params
from genloop.gate.champion import champion_entries
from genloop.gate.choices import Gate
from genloop.gate.ruling import Ruling, rule
from genloop.identity import hash_json
from genloop.retraining.seen import tell_seen
from genloop.summary import read_entries
from genloop.tracking.promotion import champion, decisions, rolled_back
from genloop.tracking.registry import Version

DATA = Path("data")


@dataclass(frozen=True)
class Case:
    """The candidates of a data set, and what they are judged by."""

    data: str
    modality: str
    entries: tuple[Entry, ...]
    gate: Gate
    left_out: tuple[str, ...] = ()  # a line for each run that was scored otherwise

    @property
    def identity(self) -> str:
        """What the decision depends on beside the champion: a rollback by hand does not open a case again."""
        scores = sorted(hash_json([entry.name, entry.metrics]) for entry in self.entries)
        return hash_json([scores, self.gate.model_dump(mode="json", exclude={"drift"})])


@dataclass(frozen=True)
class Judged:
    """A case with what the gate says of it."""

    case: Case
    before: Version | None  # the champion
    ruling: Ruling


def cases(params: Params, runs: dict[str, dict[str, str]], left_out: Sequence[str] = ()) -> list[Case]:
    """Return a case for each data set that has scored runs, but for those that are left out."""
    scored = read_entries(DATA, runs)
    found = []
    for name, data in params.data.items():
        groups, unlike = comparable(group_runs([entry for entry in scored if entry.data == name]))
        entries = tuple(entry for group in groups for entry in group.entries)
        if entries and name not in left_out:
            found.append(Case(name, data.modality, entries, params.gate.get(name, Gate()), tuple(unlike)))
    return found


def is_decided(case: Case) -> bool:
    """Return whether the gate has decided this very case last, whatever people did by hand since.

    Raises:
        GenloopError: MLflow cannot be asked.
    """
    by_gate = [decision for decision in decisions(case.data) if decision.kind == "gate"]
    return bool(by_gate) and by_gate[-1].identity == case.identity


def judge(case: Case, tell: Callable[[str], None]) -> Judged:
    """Have the gate say whether one of the candidates becomes the champion; what it had to do for it is told.

    Raises:
        GenloopError: MLflow cannot be asked, or the champion cannot be scored as the candidates are.
    """
    before = champion(case.data)
    against = champion_entries(before, case.entries[0], DATA, tell) if before else []
    if before and (told := tell_seen(before, case.modality)):
        tell(told)
    return Judged(case, before, rule(case.entries, against, case.gate, case.modality, rolled_back(case.data)))
