"""What becomes of a champion: decided by a gate, by hand, or by going back to the one before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from genloop.errors import GenloopError
from genloop.masking import mask_secrets
from genloop.tracking.decision import Aliases, Decision, Kind, Result
from genloop.tracking.ledger import UNTOUCHED, Ledger, Proposal, State
from genloop.tracking.lookup import Logbook, without_store
from genloop.tracking.registry import CHAMPION, Named, Registry, Version, registered_data
from genloop.tracking.store import RUN
from genloop.tracking.tries import told_failure

if TYPE_CHECKING:
    from genloop.gate.ruling import Rule, Ruling

LATER = "say it again when MLflow answers"


def champion(data: str) -> Version | None:
    """Return the champion of a data set, if there is one.

    Raises:
        GenloopError: MLflow cannot be asked.
    """
    if without_store():
        return None
    with told_failure(f"{data}: MLflow does not say which the champion is", LATER):
        return Registry(data).holder(CHAMPION)


def rolled_back(data: str) -> frozenset[str]:
    """Return the hashes of the weights that were rolled back, which no gate promotes again.

    Raises:
        GenloopError: MLflow cannot be asked.
    """
    if without_store():
        return frozenset()
    with told_failure(f"{data}: MLflow does not say what was rolled back", LATER):
        return Registry(data).rolled_back()


def decisions(data: str) -> list[Decision]:
    """Return all decisions on a data set, the oldest first.

    Raises:
        GenloopError: MLflow cannot be asked.
    """
    if without_store():
        return []
    with told_failure(f"{data}: MLflow does not give the log of decisions", LATER):
        return [written.decision for written in Ledger(data).read()]


def known_data() -> list[str]:
    """Return the data sets that something was decided of.

    Raises:
        GenloopError: MLflow cannot be asked.
    """
    if without_store():
        return []
    with told_failure("MLflow does not give the log of decisions", LATER):
        return registered_data()


def complete_unfinished(data: str) -> Decision | None:
    """Carry out what a killed process has decided and left undone; return that decision, if there is one.

    Raises:
        GenloopError: MLflow fails.
    """
    if without_store():
        return None
    with told_failure(f"{data}: MLflow does not say what was decided", LATER):
        ledger = Ledger(data)
        return ledger.complete(ledger.read())


def decide(data: str, ruling: "Ruling", identity: str, who: str, over: str | None = None) -> Decision:
    """Write a gate's ruling down, carry it out and return it; deciding twice on the same is as once.

    Args:
        data: the data set.
        ruling: what the gate says.
        identity: the hash of all that it was said on.
        who: decides.
        over: the label of the champion that the ruling is about, "" for none; None: whichever there is.

    Raises:
        GenloopError: MLflow fails, has no such run, or there is another champion by now.
    """
    chosen, *others = [_named(entry.name, entry.identity) for entry in ruling.group]
    ledger = _ledger(data)

    def propose(state: State) -> Proposal | Decision:
        if state.last and state.last.identity == identity:
            return state.last
        before = state.champion.label if state.champion else ""
        if over is not None and over != before:
            told = (
                f"{data}: the champion is {before or 'none'} by now, and the gate has judged against {over or 'none'}"
            )
            raise GenloopError(f"{told}; nothing is changed, say it again")
        version = ledger.registry.register(*chosen, others)
        aliases = _taking(state.aliases, version.number) if ruling.outcome == "promoted" else state.aliases
        if version.number != state.aliases.champion:  # which is no challenger of itself
            aliases = replace(aliases, challenger=version.number)
        made = _decision(state, version, aliases, ruling.outcome, "gate", who, ruling.why, identity)
        return Proposal(replace(made, rules=told_rules(ruling.rules)), ruling.table())

    return ledger.settle(propose)


def roll_back(data: str, who: str, why: str) -> Decision:
    """Go back to the previous champion and return that decision; twice is back and forth.

    A rollback that was cut off is completed, and not undone by a second one.

    Raises:
        GenloopError: there is no champion, or none before it, or MLflow fails.
    """
    ledger = _ledger(data)
    with told_failure(f"{data}: MLflow does not take the decision", UNTOUCHED):
        if ledger.registry.model() is None:
            raise GenloopError(f"{data}: has no champion to go back from; 'python -m genloop promote RUN' makes one")

    def propose(state: State) -> Proposal:
        now, before = state.champion, state.aliases.previous
        if now is None or not before:
            told = f"{data}: there is no champion before {now.label}" if now else f"{data}: has no champion"
            raise GenloopError(f"{told}; 'python -m genloop promote RUN' makes any recorded run the champion")
        version = ledger.registry.version(before)
        marked = set(state.aliases.rolled_back)
        marked = marked - {before} if before in marked else marked | {now.number}
        aliases = replace(
            state.aliases, champion=before, previous=now.number, rolled_back=tuple(sorted(marked, key=int))
        )
        made = _decision(state, version, aliases, "rolled back", "rollback", who, why or "no reason given", "")
        return Proposal(made, [])

    return ledger.settle(propose, unless_completed="rollback")


def promote_by_hand(run: str, weights: str, who: str, why: str) -> Decision | None:
    """Make a recorded run the champion of its data set, whatever a gate says; return nothing if it is that already.

    Raises:
        GenloopError: MLflow has no such run, or not its sampler, or fails.
    """
    data = _data_of(run, weights)
    ledger = _ledger(data)
    with told_failure(f"{data}: MLflow does not take the decision", UNTOUCHED):
        ledger.complete(ledger.read())
        now = ledger.registry.holder(CHAMPION)
    if now and (now.run, now.weights) == (run, weights):
        return None

    def propose(state: State) -> Proposal:
        version = ledger.registry.register(run, weights)
        aliases = _taking(state.aliases, version.number)
        return Proposal(
            _decision(state, version, aliases, "promoted", "by hand", who, why or "no reason given", ""), []
        )

    return ledger.settle(propose)


def told_rules(rules: Sequence["Rule"]) -> tuple[tuple[str, str], ...]:
    """Return by score what was asked of it and what came of it, of several rules one after the other."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        sides = f"{rule.challenger} against {rule.champion}" if rule.champion else rule.challenger
        parts = (rule.asked, sides, f"difference {rule.difference}" if rule.difference else "", rule.why)
        told = ", ".join(part for part in parts if part)
        found.setdefault(rule.score.replace(" ", "_"), []).append(f"{'holds' if rule.holds else 'broken'}: {told}")
    return tuple((score, "; ".join(told)) for score, told in sorted(found.items()))


def _ledger(data: str) -> Ledger:
    with told_failure(f"{data}: MLflow cannot be asked", UNTOUCHED):
        return Ledger(data)


def _taking(aliases: Aliases, number: str) -> Aliases:
    """Return where aliases point to when a version takes the champion's place."""
    left = tuple(each for each in aliases.rolled_back if each != number)
    before = aliases.previous if aliases.champion == number else aliases.champion
    return replace(aliases, champion=number, previous=before, rolled_back=left)


def _decision(
    state: State, version: Version, aliases: Aliases, outcome: Result, kind: Kind, who: str, why: str, identity: str
) -> Decision:
    before = state.champion.label if state.champion else ""
    return Decision(
        data=version.data,
        kind=kind,
        outcome=outcome,
        run=version.run,
        weights=version.weights,
        before=before,
        after=version.label if aliases.champion == version.number else before,
        who=mask_secrets(who),
        when="",  # told by MLflow
        why=mask_secrets(why),
        identity=identity,
        version=version.number,
        aliases=aliases,
    )


def _named(name: str, identity: dict[str, object]) -> Named:
    return name, str(identity["weights"])


def _data_of(run: str, weights: str) -> str:
    book = Logbook()
    for logged in book.of_weights(weights):
        if logged.data.tags.get(RUN) == run:
            return str(logged.data.tags["genloop.data"])
    told = f"{run}: MLflow has no run of its weights {weights[:7]}"
    raise GenloopError(f"{told}; run 'python -m genloop sync {run}' where they are")
