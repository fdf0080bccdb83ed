"""DVC's commands as a retraining needs them: shown while they run, tried again where a remote fails."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from genloop.children import run_shown
from genloop.errors import GenloopError
from genloop.masking import describe, mask_secrets
from genloop.retraining.heard import BUSY, ERROR, Heard
from genloop.retraining.lease import GaveWay
from genloop.retraining.retries import Unreachable, retried
from genloop.workspace import environment_without

REMOTE = "DVC_REMOTE_URL"  # of the environment: a remote that the project's settings do not name
LOCAL_REMOTE = "retraining"  # its name in settings that are never committed


class StageFailed(GenloopError):
    """A stage ended with a fault, which it has told itself."""


def _environment() -> dict[str, str]:
    """Return the environment of DVC, without what an outer DVC has set."""
    return environment_without("DVC_ROOT", "DVC_STAGE", "DVC_EXP")


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def add_remote() -> None:
    """Have DVC use the remote that the environment names, in this checkout alone."""
    if address := os.environ.get(REMOTE):
        _quiet("remote", "add", "--quiet", "--local", "--force", "--default", LOCAL_REMOTE, address)


def _quiet(*arguments: str) -> None:
    """Run DVC in silence.

    Raises:
        Unreachable: it failed.
    """
    done = subprocess.run(
        _command(arguments), env=_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise Unreachable(mask_secrets(" ".join(told))[:300] or f"dvc {arguments[0]}: exit code {done.returncode}")


def has_remote() -> bool:
    """Return whether there is a remote, after looking whether it answers: missing files must be missing for sure.

    Raises:
        GenloopError: it does not answer.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    def look() -> bool:
        with Repo() as repo:
            if not repo.config["core"].get("remote"):
                return False
            try:
                store = repo.cloud.get_remote_odb()
                store.fs.exists(store.fs.join(store.path, "files"))
            except DvcException as error:  # of the settings: no second try mends them
                raise GenloopError(f"DVC's remote: {describe(error)}") from None
            except Exception as error:  # whatever the many kinds of remotes come up with
                raise Unreachable(describe(error)) from None
            return True

    return retried("asking DVC's remote", look)


def pull(paths: Iterable[str]) -> None:
    """Bring files that dvc.lock knows and that are not here; what the remote does not have stays away."""
    wanted = [path for path in dict.fromkeys(paths) if not Path(path).exists()]
    if wanted:
        retried("'dvc pull'", lambda: _quiet("pull", "--quiet", "--allow-missing", "--force", *wanted))


def push() -> None:
    """Bring all that dvc.lock knows, and which inputs led to it, to the remote."""
    retried("'dvc push'", lambda: _quiet("push", "--quiet", "--run-cache"))


def update(imports: Sequence[str]) -> None:
    """Move imports on to the newest version of where they come from."""
    if imports:
        retried("'dvc update'", lambda: _quiet("update", "--quiet", *imports))


def reproduce(targets: Sequence[str], remote: bool, whole: bool) -> Heard:
    """Run what has changed of some stages and what they need, and show what DVC says.

    Args:
        targets: the stages.
        remote: whether there is one to bring outputs from that others made of the same inputs.
        whole: whether all that they read of unchanged stages is here, so that these need not be looked at.

    Raises:
        StageFailed: a stage failed; the message is its own.
        GaveWay: another DVC is at work here, as one whose retraining was killed.
    """
    options = [*(["--pull"] if remote else []), *(["--allow-missing"] if whole else [])]
    heard = Heard()
    code = run_shown(_command(["repro", *options, *targets]), _environment(), heard)
    if code:
        if BUSY.search(heard.last):
            raise GaveWay("another DVC is at work in this checkout; say the same when it is done")
        by_dvc = [f"'dvc repro': {mask_secrets(heard.last)}"] if heard.last.startswith(ERROR) else []
        raise StageFailed([*heard.faults.values(), *by_dvc, f"'dvc repro' ended with the exit code {code}"][0])
    return heard
