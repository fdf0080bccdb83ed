"""What a retraining came to, committed beside the working tree and pushed: to the target, or on a branch of its own."""

import os
from dataclasses import dataclass
from pathlib import Path

from genloop.errors import GenloopError
from genloop.outputs import write_text
from genloop.retraining.lease import GaveWay
from genloop.retraining.plan import Plan, make_plan
from genloop.retraining.repository import Rejected, Repository
from genloop.retraining.retries import retried
from genloop.versions import METRICS
from genloop.workspace import git

LOCK = "dvc.lock"
HEADS = "refs/heads/"
SHOWN = 3  # files that are named


@dataclass(frozen=True)
class Publishing:
    """Where results go: onto ``target`` itself, or on ``branch``, which people merge."""

    repository: Repository
    target: str
    branch: str
    direct: bool

    @property
    def reference(self) -> str:
        """What is pushed to."""
        return f"{HEADS}{self.target if self.direct else self.branch}"


def check_committed() -> None:
    """Check that the working tree is what its commit says, but for what a retraining writes.

    Raises:
        GenloopError: it is not, so that nobody could tell what the results were made of.
    """
    changed = (git("diff", "--name-only", "--relative", "HEAD") or "").splitlines()
    new = (git("ls-files", "--others", "--exclude-standard") or "").splitlines()
    other = [name for name in (*changed, *new) if not _is_ours(name)]
    if other:
        more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
        raise GenloopError(f"{', '.join(other[:SHOWN])}{more}: not committed; commit first, or use --publish none")


def _is_ours(name: str) -> bool:
    return name == LOCK or name.startswith(f"{METRICS}/") or (name.startswith("data/raw/") and name.endswith(".dvc"))


def adopt(publishing: Publishing, plan: Plan) -> Plan:
    """Go on from a proposal that nobody has merged yet, if less has to run anew after it; return what has.

    Without this, every trigger until the merge would train again, or fetch it all from the cache.
    """
    repository = publishing.repository
    proposal = retried("asking the Git remote", lambda: repository.fetch(f"{HEADS}{publishing.branch}"))
    names = (git("ls-tree", "-r", "--name-only", proposal, "--", LOCK, METRICS) or "").splitlines() if proposal else []
    if not plan.stages or LOCK not in names:
        return plan
    earlier = {name: Path(name).read_text() if Path(name).exists() else None for name in names}
    for name in names:
        write_text(Path(name), f"{git('show', f'{proposal}:./{name}')}\n")
    adopted = make_plan()
    if len(adopted.stages) < len(plan.stages):
        return adopted
    for name, text in earlier.items():
        if text is None:
            Path(name).unlink()
        else:
            write_text(Path(name), text)
    return plan


def publish(publishing: Publishing, title: str, text: str) -> str | None:
    """Commit dvc.lock, scores and moved imports, and push them; return the commit, or None if all that is there.

    Raises:
        GaveWay: the target has moved on since this checkout was made.
        GenloopError: the remote refuses it.
    """
    repository, head = publishing.repository, git("rev-parse", "HEAD") or ""
    ours = [LOCK, METRICS, *(str(path) for path in Path("data/raw").glob("**/*.dvc"))]
    commit = repository.commit_of(ours, head, f"{title}\n\n{text}")
    known = retried("asking the Git remote", lambda: repository.fetch(publishing.reference))
    if commit is None or (known and git("rev-parse", f"{known}^{{tree}}") == git("rev-parse", f"{commit}^{{tree}}")):
        return None
    if publishing.direct and known and git("merge-base", "--is-ancestor", known, commit) is None:
        raise _moved_on(publishing.target)
    try:
        retried(
            f"pushing to {publishing.reference}",
            lambda: repository.swap(publishing.reference, known, commit, _merge_request(publishing, title)),
        )
    except Rejected:
        raise _moved_on(publishing.reference.removeprefix(HEADS)) from None
    if publishing.direct:
        git("reset", "--quiet", "--mixed", commit)  # the working tree is that of the commit already
    return commit


def _moved_on(branch: str) -> GaveWay:
    return GaveWay(
        f"{branch} has moved on meanwhile; what was trained is in DVC's cache, and the next run goes on there"
    )


def _merge_request(publishing: Publishing, title: str) -> tuple[str, ...]:
    """Return what has GitLab open a merge request for the branch; GitHub's workflow opens its own."""
    if publishing.direct or not os.environ.get("GITLAB_CI"):
        return ()
    asked = ("create", f"target={publishing.target}", f"title={title}")
    return tuple(part for value in asked for part in ("--push-option", f"merge_request.{value}"))
