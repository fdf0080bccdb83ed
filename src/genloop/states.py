"""Files of what a training needs to go on: written whole and synced, checked when they are read, the last two kept."""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from pytorch_lightning.plugins.io import CheckpointIO

from genloop.errors import GenloopError
from genloop.identity import hash_file
from genloop.outputs import sync
from genloop.workspace import lock_of

KEPT = 2  # states of a training: a damaged one falls back to the one before it
DIGITS = 16  # of the checksum in a file's name
SECONDS_OF_WAITING = 20.0  # for a training whose pipeline was killed, which ends by itself
# States of trainings that were interrupted and never said again go when they are old, but for a few, so that a clock
# that jumps forward costs none of those that somebody may come back for.
SECONDS_OF_STALE, FEW = 30 * 24 * 3600, 10


class StateFiles(CheckpointIO):
    """A folder of states, each named after its step and the checksum of its bytes, so that both appear together."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not exist yet."""
        self.folder = folder

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: object = None) -> None:
        """Write a state under the name ``path`` and its checksum; the file appears whole or not at all."""
        unfinished = self.folder / ".state.unfinished"
        try:
            with unfinished.open("wb") as stream:
                torch.save(checkpoint, stream)
            sync(unfinished)
            unfinished.rename(self.folder / f"{Path(path).name}-{_checksum(unfinished)}.ckpt")
        finally:
            unfinished.unlink(missing_ok=True)
        sync(self.folder)
        for old in self._newest_first()[KEPT:]:
            old.unlink()

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a state; nothing in it can run code, whatever the caller says."""
        return torch.load(path, map_location=map_location, weights_only=True)

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a state."""
        Path(path).unlink(missing_ok=True)

    def newest(self) -> Path | None:
        """Return the newest state that is whole, or None; tell of each that is not and remove it."""
        for path in self._newest_first():
            reason = _damage(path)
            if reason is None:
                return path
            print(f"genloop: {path}: {reason}; removed, going on from the state before it", file=sys.stderr)
            path.unlink()
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.ckpt"), key=lambda path: path.name, reverse=True)


def _checksum(path: Path) -> str:
    return hash_file(path)[:DIGITS]


def _damage(path: Path) -> str | None:
    """Return what is wrong with a state, or None."""
    try:
        if _checksum(path) != path.stem.rpartition("-")[2]:
            return "damaged"
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # whatever a file that somebody else wrote may hold
        return f"is no state of a training ({type(error).__name__})"
    return None


class Alone:
    """Holds a folder of states for one training, against a second one and against one that lost its pipeline.

    A context manager.
    """

    def __init__(self, name: str, folder: Path) -> None:
        """Take the run's name and the folder."""
        self.name, self.folder = name, folder
        self.lock = FileLock(lock_of(folder), timeout=SECONDS_OF_WAITING)
        self.process = folder.with_suffix(".pid")

    def __enter__(self) -> None:
        """Make the folder, and remove states that nobody came back for.

        Raises:
            GenloopError: another process holds it, named where it can be.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.lock.acquire()
        except Timeout:
            holder = self.process.read_text() if self.process.exists() else ""
            stop = f"stop it by 'kill {holder}'" if holder else "stop it"
            raise GenloopError(
                f"{self.name}: another process{holder and f' ({holder})'} is training exactly this; wait for it, or "
                f"{stop}, and say the same again"
            ) from None
        self.process.write_text(str(os.getpid()))
        for stale in stale_states(self.folder):
            remove_state(stale)

    def __exit__(self, *error: object) -> None:
        """Let go; where the training came to its end, nothing is left."""
        self.process.unlink(missing_ok=True)
        if not self.folder.exists():
            Path(self.lock.lock_file).unlink(missing_ok=True)
        self.lock.release()


def stale_states(own: Path) -> list[Path]:
    """Return the folders beside ``own`` in which nothing was written for a month, but for the last ten written."""
    others = [folder for folder in own.parent.iterdir() if folder.is_dir() and folder != own]
    written = {folder: max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))) for folder in others}
    oldest = sorted(others, key=lambda folder: written[folder])[:-FEW]
    return [folder for folder in oldest if time.time() - written[folder] > SECONDS_OF_STALE]


def remove_state(folder: Path) -> None:
    """Remove a folder of states with its lock, unless a training holds it."""
    lock = FileLock(lock_of(folder), timeout=0)
    try:
        with lock:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        return
