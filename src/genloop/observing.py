"""What a training tells of itself, to whoever follows it: mean losses, losses of single steps, statistics of layers."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn

from genloop.batches import Batches
from genloop.doctor import Finding
from genloop.watching import Checks

Row = dict[str, float | int | str]
MOST_STEPS = 500  # of a training whose own losses are kept, evenly from its first step on
STATE = ("losses", "layers", "steps", "_sums", "_chosen")  # of the curves, for resuming


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
