"""From new data, choices or code to a decision: what changed is trained, judged, recorded, published and promoted."""

import os
from pathlib import Path

from genloop.actor import actor
from genloop.comparison import Entry
from genloop.config import Params
from genloop.errors import GenloopError
from genloop.resolve import read_params, write_resolved
from genloop.retraining import pipeline
from genloop.retraining.arrivals import check_arrivals
from genloop.retraining.cases import DATA, cases, is_decided, judge
from genloop.retraining.course import Asked, Course
from genloop.retraining.lease import GaveWay, Lease, only_one
from genloop.retraining.plan import SCORE, make_plan
from genloop.retraining.publishing import HEADS, Publishing, adopt, check_committed, publish
from genloop.retraining.retries import Unreachable, retried
from genloop.strict_yaml import read_yaml
from genloop.summary import known_runs, read_entries
from genloop.tracking.lookup import Logbook
from genloop.tracking.promotion import complete_unfinished, decide
from genloop.tracking.record import record
from genloop.workspace import git

PARTS = ("weights", "samples", "reports")  # of a run, that its record is made of
CLOSING = "summarize"  # the stage that depends on the scores of all runs


def retrain(asked: Asked, course: Course) -> None:
    """Do what has to be done, and note it in ``course`` as it is done.

    Raises:
        GaveWay: another retraining is at work, or the target has moved on.
        GenloopError: something failed; what was done so far is kept, and saying the same again goes on from there.
    """
    course.base = git("rev-parse", "HEAD") or course.base
    params, publishing = read_params(Path("params.yaml"), DATA / "raw"), asked.publishing
    if publishing:
        check_committed()
    pipeline.add_remote()
    if asked.update and not asked.dry_run:
        pipeline.update([str(path) for path in sorted((DATA / "raw").glob("**/*.dvc")) if _is_import(path)])
    if not asked.dry_run:  # what was decided and not carried out, by one that was killed or whose server went away
        course.decided = tuple(rest for rest in map(complete_unfinished, params.data) if rest)
    write_resolved(params, DATA / "config")  # as the stage does; it says what each later stage really uses
    look(course, params, publishing)
    if course.is_idle or asked.dry_run:
        return
    with only_one(publishing.repository if publishing else None, asked.wait, asked.lease) as lease:
        if publishing:
            check_current(publishing)
        look(course, params, publishing)  # what another one may have done while this one waited need not be done
        if not course.is_idle:
            _work(asked, course, params, lease)


def look(course: Course, params: Params, publishing: Publishing | None) -> None:
    """Find out what has to be done, without any data."""
    course.plan = make_plan()
    if publishing and not publishing.direct:
        course.plan = adopt(publishing, course.plan)
    runs, stale = known_runs(DATA), course.plan.names(*SCORE)
    scored = read_entries(DATA, {name: run for name, run in runs.items() if name not in stale})
    course.unrecorded = _unrecorded(scored)
    waiting = [runs[name]["data"] for name in stale]
    course.undecided = tuple(case for case in cases(params, runs, waiting) if not is_decided(case))


def _unrecorded(scored: list[Entry]) -> tuple[str, ...]:
    """Return the runs that MLflow does not have whole."""

    def ask() -> tuple[str, ...]:
        logbook = Logbook()  # a new one for each try: after it has failed it asks no more
        try:
            return tuple(
                entry.name
                for entry in scored
                if not logbook.whole(entry.name, entry.data, str(entry.identity["weights"]))
            )
        except GenloopError as error:
            raise Unreachable(str(error)) from None

    return retried("asking MLflow", ask)


def check_current(publishing: Publishing) -> None:
    """Check that the target is not ahead of this checkout, so that nothing is trained that nobody can publish.

    Raises:
        GaveWay: it is.
    """
    known = retried("asking the Git remote", lambda: publishing.repository.fetch(f"{HEADS}{publishing.target}"))
    if known and git("merge-base", "--is-ancestor", known, "HEAD") is None:
        raise GaveWay(f"{publishing.target} has moved on since this checkout was made; retrain the newest commit")


def _is_import(path: Path) -> bool:
    """Return whether a file of DVC follows data elsewhere."""
    content = read_yaml(path)
    return isinstance(content, dict) and bool(content.get("frozen")) and bool(content.get("deps"))


def _work(asked: Asked, course: Course, params: Params, lease: Lease) -> None:
    if os.environ.get("CI") and not os.environ.get("MLFLOW_TRACKING_URI"):
        course.notes.append("MLflow's store is that of this machine, and gone with it: set MLFLOW_TRACKING_URI")
    remote = pipeline.has_remote()
    course.deliveries = tuple(check_arrivals(course.plan, params, asked.accept))
    _train(course, remote)
    runs = known_runs(DATA)
    open_cases = [case for case in cases(params, runs, course.broken) if not is_decided(case)]
    if remote:  # a champion of another protocol is scored again under today's
        pipeline.pull([f"data/{part}/{case.data}" for case in open_cases for part in ("prepared", "reference")])
    course.notes += [line for case in open_cases for line in case.left_out]
    course.judged = tuple(judge(case, course.notes.append) for case in open_cases)
    lease.check()
    if asked.publishing:
        if remote:
            pipeline.push()
        course.commit = publish(asked.publishing, *_message(course))
    for judged in course.judged:
        lease.check()
        over = judged.before.label if judged.before else ""  # one that somebody has made the champion meanwhile stays
        decision = decide(judged.case.data, judged.ruling, judged.case.identity, actor(), over)
        course.decided = (*course.decided, decision)


def _train(course: Course, remote: bool) -> None:
    """Run what has changed, but for data sets whose new data are broken, and record what MLflow lacks."""
    runs, broken = known_runs(DATA), course.broken
    barred = [*broken, *(name for name, run in runs.items() if run["data"] in broken)]
    plan = course.plan.without([*barred, ""] if barred else [])  # "": stages of all data sets need the broken ones, too
    lacking = [name for name in course.unrecorded if name not in barred]
    if remote:
        pipeline.pull([*plan.inputs, *(path for name in lacking for path in _recorded_from(name, runs[name]["data"]))])
    here = [name for name in lacking if all(Path(path).exists() for path in _recorded_from(name, runs[name]["data"]))]
    again = [f"record@{name}" for name in lacking if name not in here]  # neither here nor in a remote
    whole = remote and not again and all(Path(path).exists() for path in plan.inputs)
    if plan.stages or again:
        course.heard = pipeline.reproduce([*plan.stages, *again], remote, whole)
    if barred and plan.stages:
        pipeline.reproduce(["--single-item", CLOSING], remote=False, whole=False)
    for name in here:
        record(name, DATA)


def _recorded_from(name: str, data: str) -> list[str]:
    return [f"data/prepared/{data}", *(f"data/{part}/{name}" for part in PARTS)]


def _message(course: Course) -> tuple[str, str]:
    """Return the title and the text of the commit."""
    trained = course.heard.trained
    title = f"Retrained {', '.join(trained)}" if trained else "Scores brought up to date"
    lines = [f"{judged.case.data}: {judged.ruling.outcome}, {judged.ruling.why}" for judged in course.judged]
    return title, "\n".join(
        [*lines, *(f"{data}: its new data are broken, nothing was trained" for data in course.broken)]
    )
