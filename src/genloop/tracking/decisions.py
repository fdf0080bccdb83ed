"""The log of decisions in MLflow: a chain of runs, each with the id of the next one as a parameter.

MLflow never changes a parameter, and of two processes that set the same one the second is refused. So a decision is
appended at once or not at all, nothing can be slipped in or taken out, and all see the same order, whatever the clocks.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Param, Run, ViewType

from genloop.errors import GenloopError
from genloop.tracking.decision import Aliases, Decision
from genloop.tracking.pages import page_of
from genloop.tracking.store import FAILURES, NOTE, find_experiment
from genloop.workspace import main_root

EXPERIMENT = "genloop/decisions"
DATA = "genloop.data"  # the tag by which those of one data set are found
BEHIND = "genloop.behind"  # the tag that says behind which one it is to be appended
TOKEN = "token"  # the parameter by which whoever wrote it knows it again, though no answer came
NEXT = "followed_by"  # the parameter with the id of the next one
RULE = "rule."  # how the names of parameters begin that tell the rules
PAGE = "decision.md"
ALIASES = ("champion", "challenger", "previous")
LONGEST = 1000  # letters of a parameter


@dataclass(frozen=True)
class Written:
    """A decision in the log."""

    id: str  # of its MLflow run
    decision: Decision
    carried_out: bool  # whole; otherwise whoever comes next does the rest
    begun: float  # seconds since the epoch, by the clock of whoever wrote it


class OutdatedError(Exception):
    """Another decision was written down meanwhile."""


class Log:
    """The decisions of one data set, in their order."""

    def __init__(self, client: MlflowClient, data: str) -> None:
        """Take the store; nothing is asked or made yet."""
        self.client, self.data = client, data
        self._known: str | None = None  # the experiment

    def open(self) -> str:
        """Return the id of a new MLflow run that a chain may begin with."""
        made = self.client.create_run(self._experiment(), None, {DATA: self.data}, f"{self.data}: begin")
        self.client.set_terminated(made.info.run_id, "FINISHED")
        return str(made.info.run_id)

    def read(self, root: str) -> list[Written]:
        """Return all decisions of the chain that begins with ``root``.

        Raises:
            GenloopError: somebody has removed one of them for good.
        """
        runs = {str(run.info.run_id): run for run in self._runs()}
        found: list[Written] = []
        place = root
        while place in runs:
            following = runs[place].data.params.get(NEXT)
            if place != root:
                found.append(read_decision(runs[place]))
            if following is None:
                return found
            place = following
        told = f"{self.data}: MLflow has lost run {place} of {EXPERIMENT}, and with it the log of decisions"
        raise GenloopError(f"{told}; restore its database from a backup")

    def append(self, decision: Decision, last: str, table: Sequence[str], token: str) -> Written:
        """Write a decision down behind the ``last`` one; it is not carried out yet. Doing it twice is as once.

        Args:
            decision: what was decided.
            last: id of the MLflow run of the decision before.
            table: the rules as lines of Markdown.
            token: tells this decision from all others, however alike.

        Raises:
            OutdatedError: another one stands behind the last one by now.
        """
        if known := self._behind(last, token):
            return known
        page = "\n".join(page_of(decision, table))
        tags = {DATA: self.data, BEHIND: last, NOTE: page}
        made = self.client.create_run(self._experiment(), None, tags, f"{self.data}: {decision.outcome}")
        run_id = str(made.info.run_id)
        parameters = parameters_of(decision) | {TOKEN: token}
        self.client.log_batch(run_id, params=[Param(key, value) for key, value in parameters.items()])
        self.client.log_text(run_id, page, PAGE)
        try:
            self.client.log_param(last, NEXT, run_id)
        except FAILURES:
            if known := self._behind(last, token):
                return known
            raise
        return read_decision(self.client.get_run(run_id))

    def _behind(self, last: str, token: str) -> Written | None:
        """Return the decision of this token behind another one, if there is one."""
        following = self.client.get_run(last).data.params.get(NEXT)
        if following is None:
            return None
        found = self.client.get_run(following)
        if found.data.params.get(TOKEN) != token:
            raise OutdatedError
        return read_decision(found)

    def is_last(self, written: Written) -> bool:
        """Return whether no decision stands behind this one."""
        return NEXT not in self.client.get_run(written.id).data.params

    def close(self, written: Written) -> None:
        """Note that a decision is carried out whole."""
        self.client.set_terminated(written.id, "FINISHED")

    def clear(self, root: str) -> None:
        """Remove what was begun and can no more be appended: what killed and slower processes have left."""
        runs = self._runs()
        behind = {run.data.params[NEXT]: str(run.info.run_id) for run in runs if NEXT in run.data.params}
        for run in runs:
            place, run_id = run.data.tags.get(BEHIND), str(run.info.run_id)
            outdated = place in behind.values() if place else run_id != root
            if run.info.lifecycle_stage == "active" and run_id not in behind and outdated:
                self.client.delete_run(run_id)

    def _experiment(self) -> str:
        if self._known is None:
            given = os.environ.get("MLFLOW_TRACKING_URI")
            # Beside the folders of the data sets, all of whose names begin with genloop-.
            location = None if given else (main_root() / ".mlflow" / "artifacts" / "decisions").as_uri()
            self._known = find_experiment(self.client, EXPERIMENT, location)
        return self._known

    def _runs(self) -> list[Run]:
        """Return the runs of this data set, also deleted ones: taking one out of the view changes no chain."""
        query, found, token = f"tags.`{DATA}` = '{self.data}'", list[Run](), None
        while True:
            page = self.client.search_runs([self._experiment()], query, ViewType.ALL, 1000, None, token)
            found += page
            token = page.token
            if not token:
                return found


def parameters_of(decision: Decision) -> dict[str, str]:
    """Return a decision as parameters of an MLflow run."""
    plain = {key: getattr(decision, key) for key in _plain_names()}
    aliases = {f"alias.{key}": getattr(decision.aliases, key) for key in ALIASES}
    rules = {f"{RULE}{score}": told for score, told in decision.rules}
    told = plain | aliases | {"rolled_back": ",".join(decision.aliases.rolled_back)} | rules
    return {key: str(value)[:LONGEST] for key, value in told.items()}


def read_decision(run: Run) -> Written:
    """Return the decision that a run of MLflow holds."""
    told, start = run.data.params, run.info.start_time / 1000
    plain: dict[str, Any] = {key: told.get(key, "") for key in _plain_names()}
    marked = tuple(filter(None, told.get("rolled_back", "").split(",")))
    pointing = {alias: told.get(f"alias.{alias}", "") for alias in ALIASES}
    rules = tuple((key.removeprefix(RULE), told[key]) for key in sorted(told) if key.startswith(RULE))
    when = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d %H:%M:%S")
    decision = Decision(**plain, when=when, aliases=Aliases(**pointing, rolled_back=marked), rules=rules)
    return Written(str(run.info.run_id), decision, run.info.status == "FINISHED", start)


def _plain_names() -> list[str]:
    return [field.name for field in fields(Decision) if field.name not in ("when", "aliases", "rules")]
