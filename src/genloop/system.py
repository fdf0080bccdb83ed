"""What the systems of all families share: how Lightning calls them."""

from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from genloop.batches import Batch
from genloop.config import Training
from genloop.numerics import seed_noise
from genloop.randomness import keyed_seed

Curves = dict[str, Tensor]  # means over a batch, or their sums over several, by name


class System(lightning.LightningModule):
    """Networks that improve by a step per batch; Lightning hands over several batches at once (``batches.py``)."""

    def __init__(self, run: Training) -> None:
        """Take the choices of the run."""
        super().__init__()
        self.automatic_optimization = False  # by hand, which takes half as long around the step
        self.run: Any = run

    def training_step(self, batches: list[Batch], batch_idx: int) -> Curves:
        """Make a step with each batch; return the sums of their curves.

        All randomness of a step is keyed by seed, epoch and step, so that a resumed training draws what it would have.
        Each of several devices draws its own.
        """
        sums: Curves = {}
        for batch in batches:
            seed_noise(keyed_seed(self.run.seed, "step", self.current_epoch, batch.step, self.global_rank))
            for name, value in self.step(batch).items():
                sums[name] = sums[name] + value if name in sums else value
        return sums

    def step(self, batch: Batch) -> Curves:
        """Improve the networks once; return what the curves show of it."""
        raise NotImplementedError

    def transfer_batch_to_device(self, batch: list[Batch], device: torch.device, dataloader_idx: int) -> list[Batch]:
        """Move batches to the device."""
        return [each.to(device) for each in batch]
