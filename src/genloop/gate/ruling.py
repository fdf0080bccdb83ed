"""Whether a challenger takes the champion's place: promoted, kept or refused, with the figures of each rule."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from genloop.comparison import Entry, Group, group_runs
from genloop.errors import GenloopError
from genloop.gate.badness import mean_badness
from genloop.gate.choices import Gate
from genloop.gate.rules import Rule as Rule  # others find it here
from genloop.gate.rules import fulfils, rules_against, rules_of_its_own
from genloop.glossary import meaning
from genloop.markdown import plain, table
from genloop.protocol import differences

Outcome = Literal["promoted", "kept", "refused"]
ORDER: tuple[Outcome, ...] = ("promoted", "kept", "refused")
COLUMNS = ("rule", "asked", "challenger", "champion", "difference", "holds", "why")


@dataclass(frozen=True)
class Ruling:
    """What a gate says of a data set's runs, of the best challenger among them."""

    outcome: Outcome
    why: str
    rules: tuple[Rule, ...]
    chosen: Entry  # whose weights would be promoted
    group: tuple[Entry, ...]  # its seeds, itself first
    passed_over: tuple[str, ...] = ()  # other challengers, a line each

    def table(self) -> list[str]:
        """Return all rules as lines of Markdown, and below them the other challengers."""
        if not self.rules:
            return []
        rows = []
        for rule in self.rules:
            figures = (rule.asked, rule.challenger, rule.champion, rule.difference)  # numbers and words of ours
            rows.append((plain(rule.score), *figures, "yes" if rule.holds else "**no**", plain(rule.why)))
        lines = table(COLUMNS, rows)
        others = [f"- {plain(line)}" for line in self.passed_over]
        return [*lines, *(["", "Other challengers:", "", *others] if others else [])]


def rule(
    entries: Sequence[Entry],
    champion: Sequence[Entry],
    gate: Gate,
    modality: str,
    rolled_back: frozenset[str] = frozenset(),
) -> Ruling:
    """Return whether one of the runs of a data set becomes its champion, and which.

    Args:
        entries: all runs that are scored; those that differ in nothing but seeds are one challenger.
        champion: the runs of the present one, which differ in nothing but seeds, itself first; none: there is none yet.
        gate: what is asked.
        modality: of the data set.
        rolled_back: hashes of weights that were the champion once and shall not be again.

    Raises:
        GenloopError: there is nothing to judge, or runs are not scored alike.
    """
    _refuse_unlike([*champion, *entries])
    held = {entry.identity["weights"] for entry in champion}
    groups = [
        group for group in group_runs(entries) if held.isdisjoint(entry.identity["weights"] for entry in group.entries)
    ]
    if not groups and champion:
        why = "there is no challenger: no run that is scored is another than the champion"
        return Ruling("kept", why, (), champion[0], tuple(champion))
    if not groups:
        raise GenloopError("there is nothing to judge: no run of the data set is scored; run 'dvc repro'")
    rank = gate.ranked_by(modality)
    better = meaning(rank, modality).better
    found = [(_judge(group, champion, gate, modality, rolled_back), group) for group in groups]
    found.sort(key=lambda pair: (ORDER.index(pair[0].outcome), mean_badness(pair[1], rank, better)))
    best, *others = (ruling for ruling, _ in found)
    return replace(best, passed_over=tuple(_passed_over(other, rank) for other in others))


def _refuse_unlike(entries: Sequence[Entry]) -> None:
    for entry in entries[1:]:
        if reasons := differences(entries[0].protocol, entry.protocol):
            raise GenloopError(
                f"{entry.name} was scored otherwise than {entries[0].name}: {'; '.join(reasons)}; a gate compares what "
                "is scored alike, so score both anew by 'dvc repro', or give one a data set of its own"
            )


def _judge(group: Group, champion: Sequence[Entry], gate: Gate, modality: str, rolled_back: frozenset[str]) -> Ruling:
    """Return what becomes of one challenger."""
    chosen = _choose(group, gate, modality)
    seeds = (chosen, *(entry for entry in group.entries if entry is not chosen))
    own = rules_of_its_own(group, chosen, champion, gate, modality, rolled_back)
    if broken := [rule for rule in own if not rule.holds]:
        return Ruling("refused", _told(broken), tuple(own), chosen, seeds)
    if not champion:
        return Ruling("promoted", "there is no champion yet, and every rule holds", tuple(own), chosen, seeds)
    against = rules_against(group, champion, gate, modality)
    rules = (*own, *against)
    if broken := [rule for rule in against if not rule.holds]:
        return Ruling("kept", _told(broken), rules, chosen, seeds)
    return Ruling("promoted", _told(against[-1:]), rules, chosen, seeds)


def _choose(group: Group, gate: Gate, modality: str) -> Entry:
    """Return the run whose weights stand for its group: the best of those within all limits, else the best of all."""
    rank = gate.ranked_by(modality)
    better = meaning(rank, modality).better
    within = [entry for entry in group.entries if fulfils(entry, gate)] or group.entries
    return min(within, key=lambda entry: mean_badness(Group((entry,)), rank, better))


def _passed_over(ruling: Ruling, rank: str) -> str:
    group = Group(ruling.group)
    if ruling.outcome == "promoted":  # by itself
        return f"{group.label}: fulfils every rule too, and is ranked behind by {rank}, {group.value(rank)}"
    return f"{group.label}: {ruling.outcome}, {ruling.why}"


def _told(rules: Sequence[Rule]) -> str:
    return "; ".join(f"{rule.score}: {rule.why}" for rule in rules)
