"""The rules of a gate, one by one: what was asked, what both sides have, and whether that holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from genloop.comparison import Entry, Group, Value, value_of
from genloop.gate.badness import badness, each_value, told, worsening
from genloop.gate.choices import Gate, Limit
from genloop.glossary import meaning
from genloop.noise import Difference

COPIED = "copied"


@dataclass(frozen=True)
class Rule:
    """A rule and whether it holds; figures as people write them, nothing where there is none."""

    score: str  # or: seeds, rolled back
    asked: str
    challenger: str
    champion: str
    difference: str
    holds: bool
    why: str


def rules_of_its_own(
    group: Group, chosen: Entry, champion: Sequence[Entry], gate: Gate, modality: str, rolled_back: frozenset[str]
) -> list[Rule]:
    """Return the rules that need no champion, whose figures are shown beside: any that breaks refuses."""
    seeds = len({entry.identity["seed"] for entry in group.entries})
    few = f"trained with {seeds}; train it with more, as runs that differ in nothing but seed" * (seeds < gate.seeds)
    known = sorted(str(entry.identity["weights"])[:7] for entry in group.entries if _weights(entry) in rolled_back)
    before = f"weights {', '.join(known)} were rolled back before; promote them by hand if they shall return"
    found = [
        Rule("seeds", f"at least {gate.seeds}", str(seeds), "", "", not few, few or "enough"),
        Rule("rolled back", "never", "yes" if known else "no", "", "", not known, before if known else "never was"),
        _copying(group, champion),
    ]
    if gate.ranked_by(modality) not in gate.scores:
        found += [_lacking(gate.ranked_by(modality), "scored", group)] * bool(_lack(group, gate.ranked_by(modality)))
    for score, limit in gate.scores.items():
        for word, end in (("at least", limit.at_least), ("at most", limit.at_most)):
            if end is not None:
                found.append(_limit(score, word, end, group, chosen, champion))
    return found


def fulfils(entry: Entry, gate: Gate) -> bool:
    """Return whether a run's own scores lie within all limits."""
    found = ((value_of(entry.metrics, score), limit) for score, limit in gate.scores.items())
    return all(_within(value, limit) for value, limit in found)


def rules_against(group: Group, champion: Sequence[Entry], gate: Gate, modality: str) -> list[Rule]:
    """Return the rules that a challenger, which is not refused, must fulfil to take the champion's place.

    Worse is what is worse by more than the margin and beyond noise; where the noise is not known, what is worse at all.
    Better in the score that ranks is what is better beyond noise, so never where the noise is not known.
    """
    found = []
    for score, limit in gate.scores.items():
        if limit.not_worse_by is not None:
            asked = f"not worse by {limit.not_worse_by}"
            found.append(_compared(score, asked, limit, group, champion, modality))
    rank = gate.ranked_by(modality)
    return [*found, _ranked(rank, gate.ties, gate.scores.get(rank), group, champion, modality)]


def _copying(group: Group, champion: Sequence[Entry]) -> Rule:
    reasons = []
    for entry in group.entries:
        value = value_of(entry.metrics, COPIED)
        if value is None or value.low is None:
            reasons.append(f"{entry.name}: not known whether it copies: {_reason(entry, COPIED)}")
        elif value.low > 0:
            reasons.append(f"{entry.name}: repeats training records beyond chance, at least {value.low:.2g} of its own")
    values = each_value(group.entries, COPIED)
    worst = str(max(values, key=lambda value: value.score)) if values else ""
    why = "; ".join(reasons) or "no more than chance explains"
    return Rule(COPIED, "never", worst, _shown(champion, COPIED), "", not reasons, why)


def _limit(score: str, word: str, end: float, group: Group, chosen: Entry, champion: Sequence[Entry]) -> Rule:
    if _lack(group, score):
        return _lacking(score, f"{word} {end:g}", group)
    value, own = group.value(score), value_of(chosen.metrics, score)
    assert value is not None
    assert own is not None
    shown, several = str(value), len(group.entries) > 1
    if several:
        shown += f"; chosen {own.score:.4g}"
    limit = Limit(at_least=end) if word == "at least" else Limit(at_most=end)
    why = "within the limit"
    for each, whose in ((value, " of the mean" if several else ""), (own, " of the chosen run")):
        if not _within(each, limit):
            why = f"{each.score:.4g}{whose} is {'less' if word == 'at least' else 'more'}"
            break
    return Rule(score, f"{word} {end:g}", shown, _shown(champion, score), "", why == "within the limit", why)


def _compared(score: str, asked: str, limit: Limit, group: Group, champion: Sequence[Entry], modality: str) -> Rule:
    if _lack(group, score):
        return _lacking(score, asked, group)
    better = meaning(score, modality).better
    worse = worsening(champion, group.entries, score, better)
    shown = str(group.value(score)), _shown(champion, score)
    if worse is None:
        return Rule(score, asked, *shown, "", True, "the champion has no such score")
    margin = _margin(limit, champion, score, modality)
    lost = _lost(worse, margin)
    why = "not worse" if worse.value <= 0 else "worse, but not beyond noise and the margin"
    if lost:
        why = f"worse by more than {margin:.3g}" + (", beyond noise" if worse.low is not None else "")
    return Rule(score, asked, *shown, told(worse, better), not lost, why)


def _ranked(score: str, ties: str, limit: Limit | None, group: Group, champion: Sequence[Entry], modality: str) -> Rule:
    """Return the rule of the score that ranks; one that the champion has not makes a tie."""
    asked = "better than the champion" if ties == "keep" else "not worse than the champion"
    better = meaning(score, modality).better
    worse = worsening(champion, group.entries, score, better)
    shown = str(group.value(score)), _shown(champion, score)
    if worse is None:
        return Rule(score, asked, *shown, "", ties == "promote", "the champion has no such score")
    margin = _margin(limit, champion, score, modality) if limit else 0.0
    holds, why = ties == "promote", "within noise" if worse.low is not None else "nothing is known of its noise"
    if _lost(worse, margin):
        holds, why = False, "worse, beyond noise" if worse.low is not None else "worse"
    elif worse.high is not None and worse.high < 0:
        holds, why = True, "better, beyond noise"
    return Rule(score, asked, *shown, told(worse, better), holds, why)


def _margin(limit: Limit, champion: Sequence[Entry], score: str, modality: str) -> float:
    """Return a margin; in percent it is of the champion's score, or of its distance from one half where that counts."""
    better = meaning(score, modality).better
    values = each_value(champion, score)
    turned = values if better != "half" else [badness(value, better) for value in values]
    return limit.margin(sum(value.score for value in turned) / len(turned))


def _lost(worse: Difference, margin: float) -> bool:
    return (worse.value if worse.low is None else worse.low) > margin


def _within(value: Value | None, limit: Limit) -> bool:
    low = limit.at_least is None or (value is not None and value.score >= limit.at_least)
    return low and (limit.at_most is None or (value is not None and value.score <= limit.at_most))


def _lack(group: Group, score: str) -> list[Entry]:
    return [entry for entry in group.entries if score not in entry.metrics]


def _lacking(score: str, asked: str, group: Group) -> Rule:
    reasons = dict.fromkeys(f"{entry.name} has no such score: {_reason(entry, score)}" for entry in _lack(group, score))
    return Rule(score, asked, "", "", "", False, "; ".join(reasons))


def _reason(entry: Entry, score: str) -> str:
    return str(entry.metrics["left_out"].get(score, "it was not taken"))


def _shown(entries: Sequence[Entry], score: str) -> str:
    return str(Group(tuple(entries)).value(score) or "")


def _weights(entry: Entry) -> str:
    return str(entry.identity["weights"])
