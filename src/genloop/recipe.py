"""What making a run again needs: commit, changes, dvc.lock and the versions of what it ran with."""

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from genloop.changes import DATA, FAILURES, Changes, changes
from genloop.confidential import holds_secret
from genloop.errors import GenloopError
from genloop.versions import Lock, hash_in, parse_lock
from genloop.workspace import git

STAGES = ("train", "sample", "evaluate")  # that are made again
PACKAGES = (  # that what is made may depend on
    *("torch", "pytorch-lightning", "numpy", "scipy", "scikit-learn", "pandas"),
    *("pyarrow", "pillow", "matplotlib", "dvc", "mlflow"),
)


@dataclass(frozen=True)
class Recipe:
    """How a run was made. Without a lock it is that of a training under way."""

    changes: Changes
    prefix: str  # of the project's folder in its repository
    versions: dict[str, str]  # of Python and of packages
    lock: str = ""  # the text of dvc.lock once all was made

    @property
    def made(self) -> dict[str, Any]:
        """What is known beside patch and lock, as JSON holds it."""
        kept = {"commit": self.changes.commit, "prefix": self.prefix, "versions": self.versions}
        lacking = {"left_out": list(self.changes.left_out), "too_large": list(self.changes.too_large)}
        return kept | lacking

    @property
    def stages(self) -> Lock:
        """What dvc.lock says of each stage."""
        return parse_lock(self.lock)


def recipe_here(folder: Path, finished: str | None = None) -> Recipe:
    """Return the recipe of what is made in a folder now, or of the outputs of a ``finished`` run.

    Raises:
        GenloopError: there is no commit, or the finished run was made of other files than those that lie here.
    """
    try:
        found = changes(folder)
    except FAILURES:
        raise GenloopError("there is no commit of Git here; make one, so that a run can be made again") from None
    prefix = git("rev-parse", "--show-prefix", folder=folder) or ""
    if finished is None:
        return Recipe(found, prefix, versions())
    lock = folder / "dvc.lock"
    text = lock.read_text(encoding="utf-8") if lock.exists() else ""
    if holds_secret(lock.name, text.encode()):
        raise GenloopError(
            "dvc.lock holds what looks like a secret, as params.yaml did; take it out and run 'dvc repro'"
        )
    check_made_of(finished, parse_lock(text), folder)
    return Recipe(found, prefix, versions(), text)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that runs depend on, as far as they are installed."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def check_made_of(run: str, lock: Lock, folder: Path) -> None:
    """Check that code and choices in a folder are those that a run's outputs were made of.

    Raises:
        GenloopError: names the first file that is another one.
    """
    for stage in STAGES:
        known = lock.get(f"{stage}@{run}")
        if known is None:
            raise GenloopError(f"dvc.lock does not know {stage}@{run}; run 'dvc repro'")
        for dependency in known["deps"]:
            path = str(dependency["path"])
            made = path.startswith(f"{DATA}/") and not path.startswith(f"{DATA}/config/")
            if (hash_in(lock, path) if made else dvc_hash(folder / path)) != dependency.get("md5"):
                raise GenloopError(f"{path} has changed since {stage}@{run} ran; run 'dvc repro'")


def dvc_hash(path: Path) -> str | None:
    """Return DVC's hash of a file, or of a folder: of the list of its files."""
    if path.is_file():
        return _md5(path.read_bytes())
    if not path.is_dir():
        return None
    files = (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    named = sorted((file.relative_to(path).as_posix(), file) for file in files)
    entries = [{"md5": _md5(file.read_bytes()), "relpath": name} for name, file in named]
    return _md5(json.dumps(entries).encode()) + ".dir"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
