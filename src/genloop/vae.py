"""The VAE: maximizes a bound on the likelihood of each record in nats; nothing here knows what a record is."""

import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from genloop.averaging import averaged
from genloop.batches import Batch
from genloop.config import Vae
from genloop.elbo import rate_and_distortion
from genloop.losses import negative_bound
from genloop.plugins import Likelihood, Networks, Schema
from genloop.priors import build_prior
from genloop.schedule import learning_rate, rising


class VaeSystem(lightning.LightningModule):
    """Trains an encoder, a decoder and what lies between them together."""

    trained: Any  # networks by name

    def __init__(self, run: Vae, schema: Schema, networks: Networks, steps: int) -> None:
        """Build the networks; ``steps`` is the number of batches of the whole training, for the schedules."""
        super().__init__()
        self.automatic_optimization = False  # by hand, which takes half as long around the step
        self.run, self.steps = run, steps
        self.trained = nn.ModuleDict(
            {
                "encoder": networks.Encoder(run, schema),
                "decoder": networks.Decoder(run, schema),
                "prior": build_prior(run),
            }
        )
        self.averaged = averaged(self.trained, run.average) if run.average else None
        self.parts: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = self._parts

    @property
    def sampled(self) -> dict[str, nn.Module]:
        """The networks that are saved, by name; the encoder goes along because the elbo needs it."""
        networks: Any = self.averaged.module if self.averaged else self.trained
        return dict(networks.items())

    def forward(self, batch: Batch) -> Likelihood:
        """Return the distribution that the decoder gives to one latent of each record."""
        x = self.trained["decoder"].observed(batch.x)
        z, _ = self.trained["prior"].infer(self.trained["encoder"](x, batch.condition))
        return self.trained["decoder"](z, batch.condition)

    def configure_optimizers(self) -> tuple[list[Adam], list[LambdaLR]]:
        """Return one optimizer over all networks, with its schedule by step."""
        optimizer = Adam(self.trained.parameters(), self.run.lr, fused=True)
        factor = learning_rate(self.steps, self.run.lr_warmup, self.run.lr_final, self.run.schedule)
        return [optimizer], [LambdaLR(optimizer, factor)]

    def compile_networks(self) -> None:
        """Compile all that lies between a batch and its bound as one, with the same noise; one by one gains little."""
        self.parts = torch.compile(self._parts, options={"fallback_random": True})

    def _parts(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return rate and distortion of observed records in nats, one for each draw of the latent: [draws, batch]."""
        encoder, decoder, prior = (self.trained[name] for name in ("encoder", "decoder", "prior"))
        return rate_and_distortion(prior, decoder, encoder(x, condition), x, condition, self.run.importance)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Improve all networks once; return the elbo with its two parts, in nats per record."""
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        schedule: Any = self.lr_schedulers()
        rate, distortion = self.parts(self.trained["decoder"].observed(batch.x), batch.condition)
        optimizer.zero_grad()
        self.manual_backward(self._loss(rate, distortion, step=schedule.last_epoch))
        optimizer.step()
        schedule.step()
        if self.averaged:
            self.averaged.update_parameters(self.trained)
        parts = {"elbo": -(rate + distortion), "rate": rate, "distortion": distortion}
        return {name: value.detach().mean() for name, value in parts.items()}

    def _loss(self, rate: Tensor, distortion: Tensor, step: int) -> Tensor:
        """Return the negative bound, with the rate weighted and its first ``free_bits`` at no cost.

        Higgins et al. 2017, "beta-VAE"; Kingma et al. 2016, "Improved variational inference with inverse autoregressive
        flow", appendix C.8, here over all latents of a batch together, so that it holds for every prior.
        """
        weight = self.run.rate_weight * rising(step, self.run.rate_warmup * self.steps)
        if self.run.free_bits:
            free = torch.full_like(rate.mean(), self.run.free_bits * math.log(2))
            return distortion.mean() + weight * torch.maximum(rate.mean(), free)
        return negative_bound(-(weight * rate + distortion)).mean()
