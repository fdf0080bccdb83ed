"""What a working tree has that its commit has not, as a patch of the files that the pipeline is made of."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from genloop.confidential import holds_secret
from genloop.strict_yaml import parse_yaml
from genloop.workspace import environment_without

PIPELINE = ("dvc.yaml", "params.yaml")
DATA = "data"  # goes by DVC's hash, never into a patch
LARGEST = 5 * 2**20  # bytes of a patch, and of a file in it
SECONDS = 60.0  # for one command of Git
FAILURES = (OSError, subprocess.SubprocessError)


@dataclass(frozen=True)
class Changes:
    """A patch against a commit; what it lacks is said."""

    commit: str
    patch: bytes = b""
    left_out: tuple[str, ...] = ()  # files that hold what looks like a secret
    too_large: tuple[str, ...] = ()  # files, or the whole patch


def changes(folder: Path) -> Changes:
    """Return the changes of the project in a folder: of its own files and of new ones that Git does not ignore.

    Git's index stays as it is, and nothing is added to Git's objects.

    Raises:
        FAILURES: Git is not there, or has no commit here.
    """
    with TemporaryDirectory(prefix="genloop-") as scratch:
        tree = _Tree(folder.resolve(), Path(scratch))
        commit = tree.git("rev-parse", "--verify", "HEAD^{commit}").decode().strip()
        where = ["--", *roots(folder)]
        before = set(_names(tree.git("ls-tree", "-r", "-z", "--name-only", "HEAD", *where)))
        now = set(_names(tree.own_git("ls-files", "-z", "--cached", "--others", "--exclude-standard", *where)))
        large = {name for name in now - before if _size(folder / name) > LARGEST}
        tree.take(before | now - large)
        changed = _names(tree.git("diff-index", "--cached", "-z", "--name-only", "--no-renames", "--relative", "HEAD"))
        if not changed and not large:
            return Changes(commit)
        secret = {name for name in changed if tree.holds_secret(name, name in before)}
        tree.take(set(changed) - secret)
        patch = tree.git("diff-index", "--cached", "-p", "--binary", "--full-index", "--no-renames", "HEAD")
    if len(patch) > LARGEST:
        return Changes(commit, b"", tuple(sorted(secret)), (f"the patch of {len(patch):,} bytes", *sorted(large)))
    return Changes(commit, patch, tuple(sorted(secret)), tuple(sorted(large)))


def roots(folder: Path) -> list[str]:
    """Return the files and folders of a project that its stages depend on, beside data: all within is taken along."""
    pipeline = folder / PIPELINE[0]
    declared = re.findall(r"[^\s'\"]+", _dependencies(parse_yaml(pipeline.read_text(encoding="utf-8"), pipeline)))
    found = {Path(dependency).parts[0] for dependency in declared if not dependency.startswith(("/", "..", "$"))}
    return [*PIPELINE, *sorted(found - {DATA})]


def _dependencies(content: object) -> str:
    """Return the dependencies anywhere in a pipeline, a line each."""
    if not isinstance(content, dict):
        return ""
    own = content.get("deps") if isinstance(content.get("deps"), list) else []
    return "\n".join([*map(str, own or []), *(_dependencies(value) for value in content.values())])


def _names(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _size(path: Path) -> int:
    return path.lstat().st_size if path.exists() else 0


class _Tree:
    """A working tree with an index and objects of its own in a folder that will be gone."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self.environment = environment_without("GIT_")
        self.environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C"}
        objects = self.own_git("rev-parse", "--path-format=absolute", "--git-path", "objects").decode().strip()
        (scratch / "objects").mkdir()
        self.aside = {
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects,
        }

    def own_git(self, *arguments: str) -> bytes:
        """Ask Git about the tree as it is."""
        return self._run(arguments, self.environment, b"")

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        """Have Git work with the index aside."""
        return self._run(arguments, self.environment | self.aside, given)

    def _run(self, arguments: tuple[str, ...], environment: dict[str, str], given: bytes) -> bytes:
        command = ["git", "-c", "core.fsmonitor=false", "-c", "core.safecrlf=false", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, input=given, capture_output=True, check=True, timeout=SECONDS
        )
        return done.stdout

    def take(self, names: set[str]) -> None:
        """Have the index hold the commit, but for these files, which are as they are in the working tree."""
        self.git("read-tree", "HEAD")
        given = b"".join(os.fsencode(name) + b"\0" for name in sorted(names))
        self.git("update-index", "-z", "--add", "--remove", "--replace", "--stdin", given=given)

    def holds_secret(self, name: str, was_there: bool) -> bool:
        """Return whether a changed file holds a secret now or held one in the commit: a patch shows both."""
        path = self.folder / name
        now = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        before = self.git("cat-file", "blob", f"HEAD:./{name}") if was_there else b""
        return holds_secret(name, now) or holds_secret(name, before)
