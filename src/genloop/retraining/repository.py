"""Git as a retraining needs it: commits made beside the working tree, and references that one of two wins."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from genloop.errors import GenloopError
from genloop.masking import mask_secrets
from genloop.retraining.retries import Unreachable
from genloop.workspace import environment_without, git

NOBODY = {"NAME": "genloop", "EMAIL": "genloop@localhost.invalid"}  # where Git knows no author
SECONDS = 120.0  # for one command that asks the remote


class Rejected(Exception):
    """A reference is not what it was thought to be: somebody else was first."""


class Repository:
    """The repository of the present folder, and one of its remotes."""

    def __init__(self, remote: str) -> None:
        """Take the remote by its name; nothing is asked yet."""
        self.remote = remote

    def remote_commit(self, reference: str) -> str | None:
        """Return what a reference of the remote points to.

        Raises:
            Unreachable: the remote does not answer.
        """
        listed = self._ask("ls-remote", self.remote, reference)
        return listed.split()[0] if listed else None

    def fetch(self, reference: str) -> str | None:
        """Bring what a reference of the remote points to, and return its commit; None if there is no such reference.

        Raises:
            Unreachable: the remote does not answer.
        """
        commit = self.remote_commit(reference)
        if commit and git("cat-file", "-e", f"{commit}^{{commit}}") is None:
            self._ask("fetch", "--quiet", "--no-tags", self.remote, reference)
        return commit

    def fetched(self, reference: str, commit: str, form: str) -> str:
        """Return what ``git show --format`` says of a commit that a reference of the remote points to, or did."""
        if git("cat-file", "-e", commit) is None:
            try:
                self._ask("fetch", "--quiet", "--no-tags", self.remote, reference)
            except Unreachable:
                return ""  # gone in this moment: the next look tells
        return git("show", "--no-patch", f"--format={form}", commit) or ""

    def swap(self, reference: str, known: str | None, commit: str | None, options: Sequence[str] = ()) -> None:
        """Point a reference of the remote to a commit, or remove it, if it still is what it was known to be.

        Raises:
            Rejected: it is not.
            Unreachable: the remote does not answer.
        """
        condition = f"--force-with-lease={reference}:{known or ''}"
        try:
            self._ask("push", "--quiet", "--porcelain", condition, *options, self.remote, f"{commit or ''}:{reference}")
        except Unreachable as error:
            if self.remote_commit(reference) not in (known, commit):
                raise Rejected(str(error)) from None
            if self.remote_commit(reference) != commit:
                raise

    def make_commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        """Return a new commit of a tree."""
        given = [part for parent in parents for part in ("-p", parent)]
        return _run(["commit-tree", tree, *given, "-m", message], _author())

    def commit_of(self, paths: Iterable[str], parent: str, message: str) -> str | None:
        """Return a commit of these files as they are in the working tree, on a parent; None if nothing differs from it.

        Neither the working tree nor Git's index changes.
        """
        with tempfile.TemporaryDirectory(prefix="genloop-") as scratch:
            aside = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            _run(["read-tree", parent], aside)
            _run(["add", "--all", "--force", "--", *paths], aside)
            tree = _run(["write-tree"], aside)
        return None if tree == git("rev-parse", f"{parent}^{{tree}}") else self.make_commit(tree, (parent,), message)

    def _ask(self, *arguments: str) -> str:
        try:
            return _run(arguments, {"GIT_TERMINAL_PROMPT": "0"})
        except GenloopError as error:
            raise Unreachable(str(error)) from None
        except subprocess.TimeoutExpired:
            raise Unreachable(f"git {arguments[0]}: no answer within {SECONDS:.0f} s") from None


def _author() -> dict[str, str]:
    """Return an author for Git where it has none, as on a machine of CI."""
    known = {role: git("var", f"GIT_{role}_IDENT") for role in ("AUTHOR", "COMMITTER")}
    return {
        f"GIT_{role}_{what}": value
        for role, ident in known.items()
        if ident is None
        for what, value in NOBODY.items()
        if f"GIT_{role}_{what}" not in os.environ
    }


def _run(arguments: Sequence[str], environment: dict[str, str]) -> str:
    """Run Git and return what it prints.

    Raises:
        GenloopError: it failed.
    """
    done = subprocess.run(
        ["git", *arguments],
        env=environment_without() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
    )
    if done.returncode:
        told = " ".join((done.stderr or done.stdout).split())
        raise GenloopError(f"git {arguments[0]}: {mask_secrets(told)[-300:] or 'failed'}")
    return done.stdout.strip()
