"""A recorded run made again, for real, and compared with what was recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genloop.comparison import read_metrics
from genloop.errors import GenloopError
from genloop.identity import hash_weights
from genloop.masking import mask_secrets
from genloop.own import is_missing
from genloop.reading import read_json
from genloop.recipe import STAGES, Recipe, recipe_here, versions
from genloop.verdict import Made, Verdict, judge
from genloop.versions import hash_in, parse_lock
from genloop.worktree import Worktree, worktree


@dataclass(frozen=True)
class Recorded:
    """A run as it was recorded, with what making it again needs."""

    name: str
    recipe: Recipe
    weights: str
    scores: dict[str, Any]

    @property
    def made(self) -> Made:
        """What it came to."""
        lock = self.recipe.stages
        files, samples = (hash_in(lock, f"data/{kind}/{self.name}") for kind in ("weights", "samples"))
        return Made(self.weights, files, samples, self.scores, self.recipe.versions)


def find(which: str) -> Recorded:
    """Return a run of the workspace by its name there, or one of MLflow by its id, the beginning of it, or its name.

    Raises:
        GenloopError: there is no such run, or it is not whole.
    """
    weights = Path("data/weights") / which / "weights.safetensors"
    metrics = Path("data/metrics") / f"{which}.json"
    if weights.is_file() and metrics.is_file():
        recipe = recipe_here(Path(), finished=which)
        return Recorded(which, recipe, hash_weights(weights), read_metrics(metrics.read_text(), str(metrics)))
    return _in_mlflow(which)


def _in_mlflow(which: str) -> Recorded:
    from genloop.tracking.lookup import Logbook
    from genloop.tracking.recipes import read_recipe, read_scores
    from genloop.tracking.store import RUN, WEIGHTS

    logbook = Logbook()
    run = logbook.one(which)
    name, weights = run.data.tags[RUN], run.data.tags.get(WEIGHTS)
    if run.info.status == "RUNNING":
        raise GenloopError(f"{run.info.run_name}: is still RUNNING; wait until it is trained and recorded")
    if weights is None:
        raise GenloopError(f"{run.info.run_name}: has no weights, its training is {run.info.status}; take another run")
    recipe = read_recipe(logbook.client, run)
    return Recorded(name, recipe, weights, read_scores(logbook.client, run, name))


def reproduce(which: str, keep: bool, tell: Callable[[str], None]) -> Verdict:
    """Make a run again and say whether it came out as it was recorded.

    Args:
        which: as :func:`find` takes it.
        keep: whether the folder stays in which it is made.
        tell: takes lines for people.

    Raises:
        GenloopError: something that it needs is gone, or a stage fails.
    """
    recorded = find(which)
    check_whole(recorded)
    changed = " with changes" if recorded.recipe.changes.patch else ""
    tell(f"{recorded.name}, weights {recorded.weights[:7]}: commit {recorded.recipe.changes.commit[:7]}{changed}")
    with worktree(recorded.recipe, Path.cwd(), keep) as tree:
        if keep:
            tell(f"made in {tree.folder}, which is kept")
        bring_data(tree, recorded)
        stages = [f"{stage}@{recorded.name}" for stage in STAGES]
        # Forced, alone and without a commit: nothing comes from DVC's cache of runs, and nothing goes there.
        if code := tree.show_dvc("repro", "--force", "--single-item", "--no-commit", *stages):
            raise GenloopError(f"{recorded.name}: cannot be made again, DVC ended with {code}; the lines above say why")
        return judge(recorded.made, made_in(tree, recorded.name))


def check_whole(recorded: Recorded) -> None:
    """Check that the patch has all changes.

    Raises:
        GenloopError: names what was left out.
    """
    changes = recorded.recipe.changes
    if changes.left_out:
        names = ", ".join(changes.left_out)
        raise GenloopError(f"{recorded.name}: its changes of {names} were not kept, for they seem to hold a secret")
    if changes.too_large:
        names = ", ".join(changes.too_large)
        raise GenloopError(f"{recorded.name}: its changes were too large to be kept: {names}")


def bring_data(tree: Worktree, recorded: Recorded) -> None:
    """Bring choices, prepared data and reference by their hashes, from the cache or else from the remote.

    Raises:
        GenloopError: names what is neither here nor there.
    """
    lock = recorded.recipe.stages
    read = [dep for stage in STAGES for dep in lock[f"{stage}@{recorded.name}"]["deps"]]
    folders = {dep["path"] for dep in read if dep["path"].startswith(("data/prepared/", "data/reference/"))}
    targets = sorted({"data/config", *folders})
    if tree.dvc("checkout", *targets).returncode:
        for target in targets:
            brought = tree.dvc("pull", target)
            if brought.returncode:
                reason = mask_secrets(" ".join(brought.stderr.split()))[:300]
                raise GenloopError(
                    f"{target}, DVC hash {hash_in(lock, target)}, is neither in DVC's cache nor in its remote "
                    f"({reason}); bring it with 'dvc fetch', or 'dvc push' it where it was made"
                )
    networks = read_json(tree.folder / "data/config" / recorded.name / "train.json").get("networks")
    if networks and is_missing(networks, tree.folder):
        name = networks.partition("@")[0]
        raise GenloopError(f"{recorded.name}: its module {name} is neither in its commit nor in its changes")


def made_in(tree: Worktree, name: str) -> Made:
    """Return what a run came to in a worktree."""
    data = tree.folder / "data"
    lock = parse_lock((tree.folder / "dvc.lock").read_text())
    metrics = data / "metrics" / f"{name}.json"
    return Made(
        hash_weights(data / "weights" / name / "weights.safetensors"),
        hash_in(lock, f"data/weights/{name}"),
        hash_in(lock, f"data/samples/{name}"),
        read_metrics(metrics.read_text(), str(metrics)),
        versions(),
    )
