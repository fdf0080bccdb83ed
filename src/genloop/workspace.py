"""Where things lie that outlive a workspace: in the main checkout, also from worktrees and DVC's temporary folders."""

import os
import secrets
import subprocess
from pathlib import Path

from filelock import FileLock

from genloop.errors import GenloopError
from genloop.outputs import write_text


def git(*arguments: str, folder: Path | None = None) -> str | None:
    """Return what Git prints, or None where there is no Git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def environment_without(*prefixes: str) -> dict[str, str]:
    """Return the environment for another program, but for the variables whose names begin so."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def main_root() -> Path:
    """Return the root of the main checkout.

    DVC sets DVC_ROOT to it in temporary workspaces; Git's common folder lies in it for worktrees.
    """
    start = Path(os.environ.get("DVC_ROOT") or Path.cwd())
    common = git("rev-parse", "--path-format=absolute", "--git-common-dir", folder=start)
    return Path(common).parent if common and Path(common).name == ".git" else start.resolve()


def state_folder(run: str, fingerprint: str) -> Path:
    """Return the folder of what an interrupted training needs to go on; equal trainings share it, others never."""
    return main_root() / ".state" / f"{run}-{fingerprint[:16]}"


def lock_of(state: Path) -> Path:
    """Return the file that a training holds locked for as long as it lives, given its folder."""
    return state.with_suffix(".lock")


def checkout_id() -> str:
    """Return what tells this checkout from others: drawn at random on first use, and kept with the states."""
    path = main_root() / ".state" / "checkout"
    path.parent.mkdir(exist_ok=True)
    with FileLock(path.with_suffix(".lock"), timeout=10):
        if not path.exists():
            write_text(path, secrets.token_hex(16))
        return path.read_text()


def check_replaceable(folder: Path, file: str, what: str) -> None:
    """Check that a folder to be replaced is new, empty, or one of ours, which has ``file``.

    Raises:
        GenloopError: it holds other files than ``what``.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / file).exists():
        raise GenloopError(f"{folder}: holds other files than {what}, which would be lost; name a new folder")


def trained(name: str) -> Path:
    """Return the folder of a run's weights in the workspace.

    Raises:
        GenloopError: there are none.
    """
    weights = Path("data/weights") / name
    if not (weights / "run.json").exists():
        raise GenloopError(f"{weights}: holds no weights; run 'dvc repro train@{name}' first")
    return weights
