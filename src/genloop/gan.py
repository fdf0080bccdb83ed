"""The GAN: the order in which critic and generator improve each other; nothing here knows what a record is."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from genloop.averaging import averaged
from genloop.batches import Batch
from genloop.config import Gan
from genloop.losses import ADVERSARIAL, between, difference_penalty, gradient_penalty, lipschitz_penalty
from genloop.plugins import Augmenting, Networks, Schema
from genloop.priors import build_prior
from genloop.schedule import learning_rate
from genloop.system import Curves, System

BETAS = (0.5, 0.99)  # from an earlier trial, not varied since: docs/experiments.md
OVERFITTED = 0.6  # mean sign of the critic's verdicts on real records above which augmentation grows (Karras 2020)
ADAPTATION = 100_000  # records in which an adaptive augmentation can go from none to all


class GanSystem(System):
    """Trains a generator against a critic and keeps the average of the generator's weights over the steps."""

    trained: Any  # networks by name
    share: Tensor  # of records that augmentation changes

    def __init__(self, run: Gan, schema: Schema, networks: Networks, steps: int) -> None:
        """Build both networks; ``steps`` is the number of batches of the whole training, for the learning rates."""
        super().__init__(run)
        self.steps = steps
        self.trained = nn.ModuleDict(
            {"generator": networks.Generator(run, schema), "critic": networks.Critic(run, schema)}
        )
        self.averaged = averaged(self.trained["generator"], run.average)
        self.prior = build_prior(run)
        self.loss = ADVERSARIAL[run.loss]
        self.augment = cast(Augmenting, networks).Augment() if run.augment else None
        self.register_buffer("share", torch.tensor(0.0 if run.augment == "adaptive" else float(run.augment)))

    @property
    def sampled(self) -> dict[str, nn.Module]:
        """The networks that are saved and sampled from, by name."""
        return {"generator": self.averaged.module, "prior": self.prior}

    def configure_optimizers(self) -> tuple[list[Adam], list[LambdaLR]]:
        """Return the critic's and the generator's optimizer, each with the same schedule."""
        run = self.run
        rates = {"critic": run.critic_lr or run.lr, "generator": run.lr}
        optimizers = [Adam(self.trained[name].parameters(), lr, BETAS, fused=True) for name, lr in rates.items()]
        factor = learning_rate(self.steps, run.lr_warmup, run.lr_final, run.schedule)
        return optimizers, [LambdaLR(optimizer, factor) for optimizer in optimizers]

    def compile_networks(self) -> None:
        """Compile each network by itself, since critic and generator learn at different times."""
        for network in self.trained.values():
            network.compile()

    def step(self, batch: Batch) -> Curves:
        """Improve the critic once, then the generator once; return both losses."""
        fake = self._fake(batch)  # drawn once for both: the critic changes between their uses, the generator does not
        critic_loss = self._improve_critic(batch, fake.detach())
        generator_loss = self._improve_generator(batch, fake)
        self.averaged.update_parameters(self.trained["generator"])
        schedulers: Any = self.lr_schedulers()
        for scheduler in schedulers:
            scheduler.step()
        losses = {"critic": critic_loss.detach(), "generator": generator_loss.detach()}
        return losses | ({"augment": self.share.clone()} if self.augment else {})

    def _improve_critic(self, batch: Batch, fake: Tensor) -> Tensor:
        self.trained["critic"].requires_grad_(True)
        on_real, on_fake = self._verdicts(batch.x, batch.condition), self._verdicts(fake, batch.condition)
        loss = self.loss.critic(on_real, on_fake)
        if self.run.penalty and batch.step % self.run.penalty_every == 0:
            loss = loss + self.run.penalty * self.run.penalty_every * self._penalty(batch, fake)
        if self.run.augment == "adaptive":
            self._adapt(on_real.detach())
        return self._step(0, loss.mean())

    def _improve_generator(self, batch: Batch, fake: Tensor) -> Tensor:
        self.trained["critic"].requires_grad_(False)  # its gradients stay those of its own step, for the statistics
        on_fake = self._verdicts(fake, batch.condition)
        on_real = self._verdicts(batch.x, batch.condition) if self.loss.generator_sees_real else None
        return self._step(1, self.loss.generator(on_real, on_fake).mean())

    def _fake(self, batch: Batch) -> Tensor:
        z = self.prior.sample(len(batch.x)).to(batch.x.device)
        return self.trained["generator"](z, batch.condition).rsample()

    def _verdicts(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return the critic's verdicts on records, real and fake ones augmented alike."""
        return self.trained["critic"](self.augment(x, self.share) if self.augment else x, condition)

    def _penalty(self, batch: Batch, fake: Tensor) -> Tensor:
        """Return the penalty on the critic's slope for each record, in full precision and without augmentation."""
        with torch.autocast(batch.x.device.type, enabled=False):
            critic: Callable[[Tensor], Tensor] = partial(self.trained["critic"], condition=batch.condition)
            if self.run.penalty_on == "between":
                return lipschitz_penalty(critic, between(batch.x, fake))
            measure = gradient_penalty if self.run.penalty_form == "exact" else difference_penalty
            on_real = measure(critic, batch.x)
            return on_real + measure(critic, fake) if self.run.penalty_on == "both" else on_real

    def _adapt(self, on_real: Tensor) -> None:
        """Move the share of augmented records: up while the critic is too sure of real ones, else down."""
        direction = torch.sign(on_real.sign().mean() - OVERFITTED)
        self.share.add_(direction * len(on_real) / ADAPTATION).clamp_(0.0, 1.0)

    def _step(self, index: int, loss: Tensor) -> Tensor:
        optimizers: Any = self.optimizers(use_pl_optimizer=False)  # Lightning's own take half a millisecond more
        self.descend(("critic", "generator")[index], optimizers[index], loss)
        return loss
