"""Retrain what has changed, let the gate decide about the champion of each data set, and publish what came of it.

Exit codes: 0 promoted, nothing new, or a smoke training is done; 10 the champion was kept; 11 the challenger was
refused; 12 new data are broken; 13 another retraining is at work; 1 a fault.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genloop.retraining.course import Course

SMOKE_RECORDS = 20_000  # ten seconds of training on small pictures
CODES = {"kept": 10, "refused": 11, "broken delivery": 12, "gave way": 13}


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument(
        "--smoke", action="store_true", help="train what has changed for a short time, here and at --base"
    )
    verb.add_argument("--base", default="origin/main", metavar="REV", help="what scores are compared with; %(default)s")
    verb.add_argument(
        "--records", type=int, default=SMOKE_RECORDS, metavar="N", help="records a smoke training sees; %(default)s"
    )
    verb.add_argument("--dry-run", action="store_true", help="say what would be done, and only resolve choices")
    verb.add_argument(
        "--publish",
        choices=("none", "propose", "push"),
        default="none",
        help="where dvc.lock and scores go; %(default)s",
    )
    verb.add_argument("--remote", default="origin", metavar="NAME", help="the Git remote; %(default)s")
    verb.add_argument("--branch", default="genloop/retrained", help="the branch that proposes; %(default)s")
    verb.add_argument("--target", default="main", metavar="BRANCH", help="the branch it is for; %(default)s")
    verb.add_argument("--update", action="store_true", help="first move imports in data/raw on ('dvc update')")
    verb.add_argument(
        "--accept", action="append", default=[], metavar="DATA", help="train on its new data whatever is found in them"
    )
    verb.add_argument("--wait", type=float, default=300, metavar="SECONDS", help="for another retraining; %(default)s")
    verb.add_argument(
        "--lease", type=float, default=180, metavar="SECONDS", help="of silence after which it is gone; %(default)s"
    )
    verb.add_argument(
        "--out", type=Path, default=Path("data/retraining"), help="the folder of the summary; %(default)s"
    )


def work(options: argparse.Namespace) -> None:
    """Retrain, and leave a summary whatever happens.

    Raises:
        GenloopError: something failed; the summary tells what was done before.
    """
    if options.smoke:
        _smoke(options)
        return
    from genloop.errors import GenloopError
    from genloop.retraining.account import FAILED, GAVE_WAY, outcome_of, plan_in_words
    from genloop.retraining.course import Asked, Course
    from genloop.retraining.lease import GaveWay
    from genloop.retraining.retrain import retrain

    names = ("publish", "remote", "branch", "target", "update", "dry_run", "wait", "lease")
    asked = Asked(accept=tuple(options.accept), **{name: getattr(options, name) for name in names})
    course = Course()
    try:
        retrain(asked, course)
    except GaveWay as error:
        _tell(course, GAVE_WAY, options.out, str(error))
        print(f"genloop: {error}", file=sys.stderr)
        sys.exit(CODES[GAVE_WAY])
    except GenloopError as error:
        _tell(course, FAILED, options.out, str(error))
        raise
    if options.dry_run:
        print("\n".join(plan_in_words(course)))
        return
    outcome = outcome_of(course)
    _tell(course, outcome, options.out)
    sys.exit(CODES.get(outcome, 0))


def _tell(course: "Course", outcome: str, out: Path, fault: str = "") -> None:
    """Write the summary, and say in a few lines what stands there."""
    from genloop.retraining.account import story_of
    from genloop.retraining.story import PAGE, write_story

    with story_of(course, outcome, fault) as story:
        write_story(out, story)
    for decision in story.decisions:
        print(f"{decision.data}: {decision.outcome}, {decision.why}")
    for delivery in course.deliveries:
        print("\n".join(delivery.lines()))
    print(f"{outcome}; the summary: {out / PAGE}")


def _smoke(options: argparse.Namespace) -> None:
    """Train what has changed against the base for a short time, on both sides."""
    from genloop.resolve import read_params, write_resolved
    from genloop.retraining.against import commit_of
    from genloop.retraining.pipeline import add_remote
    from genloop.retraining.plan import changed_since, make_plan
    from genloop.retraining.smoke import smoke
    from genloop.retraining.story import PAGE, Story, write_story
    from genloop.summary import known_runs

    base = commit_of(options.base)
    add_remote()
    write_resolved(read_params(Path("params.yaml"), Path("data/raw")), Path("data/config"))
    changed = changed_since(base, make_plan(), known_runs(Path("data")))
    if changed:
        done = smoke(base, list(changed), options.records, options.out)
        story = done.story(changed)
    else:
        story = Story("nothing new", base=base[:7])
    write_story(options.out, story)
    print(f"{story.outcome}; the summary: {options.out / PAGE}")
    sys.exit(1 if story.faults else 0)
