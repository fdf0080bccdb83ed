"""The GAN: the order in which critic and generator improve each other; nothing here knows what a record is."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from genloop.config import Gan
from genloop.losses import ADVERSARIAL, gradient_penalty
from genloop.plugins import Networks, Schema
from genloop.priors import build_prior
from genloop.schedule import linear_decay

BETAS = (0.5, 0.99)  # from an earlier trial, not varied since: docs/experiments.md


class GanSystem(lightning.LightningModule):
    """Trains a generator against a critic and keeps the average of the generator's weights over the steps."""

    def __init__(self, run: Gan, schema: Schema, networks: Networks, steps: int) -> None:
        """Build both networks; ``steps`` is the number of batches of the whole training, for the learning rate."""
        super().__init__()
        self.automatic_optimization = False
        self.run, self.steps = run, steps
        self.generator = networks.Generator(run, schema)
        self.critic = networks.Critic(run, schema)
        self.averaged = AveragedModel(self.generator, multi_avg_fn=self._average, use_buffers=True)
        self.prior = build_prior(run)
        self.loss = ADVERSARIAL[run.loss]

    @property
    def sampled(self) -> dict[str, nn.Module]:
        """The networks that are saved and sampled from, by name."""
        return {"generator": self.averaged.module, "prior": self.prior}

    def forward(self, x: Tensor) -> Tensor:
        """Return the critic's verdict on as many fake records as ``x`` has real ones."""
        return self.critic(self.generator(self._latents(x)).rsample())

    def configure_optimizers(self) -> tuple[list[Adam], list[LambdaLR]]:
        """Return the critic's and the generator's optimizer, each with the same decay."""
        networks: list[nn.Module] = [self.critic, self.generator]
        optimizers = [Adam(network.parameters(), self.run.lr, betas=BETAS) for network in networks]
        return optimizers, [LambdaLR(o, linear_decay(self.steps, self.run.lr_final)) for o in optimizers]

    def training_step(self, x: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """Improve the critic once, then the generator once; return both losses."""
        critic_loss = self._improve_critic(x)
        generator_loss = self._improve_generator(x)
        self.averaged.update_parameters(self.generator)
        schedulers: Any = self.lr_schedulers()
        for scheduler in schedulers:
            scheduler.step()
        return {"critic": critic_loss.detach(), "generator": generator_loss.detach()}

    def _improve_critic(self, x: Tensor) -> Tensor:
        self.critic.requires_grad_(True)
        with torch.no_grad():
            fake = self.generator(self._latents(x)).rsample()
        if self.run.penalty:
            x, fake = x.requires_grad_(), fake.requires_grad_()
        on_real, on_fake = self.critic(x), self.critic(fake)
        loss = self.loss.critic(on_real, on_fake)
        if self.run.penalty:
            loss = loss + self.run.penalty * (gradient_penalty(on_real, x) + gradient_penalty(on_fake, fake))
        return self._step(0, loss.mean())

    def _improve_generator(self, x: Tensor) -> Tensor:
        self.critic.requires_grad_(False)  # its gradients stay those of its own step, for the layer statistics
        on_fake = self(x)
        on_real = self.critic(x.detach()) if self.loss.generator_sees_real else None
        return self._step(1, self.loss.generator(on_real, on_fake).mean())

    def _step(self, index: int, loss: Tensor) -> Tensor:
        optimizers: Any = self.optimizers()
        optimizer = optimizers[index]
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss

    def _latents(self, x: Tensor) -> Tensor:
        return self.prior.sample(len(x)).to(x.device)

    def _average(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        """Move the average towards the current weights; early on faster, so that it forgets the random start."""
        decay = min(self.run.average, (1 + int(count)) / (10 + int(count)))
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value.to(mean.dtype), 1 - decay)
            else:
                mean.copy_(value)
