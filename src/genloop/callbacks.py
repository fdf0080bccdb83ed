"""What happens around the steps of a training: curves, layer statistics, previews, progress."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn
from tqdm import tqdm

from genloop import plugins
from genloop.batches import Batches
from genloop.conditions import shown_conditions
from genloop.config import Gan, Vae
from genloop.doctor import Finding
from genloop.modes import evaluating
from genloop.outputs import sync
from genloop.plugins import Schema
from genloop.randomness import keyed_seed
from genloop.watching import Checks

Row = dict[str, float | int | str]


@runtime_checkable
class Observer(Protocol):
    """Whoever follows a training while it runs; must neither fail nor wait."""

    def epoch(self, losses: Row, layers: list[Row], steps: list[Row]) -> None:
        """Take the mean losses and the layer statistics of an epoch, and the losses of some of its steps."""
        ...

    def preview(self, epoch: int, path: Path) -> None:
        """Take a picture of what the networks generate after ``epoch`` epochs."""
        ...

    def finding(self, found: Finding) -> None:
        """Take a disease that the doctor has found."""
        ...


MOST_STEPS = 500  # of a training whose own losses are kept, evenly from its first step on


class Curves(Callback):
    """Collects a row of mean losses and a row of statistics per layer for each epoch, and the losses of some steps."""

    def __init__(self, batches: Batches, checks: Checks | None, observer: Observer) -> None:
        self.batches, self.checks, self.observer = batches, checks, observer
        self.losses: list[Row] = []
        self.layers: list[Row] = []
        self.steps: list[Row] = []
        self._sums: dict[str, Tensor] = {}
        self._chosen: dict[int, dict[str, Tensor]] = {}  # losses by step of the training, of this epoch

    def on_train_epoch_start(self, trainer: lightning.Trainer, system: Any) -> None:
        """Begin new sums."""
        self._sums = {}

    def on_train_batch_end(
        self, trainer: lightning.Trainer, system: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the losses of a few steps, on their device; nobody waits for it before the epoch is over."""
        for name, value in outputs.items():
            self._sums[name] = self._sums.get(name, 0) + value
        every = -(-int(trainer.max_epochs or 1) * self.batches.steps // MOST_STEPS)
        before = trainer.current_epoch * self.batches.steps
        for step, curves in system.curves_seen:
            if (before + step) % every == 0:
                self._chosen[before + step + 1] = curves

    def on_train_epoch_end(self, trainer: lightning.Trainer, system: Any) -> None:
        """Close the epoch's rows and hand them to the observer."""
        epoch, steps = trainer.current_epoch + 1, self.batches.steps
        sums = {name: trainer.strategy.reduce(value, reduce_op="mean") for name, value in self._sums.items()}
        means = {name: float(value) / steps for name, value in sums.items()}
        row: Row = {"epoch": epoch, "records_seen": epoch * steps * self.batches.batch, **means}
        if self.checks and self.checks.figure in self.checks.at(epoch):
            row["validation"] = self.checks.at(epoch)[self.checks.figure]
        layers = [{"epoch": epoch, **statistics} for statistics in layer_statistics(system.trained)]
        single = self._read_steps(trainer)
        self.losses.append(row)
        self.layers.extend(layers)
        self.steps.extend(single)
        self.observer.epoch(row, layers, single)

    def _read_steps(self, trainer: lightning.Trainer) -> list[Row]:
        """Return the losses of the epoch's chosen steps; of several devices, their mean."""
        chosen, self._chosen = self._chosen, {}
        if not chosen:
            return []
        stacked = torch.stack([torch.stack([value.float() for value in each.values()]) for each in chosen.values()])
        values = trainer.strategy.reduce(stacked, reduce_op="mean").tolist()
        return [
            {"step": step, **dict(zip(each, found, strict=True))}
            for (step, each), found in zip(chosen.items(), values, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far, and the sums and steps of an epoch that is not over, for resuming."""
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from saved rows."""
        for name in STATE:
            setattr(self, name, state_dict[name])


STATE = ("losses", "layers", "steps", "_sums", "_chosen")  # of the curves


def layer_statistics(networks: nn.Module) -> list[Row]:
    """Return mean, deviation and norm of each layer's weights, biases and their last gradients."""
    rows: list[Row] = []
    tensors: list[Tensor] = []
    for name, module in networks.named_modules():
        for part, parameter in module.named_parameters(recurse=False):
            for kind, tensor in ((part, parameter), (f"{part}_gradient", parameter.grad)):
                if tensor is not None:
                    rows.append({"layer": name, "part": kind})
                    flat = tensor.detach().flatten().float()
                    tensors.append(torch.stack([flat.mean(), flat.std(correction=0), flat.norm()]))
    for row, values in zip(rows, torch.stack(tensors).tolist(), strict=True):
        row.update(zip(("mean", "deviation", "norm"), values, strict=True))
    return rows


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
