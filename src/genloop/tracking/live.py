"""The live log of a training: a thread that sends what it can, so that training never waits for MLflow or fails by it.

What is not sent is not lost: it is in the outputs of ``train``, and ``record`` completes the run from there.
"""

import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from genloop.config import Training
from genloop.devices import process_rank
from genloop.doctor import Finding
from genloop.errors import Interrupted, Terminated
from genloop.identity import hash_weights
from genloop.masking import describe
from genloop.recipe import recipe_here

if TYPE_CHECKING:
    from genloop.tracking.following import Following

PATIENCE = 4.5  # seconds without progress after which the end of a training no longer waits for the log
LONGEST_WAIT = 60.0  # seconds that it waits for a server that is slow but gets on; PATIENCE if it was away before
SECONDS_BETWEEN_TRIES = 30.0  # while the server is away
MOST_WAITING, MOST_FILES = 10_000, 50  # that are kept for it; the others are left to ``record``
CONFIG = Path("data/config")  # of the project in the present folder
INTERRUPTIONS = (KeyboardInterrupt, SystemExit, Interrupted, Terminated)


class Work(NamedTuple):
    """Something to send."""

    send: Callable[["Following"], None]
    is_file: bool = False


class Live:
    """Follows a training; fulfills ``genloop.callbacks.Observer``."""

    def __init__(self, name: str, run: Training, fingerprint: str, config: Path = CONFIG) -> None:
        """Take the run's name, choices and fingerprint, and where all are resolved; nothing is imported or sent yet."""
        self.name, self.run, self.fingerprint, self.config = name, run, fingerprint, config
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._files = BoundedSemaphore(MOST_FILES)  # places for them in the queue
        self._begun = False
        self._ending = Event()
        self._telling = Lock()  # taken for ever by whoever tells first
        self._progress = time.monotonic()
        self._thread = Thread(target=self._send_all, daemon=True)

    def __enter__(self) -> "Live":
        """Start sending, from the first of several processes only."""
        if process_rank() == 0:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Close the run of a training that was interrupted or failed; wait a while for the thread if it gets on."""
        if kind is not None and self._begun:
            status = "KILLED" if issubclass(kind, INTERRUPTIONS) else "FAILED"
            self._put(Work(lambda following: following.end(status)))
        self._work.put(None)
        self._ending.set()
        self._progress = end = time.monotonic()
        while self._thread.is_alive() and time.monotonic() - self._progress < PATIENCE:
            if time.monotonic() - end > (PATIENCE if self._telling.locked() else LONGEST_WAIT):
                break
            self._thread.join(0.02)
        if self._thread.is_alive():
            silent = time.monotonic() - self._progress >= PATIENCE
            self._tell(f"no answer for {PATIENCE} s" if silent else f"not through after {LONGEST_WAIT:.0f} s")

    def epoch(self, losses: dict[str, Any], layers: list[dict[str, Any]], steps: list[dict[str, Any]]) -> None:
        """Send an epoch's curves."""
        now = int(time.time() * 1000)
        if self._work.qsize() < MOST_WAITING:
            self._put(Work(lambda following: following.epoch(losses, layers, steps, now)))

    def preview(self, epoch: int, path: Path) -> None:
        """Send a picture of what the networks generate; it is read at once, since its folder will move."""
        if self._files.acquire(blocking=False):
            picture = path.read_bytes()
            self._put(Work(lambda following: following.preview(epoch, picture), is_file=True))

    def finding(self, found: Finding) -> None:
        """Send a disease."""
        now = int(time.time() * 1000)
        self._put(Work(lambda following: following.finding(found, now)))

    def finish(self, out: Path) -> None:
        """Name the run after its weights; if another run already holds exactly these, this one gives way."""
        if process_rank() == 0:
            weights = hash_weights(out / "weights.safetensors")
            self._put(Work(lambda following: following.finish(weights)))

    def _put(self, work: Work) -> None:
        """Leave work to the thread, which begins with the first: by then the training has its lock and goes on."""
        if process_rank():
            return
        self._work.put(work)
        if not self._begun:
            self._begun = True
            self._work.put(Work(lambda following: following.close_abandoned()))
            self._files.acquire()
            made = cache(lambda: recipe_here(Path()))
            self._work.put(Work(lambda following: following.recipe(made), is_file=True))

    def _send_all(self) -> None:
        """Send one piece of work after the other, each until it gets through, but for files.

        A file is tried twice, and once after one that was lost.
        The first failure may be of a moment, so that it is told, and waited after, only if the next try fails as well.
        """
        following: Following | None = None
        work: Work | None = None
        failures, broken = 0, False  # the place for files
        while True:
            last = self._ending.is_set()  # the try that begins now: one is made when the training is over
            try:
                following = following or self._connect()
                work = work or self._work.get()
                if work is None:
                    return
                following.open()
                self._progress = time.monotonic()
                work.send(following)
            except Exception as error:  # whatever a server or a disk comes up with, training goes on
                failures += 1
                if failures == 1 and following:
                    following.ask_anew()  # few requests, which most likely get through
                else:
                    following = None
                if failures > 1 or (broken and work and work.is_file):
                    self._tell(describe(error))
                    if work and work.is_file:  # its place may be broken where curves get through
                        self._files.release()
                        work, failures, broken = None, 0, True
                    elif last:
                        return
                    else:
                        self._ending.wait(SECONDS_BETWEEN_TRIES)
            else:
                if work.is_file:
                    self._files.release()
                    broken = False
                work, failures = None, 0
                self._progress = time.monotonic()

    def _connect(self) -> "Following":
        from genloop.tracking.following import Following

        following = Following(self.name, self.run, self.fingerprint, self.config)
        self._progress = time.monotonic()
        return following

    def _tell(self, reason: str) -> None:
        """Say once in a training that the log is behind, whatever else happens."""
        if self._telling.acquire(blocking=False):
            line = f"genloop: {self.name}: MLflow does not take the live log ({reason})"
            print(f"{line}; training does not wait for it, 'record' will complete it", file=sys.stderr)
