"""One retraining at a time: on this machine by a lock, among machines by a reference in the Git remote they share.

Git changes a reference only if it still is what the pusher says ("compare and swap"), so that one of two wins. A holder
renews its lease while it lives, so that one that was killed is told from one that works.
"""

import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from genloop.errors import GenloopError
from genloop.retraining.repository import Rejected, Repository
from genloop.retraining.retries import Unreachable, retried
from genloop.workspace import main_root

REFERENCE = "refs/genloop/retraining"
RENEWALS = 6  # in the time after which a silent holder counts as gone
POLL = 2.0  # seconds between two looks, at most
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # of Git: that of no files


class GaveWay(GenloopError):
    """Another retraining is at work, or has been in the meantime."""


class Lease:
    """Who may publish and promote."""

    def __init__(self, repository: Repository | None, seconds: float) -> None:
        """Take the repository that machines share, and how long a holder may be silent."""
        self.repository, self.seconds = repository, seconds
        self.held = ""
        self.lost = False
        self._over = threading.Event()

    def check(self) -> None:
        """Check that nobody has taken over, as while this machine was asleep.

        Raises:
            GaveWay: somebody has.
        """
        if self.lost:
            raise GaveWay("another retraining has taken over, since this one was silent for too long; nothing is lost")

    def take(self, wait: float) -> None:
        """Wait for the lease.

        Raises:
            GaveWay: the one who holds it is alive after ``wait`` seconds.
        """
        if self.repository is None:
            return
        begun = time.monotonic()
        while not self._try(self.repository):
            if time.monotonic() - begun >= wait:
                raise GaveWay(f"another retraining is at work ({self._holder(self.repository)}); say the same later")
            time.sleep(min(POLL, self.seconds / RENEWALS))
        threading.Thread(target=self._renew, args=(self.repository,), daemon=True).start()

    def _try(self, repository: Repository) -> bool:
        """Take the lease if it is free, or its holder is gone."""
        known = retried("asking the Git remote", lambda: repository.remote_commit(REFERENCE))
        if known and not self._is_silent(repository, known):
            return False
        mine = self._note(repository)
        try:
            retried("asking the Git remote", lambda: repository.swap(REFERENCE, known, mine))
        except Rejected:
            return False
        self.held = mine
        return True

    def _note(self, repository: Repository) -> str:
        """Return a commit that says who holds the lease and for how long; its date is when it was renewed."""
        return repository.make_commit(EMPTY_TREE, (), f"{self.seconds} {secrets.token_hex(8)}")

    def _is_silent(self, repository: Repository, commit: str) -> bool:
        renewed, _, promise = self._read(repository, commit)
        return time.time() - renewed > promise

    def _holder(self, repository: Repository) -> str:
        known = repository.remote_commit(REFERENCE)
        if known is None:
            return "done by now"
        renewed, who, _ = self._read(repository, known)
        return f"of {who}, {max(time.time() - renewed, 0):.0f} s ago"

    def _read(self, repository: Repository, commit: str) -> tuple[float, str, float]:
        """Return when a lease was renewed, by whom, and for how many seconds that holds."""
        told = repository.fetched(REFERENCE, commit, "%ct%n%an%n%s").splitlines()
        try:
            return float(told[0]), told[1], float(told[2].split()[0])
        except (IndexError, ValueError):
            return 0.0, "nobody known", 0.0  # not ours: taken over

    def _renew(self, repository: Repository) -> None:
        renewed = time.monotonic()
        while not self._over.wait(self.seconds / RENEWALS):
            fresh = self._note(repository)
            try:
                repository.swap(REFERENCE, self.held, fresh)
            except Rejected:
                self.lost = True
                return
            except (Unreachable, subprocess.SubprocessError):
                self.lost = time.monotonic() - renewed > self.seconds
                continue
            self.held, self.lost, renewed = fresh, False, time.monotonic()

    def give_back(self) -> None:
        """Let others begin at once; if that fails they begin when the lease runs out."""
        self._over.set()
        if self.repository is not None and self.held and not self.lost:
            try:
                self.repository.swap(REFERENCE, self.held, None)
            except (Rejected, Unreachable):
                return


@contextmanager
def only_one(repository: Repository | None, wait: float, seconds: float) -> Iterator[Lease]:
    """Let one retraining at a time go on.

    Args:
        repository: with the remote that machines share; None: there is none, or nothing is published.
        wait: seconds to wait for another one.
        seconds: after which a holder that has not renewed its lease counts as gone.

    Raises:
        GaveWay: another one is at work.
    """
    path = main_root() / ".state" / "retraining.lock"
    path.parent.mkdir(exist_ok=True)
    lock, lease = FileLock(path), Lease(repository, seconds)
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise GaveWay("another retraining is at work in this checkout; say the same when it is done") from None
    try:
        lease.take(wait)
        yield lease
    finally:
        lease.give_back()
        lock.release()
