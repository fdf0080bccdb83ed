"""A short training of what changed, here and at a base, under the same budget: nothing is recorded or promoted."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from genloop.changes import Changes
from genloop.illustrations import Illustration
from genloop.outputs import replace_folder, write_json
from genloop.recipe import Recipe, recipe_here, versions
from genloop.reproduction import Recorded, check_whole
from genloop.retraining.against import LEGEND, commit_of
from genloop.retraining.story import Story
from genloop.retraining.telling import Telling
from genloop.retraining.trial import BASE, HEAD, Trial
from genloop.workspace import check_replaceable, git
from genloop.worktree import worktree

FOLDER, FACTS = "smoke", "smoke.json"  # in the folder of the retraining


@dataclass(frozen=True)
class Smoke:
    """What a smoke training came to."""

    base: str  # commits, short, and whether there are changes beside
    head: str
    scores: Sequence[str]  # Markdown
    pictures: Mapping[str, Sequence[Illustration]]
    trained: Sequence[str]
    cached: Sequence[str]
    notes: Sequence[str]
    faults: Sequence[str]

    def story(self, changed: Mapping[str, str]) -> Story:
        """Return what the summary tells; ``changed`` says why runs were trained."""
        return Story(
            outcome="smoke",
            base=self.base,
            head=self.head,
            changed=changed,
            trained=self.trained,
            cached=self.cached,
            scores=self.scores,
            pictures=self.pictures,
            notes=self.notes,
            faults=self.faults,
        )


def smoke(base: str, runs: Sequence[str], records: int, out: Path) -> Smoke:
    """Train runs of the working tree, and those of a base, until they have seen about so many records, and compare.

    All happens in worktrees beside the checkout, which share DVC's cache with it; reports and pictures go to ``out``.

    Raises:
        GenloopError: the base is no revision, or the working tree holds changes that cannot be taken along.
    """
    commit = commit_of(base)
    check_replaceable(out / FOLDER, FACTS, "a smoke training")
    with ExitStack() as stack:
        recipes = (_recipe_here(), HEAD), (_recipe_at(commit), BASE)
        now, before = (Trial(stack.enter_context(worktree(r, Path.cwd(), keep=False)), word) for r, word in recipes)
        for trial in (now, before):
            _say(f"{trial.label}: preparing")
            trial.prepare(runs)
        seen = _train(now, before, records)
        with replace_folder(out / FOLDER) as folder:
            telling = Telling(now, before, seen, folder, out / FOLDER)
            for name in runs:
                telling.add(name)
            write_json(folder / FACTS, {BASE: commit, HEAD: now.commit, "records": records, "weights": telling.weights})
        return _told(now, before, telling)


def _told(now: Trial, before: Trial, telling: Telling) -> Smoke:
    made: dict[str, list[str]] = {"ran": [], "served": []}
    for trial in (now, before):
        for kind, names in (("ran", trial.heard.trained), ("served", trial.heard.cached)):
            made[kind] += [f"{name} ({trial.word})" for name in names if name not in trial.faults]
    scores = [*telling.scores, LEGEND] if telling.scores else []
    return Smoke(
        before.label.removeprefix(f"{BASE} "),
        now.label.removeprefix(f"{HEAD} "),
        scores,
        telling.pictures,
        made["ran"],
        made["served"],
        telling.notes,
        telling.faults,
    )


def _train(now: Trial, before: Trial, records: int) -> dict[str, int]:
    """Train both sides under one budget and return how many records each run saw, about.

    No run sees more than its whole training would, on either side.
    """
    seen = {
        name: min(records, *(trial.lengths[name].seen for trial in (now, before) if name in trial.lengths))
        for name in now.lengths
    }
    _say(f"{now.label}: training")
    now.train(seen)
    scored = {name: count for name, count in seen.items() if name not in now.faults}
    _say(f"{before.label}: training")
    before.train(scored)
    return seen


def _recipe_here() -> Recipe:
    """Return the recipe of the working tree with its dvc.lock.

    Raises:
        GenloopError: some of its changes cannot be taken along.
    """
    recipe, lock = recipe_here(Path()), Path("dvc.lock")
    check_whole(Recorded("the working tree", recipe, "", {}))
    return replace(recipe, lock=lock.read_text(encoding="utf-8") if lock.exists() else "")


def _recipe_at(commit: str) -> Recipe:
    prefix = git("rev-parse", "--show-prefix") or ""
    return Recipe(Changes(commit), prefix, versions(), git("show", f"{commit}:./dvc.lock") or "")


def _say(line: str) -> None:
    print(line, flush=True)
