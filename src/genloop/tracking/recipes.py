"""What making a run again needs, kept with the run: ``reproduce/`` holds a patch, dvc.lock, and what else is known."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from genloop.changes import Changes
from genloop.errors import GenloopError
from genloop.masking import describe
from genloop.recipe import Recipe
from genloop.tracking.store import FAILURES

RECIPE = "genloop.recipe"  # the tag: what is kept, or why nothing is
LEFT_OUT, TOO_LARGE = "genloop.patch_left_out", "genloop.patch_too_large"
FOLDER, PATCH, LOCK, MADE = "reproduce", "changes.patch", "dvc.lock", "made.json"
BEGUN, WHOLE = "as the training began", "whole"


def keep_recipe(client: MlflowClient, run_id: str, made: Callable[[], Recipe]) -> None:
    """Keep a recipe with a run, or say with it why there is none."""
    try:
        found = made()
    except GenloopError as error:
        client.set_tag(run_id, RECIPE, f"none: {error}")
    else:
        log_recipe(client, run_id, found)


def log_recipe(client: MlflowClient, run_id: str, recipe: Recipe) -> None:
    """Keep a recipe with a run; logging it twice is as once."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / PATCH).write_bytes(recipe.changes.patch)
        (folder / MADE).write_text(json.dumps(recipe.made, indent=2, sort_keys=True) + "\n")
        if recipe.lock:
            (folder / LOCK).write_text(recipe.lock, encoding="utf-8")
        client.log_artifacts(run_id, scratch, FOLDER)
    known = client.get_run(run_id).data.tags
    for tag, names in ((LEFT_OUT, recipe.changes.left_out), (TOO_LARGE, recipe.changes.too_large)):
        if names:
            client.set_tag(run_id, tag, ", ".join(names))
        elif tag in known:
            client.delete_tag(run_id, tag)
    client.set_tag(run_id, RECIPE, WHOLE if recipe.lock else BEGUN)


def read_recipe(client: MlflowClient, run: Run) -> Recipe:
    """Return the recipe that is kept with a run.

    Raises:
        GenloopError: there is none, or it cannot be had.
    """
    name, kept = str(run.info.run_name), run.data.tags.get(RECIPE)
    if kept != WHOLE:
        told = (
            "it was recorded by an earlier genloop" if kept is None else "it only has begun" if kept == BEGUN else kept
        )
        raise GenloopError(
            f"{name}: MLflow has nothing to make it again from ({told}); 'dvc repro' records what it runs"
        )
    made = json.loads(read_artifact(client, run, f"{FOLDER}/{MADE}"))
    patch = read_artifact(client, run, f"{FOLDER}/{PATCH}")
    lock = read_artifact(client, run, f"{FOLDER}/{LOCK}").decode()
    found = Changes(made["commit"], patch, tuple(made["left_out"]), tuple(made["too_large"]))
    return Recipe(found, made["prefix"], made["versions"], lock)


def read_scores(client: MlflowClient, run: Run, name: str) -> dict[str, Any]:
    """Return the scores that were recorded.

    Raises:
        GenloopError: they cannot be had.
    """
    return dict(json.loads(read_artifact(client, run, f"metrics/{name}.json")))


def read_artifact(client: MlflowClient, run: Run, path: str) -> bytes:
    """Return the bytes of a run's artifact.

    Raises:
        GenloopError: it cannot be had.
    """
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return Path(client.download_artifacts(run.info.run_id, path, scratch)).read_bytes()
        except FAILURES as error:
            told = f"{run.info.run_name}: MLflow does not give {path} ({describe(error)})"
            raise GenloopError(f"{told}; run 'python -m genloop sync' where the run was made") from None
