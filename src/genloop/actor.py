"""Who acts: the person behind a CI job, of Git, or of this machine."""

import getpass
import os

from genloop.errors import printable
from genloop.masking import mask_secrets, without_login
from genloop.workspace import git


def actor() -> str:
    """Return who acts, with the address of the job where one does, as it may be shown."""
    name, job = _of_job()
    if name:
        return mask_secrets(printable(f"{name} ({without_login(job)})" if job else name))
    return mask_secrets(printable(git("config", "user.name") or _login()))


def _of_job() -> tuple[str, str]:
    """Return who set a job of GitHub or GitLab going and its address; nothing elsewhere."""
    told = os.environ.get
    if name := told("GITHUB_ACTOR", ""):
        parts = (told("GITHUB_SERVER_URL"), told("GITHUB_REPOSITORY"), told("GITHUB_RUN_ID"))
        return name, "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""
    return told("GITLAB_USER_LOGIN", ""), told("CI_JOB_URL", "")


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return "unknown"
