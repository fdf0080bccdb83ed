"""What happens around the steps of a training: previews, progress, records on the device."""

from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor
from tqdm import tqdm

from genloop import plugins
from genloop.batches import Batches
from genloop.conditions import shown_conditions
from genloop.config import Gan, Vae
from genloop.modes import evaluating
from genloop.observing import Observer
from genloop.outputs import sync
from genloop.plugins import Schema
from genloop.randomness import keyed_seed


class Previews(Callback):
    """Draws the same latents again every few epochs."""

    def __init__(self, run: Gan | Vae, schema: Schema, folder: Path, observer: Observer) -> None:
        self.run, self.folder, self.observer = run, folder, observer
        self.module = plugins.data(run.modality)
        self.schema, self.conditions = schema, shown_conditions(run, schema)
        self.begun = False

    def on_train_start(self, trainer: lightning.Trainer, system: Any) -> None:
        """Draw what random weights generate, unless the training goes on."""
        if not self.begun:
            self._draw(trainer, system, 0)
            self.begun = True

    def on_train_epoch_end(self, trainer: lightning.Trainer, system: Any) -> None:
        """Draw what has been learned so far."""
        self._draw(trainer, system, trainer.current_epoch + 1)

    @rank_zero_only
    def _draw(self, trainer: lightning.Trainer, system: Any, epoch: int) -> None:
        if epoch in preview_epochs(int(trainer.max_epochs or 1), self.run.previews):
            path = self.folder / f"epoch_{epoch:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.module.draw(self._records(system), self.schema).save(path)
            sync(path)  # the states that are saved from now on rely on it
            self.observer.preview(epoch, path)

    def _records(self, system: Any) -> Tensor:
        network = system.sampled[plugins.SAMPLED[self.run.family].lower()]
        torch.manual_seed(keyed_seed(self.run.seed, "preview"))
        latents = system.sampled["prior"].sample(len(self.conditions)).to(system.device)
        with evaluating(network):
            return network(latents, self.conditions.to(system.device)).sample().cpu()

    def state_dict(self) -> dict[str, Any]:
        """Return that the first picture is drawn, for resuming."""
        return {"begun": self.begun}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on."""
        self.begun = state_dict["begun"]


def preview_epochs(epochs: int, previews: int) -> set[int]:
    """Return the epochs after which to draw, evenly from 0, before the training, to the last; one is at the end."""
    return {round(epochs * share / (previews - 1)) for share in range(previews)} if previews > 1 else {epochs}


class Progress(Callback):
    """One bar over the whole training, with losses, rate and time left; silent when nobody watches."""

    def __init__(self, label: str, batches: Batches) -> None:
        self.label, self.batches = label, batches
        self.bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: lightning.Trainer, system: Any) -> None:
        """Open the bar where a resumed training goes on."""
        total = self.batches.steps * int(trainer.max_epochs or 1)
        done = self.batches.steps_made
        silent = True if trainer.global_rank else None  # None: silent where nobody watches
        self.bar = tqdm(total=total, initial=done, desc=self.label, unit="batch", disable=silent, mininterval=0.5)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, system: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar on; the losses are read from the device only when the bar is drawn."""
        if self.bar is not None and not self.bar.disable and self.bar.update(len(batch)):
            losses = {name: f"{float(value) / len(batch):.3g}" for name, value in outputs.items()}
            self.bar.set_postfix(losses, refresh=False)

    def teardown(self, trainer: lightning.Trainer, system: Any, stage: str) -> None:
        """Close the bar, also after a failure."""
        if self.bar is not None:
            self.bar.close()


class Devices(Callback):
    """Gives each device its part of the batches at the beginning, and one state to all at the end."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def on_fit_start(self, trainer: lightning.Trainer, system: Any) -> None:
        """Place the records."""
        self.batches.place(system.device, trainer.global_rank, trainer.world_size)

    def on_train_end(self, trainer: lightning.Trainer, system: Any) -> None:
        """Give all devices the running statistics of the first, which each has measured on its own records."""
        if trainer.world_size > 1:
            for buffer in system.buffers():
                torch.distributed.broadcast(buffer, src=0)
