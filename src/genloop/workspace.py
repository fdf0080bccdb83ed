"""Where things lie that outlive a workspace: in the main checkout, also from worktrees and DVC's temporary folders."""

import os
import subprocess
from pathlib import Path


def git(*arguments: str, folder: Path | None = None) -> str | None:
    """Return what Git prints, or None where there is no Git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


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
