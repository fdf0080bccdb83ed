"""The live log of a training: a thread that sends what it can, so that training never waits for MLflow or fails by it.

What is not sent is not lost: it is in the outputs of ``train``, and ``record`` completes the run from there.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from genloop.config import Training
from genloop.devices import process_rank
from genloop.doctor import Finding
from genloop.identity import hash_weights

if TYPE_CHECKING:
    from genloop.tracking.store import Store

PATIENCE = 5.0  # seconds without progress after which the end of a training no longer waits for the log
Work = Callable[["Store", str], None]


class Live:
    """Follows a training; fulfills ``genloop.callbacks.Observer``."""

    def __init__(self, name: str, run: Training, fingerprint: str) -> None:
        """Take the run's name, choices and fingerprint; nothing is imported or sent yet."""
        self.name, self.run, self.fingerprint = name, run, fingerprint
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._progress = time.monotonic()
        self._broken = Event()
        self._known: set[int] = set()
        self._known_previews: set[int] = set()
        self._thread = Thread(target=self._send_all, daemon=True)

    def __enter__(self) -> "Live":
        """Start sending, from the first of several processes only."""
        if process_rank() == 0:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Close the run, as failed after an exception, and wait for the thread as long as it gets on."""
        if kind is not None:
            self._work.put(lambda store, run_id: store.client.set_terminated(run_id, "FAILED"))
        self._work.put(None)
        self._progress = time.monotonic()
        while self._thread.is_alive() and time.monotonic() - self._progress < PATIENCE:
            self._thread.join(0.05)
        if self._thread.is_alive():
            self._give_up(f"no answer for {PATIENCE:.0f} s")

    def epoch(self, losses: dict[str, Any], layers: list[dict[str, Any]]) -> None:
        """Send an epoch's curves."""
        now = int(time.time() * 1000)
        self._work.put(lambda store, run_id: self._send_epoch(store, run_id, losses, layers, now))

    def preview(self, epoch: int, path: Path) -> None:
        """Send a picture of what the networks generate; it is read at once, since its folder will move."""
        from PIL import Image

        picture = Image.open(path).copy()
        self._work.put(lambda store, run_id: self._send_preview(store, run_id, epoch, picture))

    def finding(self, found: Finding) -> None:
        """Send a disease."""
        now = int(time.time() * 1000)
        self._work.put(lambda store, run_id: self._send_finding(store, run_id, found, now))

    def finish(self, out: Path) -> None:
        """Name the run after its weights; if another run already holds exactly these, this one gives way."""
        if process_rank():
            return
        weights = hash_weights(out / "weights.safetensors")
        self._work.put(lambda store, run_id: self._close(store, run_id, weights))

    def _send_all(self) -> None:
        try:
            from genloop.tracking.store import Store

            store = Store(self.run.data)
            run_id = self._open(store)
            while (work := self._work.get()) is not None:
                work(store, run_id)
                self._progress = time.monotonic()
        except Exception as error:  # whatever a server or a disk comes up with, training goes on
            self._give_up(" ".join(str(error).split())[:200] or type(error).__name__)

    def _give_up(self, reason: str) -> None:
        if not self._broken.is_set():
            self._broken.set()
            print(
                f"genloop: {self.name}: MLflow does not take the live log ({reason}); 'record' will complete it",
                file=sys.stderr,
            )

    def _open(self, store: "Store") -> str:
        """Go on in the run with this fingerprint, interrupted or finished, or begin one."""
        from genloop.tracking.pictures import logged_previews
        from genloop.tracking.store import identity_tags

        known = store.find(run=self.name, fingerprint=self.fingerprint)
        if known:
            run_id = str(known[-1].info.run_id)
            self._known = store.logged_epochs(run_id)
            self._known_previews = logged_previews(store.client, run_id)
            if known[-1].info.status != "FINISHED":
                store.client.update_run(run_id, status="RUNNING")
            return run_id
        return store.begin(self.name, self.run, identity_tags(self.name, self.run, self.fingerprint))

    def _send_epoch(
        self, store: "Store", run_id: str, losses: dict[str, Any], layers: list[dict[str, Any]], now: int
    ) -> None:
        from genloop.tracking.store import epoch_metrics

        if losses["epoch"] not in self._known:
            store.log(run_id, epoch_metrics(losses, layers, now))

    def _send_preview(self, store: "Store", run_id: str, epoch: int, picture: Any) -> None:
        from genloop.tracking.pictures import log_preview

        if epoch not in self._known_previews:
            log_preview(store.client, run_id, epoch, picture)

    def _send_finding(self, store: "Store", run_id: str, found: Finding, now: int) -> None:
        from genloop.tracking.store import log_finding

        log_finding(store, run_id, found, now)

    def _close(self, store: "Store", run_id: str, weights: str) -> None:
        if store.client.get_run(run_id).info.status == "FINISHED":
            return  # trained again by force; had the weights come out otherwise, record would make a run of them
        if any(twin.info.run_id != run_id for twin in store.find(run=self.name, weights=weights)):
            store.client.delete_run(run_id)
            return
        store.name_after(run_id, self.name, weights)
        store.client.set_terminated(run_id, "FINISHED")
