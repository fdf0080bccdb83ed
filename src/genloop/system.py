"""What the systems of all families share: how Lightning calls them, and that a step with broken numbers is not made."""

import math
from typing import Any, NamedTuple

import pytorch_lightning as lightning
import torch
from torch import Tensor

from genloop.batches import Batch
from genloop.config import Training
from genloop.numerics import seed_noise
from genloop.randomness import keyed_seed

Curves = dict[str, Tensor]  # means over a batch, or their sums over several, by name


class Step(NamedTuple):
    """What was seen of one step of one optimizer."""

    step: int  # of its epoch
    network: str
    loss: float
    slope: float  # norm of the gradient over all its weights


class NotFinite(Exception):
    """A loss or a gradient is no number; the weights are those before its step."""

    def __init__(self, epoch: int, batch: Batch, network: str) -> None:
        """Take the epoch from 0, the batch of the step and the network whose turn it was."""
        super().__init__(f"epoch {epoch}, step {batch.step}: the {network}'s loss or gradient is not finite")
        self.epoch, self.batch, self.network = epoch, batch, network


class System(lightning.LightningModule):
    """Networks that improve by a step per batch; Lightning hands over several batches at once (``batches.py``)."""

    broken: Tensor  # 1 from the first step on whose loss or gradient is not finite

    def __init__(self, run: Training) -> None:
        """Take the choices of the run."""
        super().__init__()
        self.automatic_optimization = False  # by hand, which takes half as long around the step
        self.run: Any = run
        self.register_buffer("broken", torch.tensor(0.0), persistent=False)
        self.steps_seen: list[Step] = []  # of the epoch
        self.curves_seen: list[tuple[int, Curves]] = []  # of the call's steps, still on the device
        self._marks: list[tuple[str, Tensor]] = []  # of the call, still on the device

    def on_train_epoch_start(self) -> None:
        """Forget the steps of the last epoch."""
        self.steps_seen = []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the steps of an epoch that is not over, for resuming."""
        checkpoint["steps_seen"] = [tuple(step) for step in self.steps_seen]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from saved ones."""
        self.steps_seen = [Step(*step) for step in checkpoint["steps_seen"]]

    def training_step(self, batches: list[Batch], batch_idx: int) -> Curves:
        """Make a step with each batch; return the sums of their curves.

        All randomness of a step is keyed by seed, epoch and step, so that a resumed training draws what it would have.
        Each of several devices draws its own.

        Raises:
            NotFinite: a loss or a gradient is no number.
        """
        sums: Curves = {}
        self._marks, self.curves_seen = [], []
        for batch in batches:
            self.seed(batch)
            curves = self.step(batch)
            self.curves_seen.append((batch.step, curves))
            for name, value in curves.items():
                sums[name] = sums[name] + value if name in sums else value
        self._look(batches)
        return sums

    def seed(self, batch: Batch) -> None:
        """Seed the noise of a step."""
        seed_noise(keyed_seed(self.run.seed, "step", self.current_epoch, batch.step, self.global_rank))

    def step(self, batch: Batch) -> Curves:
        """Improve the networks once; return what the curves show of it."""
        raise NotImplementedError

    def compile_networks(self) -> None:
        """Compile the networks."""
        raise NotImplementedError

    def undo_compile(self) -> None:
        """Compute again as written, in a copy whose networks no longer are those that were compiled."""

    def descend(self, network: str, optimizer: Any, loss: Tensor) -> None:
        """Make an optimizer's step down a loss.

        From the first loss or gradient that is not finite, weights stay as they are. The optimizer sees to that on the
        device, so that nobody waits for it.
        """
        optimizer.zero_grad()
        self.manual_backward(loss)
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        slope = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))  # twice as fast as torch's own
        mark = torch.stack([loss.detach().float(), slope.float()])
        alone = self._trainer is None or self.trainer.world_size == 1
        judged = mark if alone else mark[1]  # several devices share the gradient but not the loss
        self.broken.copy_(torch.maximum(self.broken, (~judged.isfinite()).any().float()))
        optimizer.found_inf, optimizer.grad_scale = self.broken, None
        optimizer.step()
        self._marks.append((network, mark))

    def _look(self, batches: list[Batch]) -> None:
        """Note what was seen of the steps of a call, at the cost of one wait for the device."""
        if not self._marks:
            return
        each = len(self._marks) // len(batches)
        alone = self.trainer.world_size == 1
        for place, (loss, slope) in enumerate(torch.stack([mark for _, mark in self._marks]).tolist()):
            batch, network = batches[place // each], self._marks[place][0]
            if not math.isfinite(slope) or (alone and not math.isfinite(loss)):
                raise NotFinite(self.current_epoch, batch, network)
            self.steps_seen.append(Step(batch.step, network, loss, slope))

    def transfer_batch_to_device(self, batch: list[Batch], device: torch.device, dataloader_idx: int) -> list[Batch]:
        """Move batches to the device."""
        return [each.to(device) for each in batch]
