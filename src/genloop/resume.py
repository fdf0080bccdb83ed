"""When a training saves its state, and how it ends early: by Ctrl-C, by a scheduler, or without its pipeline."""

import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytorch_lightning as lightning
from pytorch_lightning.callbacks import Callback

from genloop.arithmetic import Arithmetic
from genloop.batches import Batches
from genloop.command import PARENT
from genloop.errors import Interrupted
from genloop.states import StateFiles

SHARE = 0.02  # of the time that saving takes at most: after a state that took long, the next one waits
SIGNALS = (signal.SIGINT, signal.SIGTERM)
STARTED_BY_DVC = "DVC_STAGE"  # set by DVC for each stage


def is_due(waited: float, cost: float, every: float) -> bool:
    """Return whether to save after waiting so long, where a state is wished for ``every`` so often; all in seconds."""
    return waited >= max(every, cost / SHARE)


class Cause(NamedTuple):
    """Why a training ends before its time."""

    reason: str
    code: int  # of the process


class Ending:
    """Hears the signals that end a training, which then stops where its state can be saved.

    A context manager. A second signal ends the process at once, from the last state that was saved.
    """

    def __init__(self, name: str) -> None:
        """Take the run's name, for what is told."""
        self.name = name
        self.heard: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Ending":
        """Listen."""
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self.listen()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the signals to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Hear the signals, alone."""
        for number in SIGNALS:
            signal.signal(number, self._hear)

    @property
    def cause(self) -> Cause | None:
        """Why the training has to end now, if it has to."""
        if self.heard is not None:
            return Cause(f"stopped by {self.heard.name}", 128 + self.heard)
        if os.environ.get(STARTED_BY_DVC) and os.getppid() != PARENT:
            return Cause("the pipeline that started it is gone", 128 + signal.SIGHUP)
        return None

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.heard is not None:
            raise KeyboardInterrupt
        self.heard = signal.Signals(number)
        print(f"genloop: {self.name}: {self.heard.name}: saving the state (once more ends it at once)", file=sys.stderr)


class SaveState(Callback):
    """Saves all that is needed to go on, at the end of each epoch and every so many seconds within it.

    Of several devices each would have to save what it alone knows of an epoch, so these save at its end only.
    """

    def __init__(self, files: StateFiles, every: float, batches: Batches, ending: Ending, now: Arithmetic) -> None:
        """Take the seconds between two states, and what belongs to a state."""
        self.files, self.every, self.batches, self.ending, self.now = files, every, batches, ending, now
        self.step = 0  # of the training, that of the last state
        self.arithmetic = [(0, now)]  # with the step from which on it was used
        self.saved, self.cost = time.monotonic(), 0.0

    def on_train_start(self, trainer: lightning.Trainer, system: Any) -> None:
        """Have the signals to itself: Lightning, which hears SIGTERM from here, would end where no state is saved."""
        self.ending.listen()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, system: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save within an epoch; what comes at its end is saved there."""
        if self.batches.given < self.batches.steps and trainer.world_size == 1:
            self._save_if(trainer, self.every)

    def on_train_epoch_end(self, trainer: lightning.Trainer, system: Any) -> None:
        """Save; all devices do it together, and stop together."""
        self._save_if(trainer, every=0.0)

    def _save_if(self, trainer: lightning.Trainer, every: float) -> None:
        due = is_due(time.monotonic() - self.saved, self.cost, every)
        due, cause = trainer.strategy.broadcast((due, self.ending.cause))
        if due or cause:
            self._save(trainer, self.batches.steps_made)
        if cause:
            raise Interrupted(
                f"{self.ending.name}: {cause.reason}, its state is saved as of step {self.step:,}; "
                "say the same again to go on",
                cause.code,
            )

    def _save(self, trainer: lightning.Trainer, step: int) -> None:
        start, before = time.monotonic(), self.step
        self.step = step
        try:
            trainer.save_checkpoint(Path(f"{step:012d}"))
        except (OSError, RuntimeError) as error:  # the latter is what torch makes of the former
            self.step = before
            told = getattr(error, "strerror", None) or " ".join(str(error).split())[:100]
            print(
                f"genloop: {self.ending.name}: cannot save its state in {self.files.folder} ({told}); it goes on, and "
                f"an interruption would lose what came after step {before:,}",
                file=sys.stderr,
            )
        self.saved = time.monotonic()
        self.cost = self.saved - start

    def state_dict(self) -> dict[str, Any]:
        """Return the step and what steps were made with."""
        return {"step": self.step, "arithmetic": [(step, asdict(made)) for step, made in self.arithmetic]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on; other arithmetic than before is noted and told, since the bytes will be others."""
        self.step = state_dict["step"]
        self.arithmetic = [(step, Arithmetic(**made)) for step, made in state_dict["arithmetic"]]
        if unlike := self.arithmetic[-1][1].differences(self.now):
            self.arithmetic.append((self.step, self.now))
            print(
                f"genloop: {self.ending.name}: goes on from step {self.step:,} with other arithmetic "
                f"({'; '.join(unlike)}), so it ends with other bytes than an undisturbed run; remove "
                f"{self.files.folder} to begin anew",
                file=sys.stderr,
            )
