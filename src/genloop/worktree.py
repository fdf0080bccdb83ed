"""A commit with its changes in a folder that will be gone, beside the checkout and with DVC's cache in common."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from genloop.children import ended_with_us, run_shown
from genloop.dvc_settings import share_cache
from genloop.errors import GenloopError
from genloop.masking import mask_secrets
from genloop.recipe import Recipe
from genloop.workspace import environment_without, git


class Worktree:
    """The folder of a project at a commit, with changes and a dvc.lock."""

    def __init__(self, scratch: Path, recipe: Recipe) -> None:
        """Take a folder for all that comes about; nothing is made yet."""
        self.scratch, self.recipe = scratch, recipe
        self.root = scratch / "checkout"
        self.folder = self.root / recipe.prefix
        (scratch / "outside").mkdir()

    @property
    def environment(self) -> dict[str, str]:
        """That of a process in it: neither states of trainings nor a store of MLflow outside of it are touched."""
        kept = environment_without("DVC_", "GIT_", "MLFLOW_")
        return kept | {
            "DVC_ROOT": str(self.scratch / "outside"),  # where genloop keeps states; no repository of Git
            "DVC_SITE_CACHE_DIR": str(self.scratch / "site"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.scratch}/outside/mlflow.db",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
        }

    def make(self, checkout: Path) -> None:
        """Make it from the repository of a checkout.

        Raises:
            GenloopError: the commit is not there, or the changes do not apply to it.
        """
        commit, patch = self.recipe.changes.commit, self.recipe.changes.patch
        if git("cat-file", "-e", f"{commit}^{{commit}}", folder=checkout) is None:
            raise GenloopError(f"commit {commit} is not in this repository; bring it with 'git fetch' and say it again")
        without_hooks = ["git", "-c", f"core.hooksPath={os.devnull}"]
        self._git([*without_hooks, "worktree", "add", "--quiet", "--detach", str(self.root), commit], checkout)
        if patch:
            self._git(["git", "apply", "--whitespace=nowarn"], self.root, patch)
        if self.recipe.lock:  # DVC takes none, but not an empty one
            (self.folder / "dvc.lock").write_text(self.recipe.lock, encoding="utf-8")
        share_cache(checkout, self.folder)

    def _git(self, command: list[str], folder: Path, given: bytes = b"") -> None:
        done = subprocess.run(command, cwd=folder, input=given, capture_output=True)
        if done.returncode:
            told = mask_secrets(" ".join(done.stderr.decode(errors="replace").split()))[:300]
            what = "its changes do not apply to its commit" if given else "Git makes no worktree"
            raise GenloopError(f"{what} ({told}); nothing was made")

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run DVC in it in silence."""
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )

    def follow(self, seen: Callable[[str], None], *arguments: str) -> int:
        """Run Python in it, hand on each line that is said and return the exit code; it ends with this process."""
        return run_shown([sys.executable, *arguments], self.environment, seen, self.folder)

    def show_dvc(self, *arguments: str) -> int:
        """Run DVC in it, show what it says and return its exit code; it ends with this process."""
        command = [sys.executable, "-m", "dvc", *arguments]
        with (
            subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, process_group=0
            ) as process,
            ended_with_us(process),
        ):
            return process.wait()


@contextmanager
def worktree(recipe: Recipe, checkout: Path, keep: bool) -> Iterator[Worktree]:
    """Make a worktree, and remove it whatever happens, unless it is to be kept.

    Raises:
        GenloopError: it cannot be made.
    """
    scratch = Path(mkdtemp(prefix="genloop-")).resolve()
    made = Worktree(scratch, recipe)
    try:
        made.make(checkout)
        yield made
    finally:
        if not keep:
            git("worktree", "remove", "--force", "--force", str(made.root), folder=checkout)
            shutil.rmtree(scratch, ignore_errors=True)
            git("worktree", "prune", folder=checkout)
