"""A data set's registry and the log of its decisions together: each is written down first and carried out then.

A decision says where all aliases point to afterwards. So whatever stops a process, the next one carries out the rest,
and every step may be made twice. Two processes that decide at once append one after the other: the second one is
refused, looks at what has changed, and decides again.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from genloop.errors import GenloopError
from genloop.tracking.decision import Aliases, Decision, Kind
from genloop.tracking.decisions import Log, OutdatedError, Written
from genloop.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, Version, marked
from genloop.tracking.store import FAILURES
from genloop.tracking.tags import tell_outcome
from genloop.tracking.tries import told_failure

BEGINNING = "genloop.decisions"  # of the registered model: the MLflow run with which the log begins
MOST_TRIES = 5  # to append a decision while others do so
PATIENCE = 2.0  # seconds in which another process may carry out what it has just written down
JUST_NOW = 30.0  # seconds; the clocks of two machines may differ
UNTOUCHED = "the champion is as it was; say it again when MLflow answers"
REST = "it is written down, and 'python -m genloop decisions {}' carries out the rest when MLflow answers"


class State(NamedTuple):
    """What a decision is made on."""

    last: Decision | None  # before it
    champion: Version | None
    aliases: Aliases


class Proposal(NamedTuple):
    """A decision that is to be written down, and the rules as lines of Markdown."""

    decision: Decision
    table: list[str]


Propose = Callable[[State], Proposal | Decision]


class Ledger:
    """The registry and the log of one data set."""

    def __init__(self, data: str) -> None:
        """Connect to the store of MLflow.

        Raises:
            GenloopError: there is none yet.
        """
        self.data = data
        self.registry = Registry(data)
        self.log = Log(self.registry.client, data)

    def read(self) -> list[Written]:
        """Return all decisions, the oldest first."""
        model = self.registry.model()
        root = model.tags.get(BEGINNING) if model else None
        return self.log.read(root) if root else []

    def complete(self, written: list[Written]) -> Decision | None:
        """Carry out what the last of all decisions still lacks and return it, if it lacked something."""
        if not written or written[-1].carried_out:
            return None
        last = written[-1]
        deadline = time.monotonic() + (PATIENCE if time.time() - last.begun < JUST_NOW else 0)
        while time.monotonic() < deadline:
            time.sleep(0.1)
            last = self.read()[-1]
            if last.carried_out:
                return None
        self._carry_out(last)
        return last.decision

    def settle(self, propose: Propose, unless_completed: Kind | None = None) -> Decision:
        """Write down what is proposed on the present state, carry it out and return it.

        A decision that is proposed without rules is one that stands there already: nothing is done.

        Args:
            propose: says what is decided of a state.
            unless_completed: if the last decision is of this kind and was cut off, completing it is all that is done.

        Raises:
            GenloopError: MLflow fails, or other processes decide all the time.
        """
        token = secrets.token_hex(8)
        for _ in range(MOST_TRIES):
            with told_failure(f"{self.data}: MLflow does not take the decision", UNTOUCHED):
                root = self._begin()
                written = self.log.read(root)
                if rest := self.complete(written):
                    if rest.kind == unless_completed:
                        return rest
                    continue
                proposal = propose(self._state(written))
                if isinstance(proposal, Decision):
                    return proposal
                last = written[-1].id if written else root
                try:
                    made = self.log.append(proposal.decision, last, proposal.table, token)
                except OutdatedError:
                    continue
            self._carry_out(made)
            self._clear(root)
            return made.decision
        raise GenloopError(f"{self.data}: other processes decide all the time; {UNTOUCHED}")

    def _clear(self, root: str) -> None:
        """Remove what killed processes have begun to write down; the next decision does so too."""
        with suppress(*FAILURES):
            self.log.clear(root)

    def _begin(self) -> str:
        """Return the MLflow run with which the log begins, made with the registered model on first use."""
        model = self.registry.model()
        if model is None:
            model = self.registry.make({BEGINNING: self.log.open()})
        if BEGINNING not in model.tags:  # somebody has registered other models by this name
            self.registry.client.set_registered_model_tag(self.registry.name, BEGINNING, self.log.open())
            return self._begin()
        return str(model.tags[BEGINNING])

    def _state(self, written: list[Written]) -> State:
        held, versions = self.registry.aliases(), self.registry.versions()
        now, tried_out, before = (held.get(alias, "") for alias in (CHAMPION, CHALLENGER, PREVIOUS))
        aliases = Aliases(now, tried_out, before, marked(versions))
        champion = self.registry.known(versions[now]) if now else None
        return State(written[-1].decision if written else None, champion, aliases)

    def _carry_out(self, written: Written) -> None:
        """Do what a decision says; if another one came meanwhile, what that one says has the last word."""
        told = f"{self.data}: MLflow does not carry out the decision '{written.decision.outcome}'"
        with told_failure(told, REST.format(self.data)):
            while True:
                self._apply(written)
                if self.log.is_last(written):
                    return
                written = self.read()[-1]

    def _apply(self, written: Written) -> None:
        registry, wanted = self.registry, written.decision.aliases
        held, versions = registry.aliases(), registry.versions()
        for alias, number in (
            (CHALLENGER, wanted.challenger),
            (PREVIOUS, wanted.previous),
            (CHAMPION, wanted.champion),  # at last, and in one step: there always is one
        ):
            if held.get(alias, "") != number and (not number or number in versions):
                registry.point(alias, number)
        registry.mark(wanted.rolled_back, versions)
        tell_outcome(registry, versions, written.decision)
        self.log.close(written)
