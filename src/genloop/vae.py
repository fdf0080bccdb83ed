"""The VAE: maximizes a bound on the likelihood of each record in nats; nothing here knows what a record is."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from genloop.averaging import averaged
from genloop.batches import Batch
from genloop.config import Vae
from genloop.elbo import rate_and_distortion
from genloop.losses import negative_bound, with_free_bits
from genloop.plugins import Networks, Schema
from genloop.priors import build_prior
from genloop.schedule import learning_rate, rising
from genloop.system import Curves, System


class VaeSystem(System):
    """Trains an encoder, a decoder and what lies between them together."""

    trained: Any  # networks by name

    def __init__(self, run: Vae, schema: Schema, networks: Networks, steps: int) -> None:
        """Build the networks; ``steps`` is the number of batches of the whole training, for the schedules."""
        super().__init__(run)
        self.steps = steps
        self.trained = nn.ModuleDict(
            {
                "encoder": networks.Encoder(run, schema),
                "decoder": networks.Decoder(run, schema),
                "prior": build_prior(run),
            }
        )
        self.averaged = averaged(self.trained, run.average) if run.average else None
        self.loss: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Curves]] = self._loss

    @property
    def sampled(self) -> dict[str, nn.Module]:
        """The networks that are saved, by name; the encoder goes along because the elbo needs it."""
        networks: Any = self.averaged.module if self.averaged else self.trained
        return dict(networks.items())

    def configure_optimizers(self) -> tuple[list[Adam], list[LambdaLR]]:
        """Return one optimizer over all networks, with its schedule by step."""
        optimizer = Adam(self.trained.parameters(), self.run.lr, fused=True)
        factor = learning_rate(self.steps, self.run.lr_warmup, self.run.lr_final, self.run.schedule)
        return [optimizer], [LambdaLR(optimizer, factor)]

    def compile_networks(self) -> None:
        """Compile all that lies between a batch and its loss as one, with the same noise; one by one gains little."""
        self.loss = torch.compile(self._loss, options={"fallback_random": True})

    def undo_compile(self) -> None:
        """Compute again as written."""
        self.loss = self._loss

    def step(self, batch: Batch) -> Curves:
        """Improve all networks once; return the elbo with its two parts, in nats per record."""
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        schedule: Any = self.lr_schedulers()
        weight = self.run.rate_weight * rising(schedule.last_epoch, self.run.rate_warmup * self.steps)
        loss, curves = self.loss(batch.x, batch.condition, torch.tensor(weight, device=self.device))
        self.descend("networks", optimizer, loss)
        schedule.step()
        if self.averaged:
            self.averaged.update_parameters(self.trained)
        return curves

    def _loss(self, x: Tensor, condition: Tensor, weight: Tensor) -> tuple[Tensor, Curves]:
        """Return the negative bound of records and the parts of their elbo, in nats.

        The rate is weighted as in Higgins et al. 2017, "beta-VAE".
        """
        encoder, decoder, prior = (self.trained[name] for name in ("encoder", "decoder", "prior"))
        x = decoder.observed(x)
        rate, distortion = rate_and_distortion(prior, decoder, encoder(x, condition), x, condition, self.run.importance)
        parts = {"elbo": -(rate + distortion), "rate": rate, "distortion": distortion}
        if self.run.free_bits:
            loss = distortion.mean() + weight * with_free_bits(rate.mean(), self.run.free_bits)
        else:
            loss = negative_bound(-(weight * rate + distortion)).mean()
        return loss, {name: part.detach().mean() for name, part in parts.items()}
