"""A retraining in words: its outcome, and the story that people read."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genloop.errors import GenloopError
from genloop.illustrations import Illustration
from genloop.report.page import samples_of
from genloop.retraining.against import scores_against
from genloop.retraining.cases import DATA
from genloop.retraining.course import Course
from genloop.retraining.plan import SCORE
from genloop.retraining.story import Arrival, Decided, Story
from genloop.tracking.lookup import Logbook
from genloop.workspace import git

IDLE, BROKEN, GAVE_WAY, FAILED, DONE = "nothing new", "broken delivery", "gave way", "failed", "brought up to date"
WORST_FIRST = ("refused", "kept", "promoted")
GRID = "samples/grid.png"  # in MLflow


def outcome_of(course: Course) -> str:
    """Return what a retraining that went well came to, in a word or two: of several data sets the worst."""
    if course.broken:
        return BROKEN
    found = {decision.outcome for decision in course.decided}
    return next((word for word in WORST_FIRST if word in found), IDLE if course.is_idle else DONE)


@contextmanager
def story_of(course: Course, outcome: str, fault: str = "") -> Iterator[Story]:
    """Give the story of a retraining; pictures that had to be fetched for it are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="genloop-") as fetched:
        scored = [name for name in course.plan.names(*SCORE) if (DATA / "metrics" / f"{name}.json").exists()]
        done = scored if course.judged or not fault else []  # before, the scores may be those of earlier weights
        yield Story(
            outcome=outcome,
            head=(git("rev-parse", course.base) or "")[:7],
            changed={name: course.plan.why(name) for name in course.plan.names("prepare", *SCORE)},
            trained=course.heard.trained,
            cached=course.heard.cached,
            deliveries=[Arrival(each.data, each.lines(), each.broken) for each in course.deliveries],
            decisions=list(_decisions(course)),
            scores=_scores(course.base, done),
            pictures={name: list(_pictures(name)) for name in done} | _champions(course, Path(fetched)),
            notes=course.notes,
            faults=[fault] if fault else [],
        )


def _decisions(course: Course) -> Iterator[Decided]:
    """Yield what was decided; of a retraining that failed before, what the gate said."""
    after = {decision.data: decision.after for decision in course.decided}
    for judged in course.judged:
        data, before = judged.case.data, judged.before.label if judged.before else ""
        ruling = judged.ruling
        yield Decided(data, ruling.outcome, ruling.why, ruling.table(), before, after.get(data, before))
    now = {judged.case.data for judged in course.judged}
    for decision in course.decided:  # before this retraining, which carried it out
        if decision.data not in now:
            yield Decided(decision.data, decision.outcome, decision.why, (), decision.before, decision.after)


def _scores(base: str, names: list[str]) -> list[str]:
    try:
        return scores_against(base, names)
    except GenloopError as error:  # as in a repository without a commit, or scores of an earlier version there
        return [str(error)]


def _pictures(name: str) -> Iterator[Illustration]:
    yield from samples_of(DATA / "samples" / name)[:1]
    losses = DATA / "weights" / name / "losses.png"
    if losses.exists():
        yield Illustration("Losses", losses, "Over the epochs.")


def _champions(course: Course, folder: Path) -> dict[str, list[Illustration]]:
    """Return samples of the champions that challengers were judged against, as far as MLflow has them."""
    found, logbook = dict[str, list[Illustration]](), Logbook()
    for number, judged in enumerate(course.judged):
        if judged.before and judged.before.weights != judged.ruling.chosen.identity["weights"]:
            path = logbook.file(judged.before.mlflow[0], GRID, folder / str(number))
            if path is not None:
                until = " until now" if judged.ruling.outcome == "promoted" else ""
                label = f"{judged.before.label}, the champion of {judged.case.data}{until}"
                found[label] = [Illustration("Samples", path, "")]
    return found


def plan_in_words(course: Course) -> list[str]:
    """Return what a retraining would do, a line each."""
    runs = [f"{name}: {course.plan.why(name)}" for name in course.plan.names("prepare", *SCORE)]
    runs = runs or [f"{stage}: {why}" for stage, why in course.plan.reasons().items()]
    recorded = [f"{name}: MLflow does not have it whole" for name in course.unrecorded]
    gates = [f"{case.data}: the gate has not decided about its runs" for case in course.undecided]
    return [*runs, *recorded, *gates] or ["nothing new"]
