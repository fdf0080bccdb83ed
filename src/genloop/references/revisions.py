"""Runs at Git revisions and in experiments of ``dvc exp``: metrics from Git, weights from DVC by their hash."""

import json
import logging
import re
from pathlib import Path

from genloop.errors import GenloopError
from genloop.experiments import REFS
from genloop.masking import describe
from genloop.versions import METRICS, hash_in, metrics_at, parse_lock
from genloop.workspace import git

EXPERIMENT = re.compile(rf"{REFS}/[0-9a-f]{{2}}/[0-9a-f]{{38}}/(?P<name>.+)")


def commits_of(word: str) -> dict[str, str]:
    """Return the commits that a word names, and for each what it is: a revision, or an experiment on some commit."""
    found: dict[str, str] = {}
    for line in (git("for-each-ref", "--format=%(objectname) %(refname)", REFS) or "").splitlines():
        commit, _, reference = line.partition(" ")
        match = EXPERIMENT.fullmatch(reference)
        if match and match["name"] == word:
            base = reference.removeprefix(f"{REFS}/").replace("/", "", 1)[:7]
            found[commit] = f"an experiment on {base}"
    if commit_id := git("rev-parse", "--verify", "--quiet", f"{word}^{{commit}}"):
        found.setdefault(commit_id, "a Git revision")
    return found


def runs_at(commit: str) -> list[str]:
    """Return the runs that were scored at a commit."""
    listed = git("ls-tree", "--name-only", commit, f"./{METRICS}/") or ""
    return [Path(path).stem for path in listed.splitlines() if path.endswith(".json")]


def fetch_weights(label: str, commit: str, name: str, out: Path) -> None:
    """Bring a run's weights at a commit into the folder ``out``, from DVC's cache or else from its remote.

    Raises:
        GenloopError: neither has them.
    """
    from dvc.api import DVCFileSystem

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # what fails is raised, and told in one line
    prefix = git("rev-parse", "--show-prefix") or ""
    try:
        files = DVCFileSystem(".", rev=commit, subrepos=bool(prefix))
        files.get(f"/{prefix}data/weights/{name}", str(out), recursive=True)
    except Exception as error:  # DVC lets out whatever its remotes and its index come across
        raise GenloopError(
            f"{label}: its weights are neither in DVC's cache nor in its remote ({describe(error, 160)}); bring them "
            f"there by 'dvc fetch --all-commits' or 'dvc exp pull', or check {commit[:7]} out and run 'dvc repro'"
        ) from None


def data_hash(lock: str, data: str) -> str | None:
    """Return the hash that the text of a ``dvc.lock`` has for a prepared data set."""
    return hash_in(parse_lock(lock), f"data/prepared/{data}")


def holding_commit(name: str, weights: str) -> str | None:
    """Return the present commit, if its metrics of a run are of these weights."""
    try:
        held = json.loads(metrics_at("HEAD", name) or "null")
        return git("rev-parse", "HEAD") if held["identity"]["weights"] == weights else None
    except (ValueError, KeyError, TypeError):
        return None
