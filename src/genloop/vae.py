"""The VAE: maximizes the elbo of each record in nats; nothing here knows what a record is."""

from typing import Any

import pytorch_lightning as lightning
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from genloop.config import Vae
from genloop.losses import negative_elbo
from genloop.plugins import Likelihood, Networks, Schema
from genloop.priors import build_prior
from genloop.schedule import linear_decay


class VaeSystem(lightning.LightningModule):
    """Trains an encoder and a decoder together."""

    def __init__(self, run: Vae, schema: Schema, networks: Networks, steps: int) -> None:
        """Build both networks; ``steps`` is the number of batches of the whole training, for the learning rate."""
        super().__init__()
        self.run, self.steps = run, steps
        self.encoder = networks.Encoder(run, schema)
        self.decoder = networks.Decoder(run, schema)
        self.prior = build_prior(run)

    @property
    def sampled(self) -> dict[str, nn.Module]:
        """The networks that are saved, by name; the encoder goes along because the elbo needs it."""
        return {"encoder": self.encoder, "decoder": self.decoder, "prior": self.prior}

    def forward(self, x: Tensor) -> Likelihood:
        """Return the distribution that the decoder gives to one latent of each record."""
        return self.decoder(self.encoder(x).rsample())

    def configure_optimizers(self) -> Any:
        """Return one optimizer over both networks, with its decay at every step."""
        optimizer = Adam(self.parameters(), self.run.lr)
        schedule = LambdaLR(optimizer, linear_decay(self.steps, self.run.lr_final))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, x: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss, and the elbo with its two parts, in nats per record."""
        posterior = self.encoder(x)
        z = posterior.rsample()
        rate = posterior.log_prob(z) - self.prior.log_prob(z)
        distortion = -self.decoder(z).log_prob(x)
        loss = negative_elbo(rate, distortion).mean()
        parts = {"elbo": -loss, "rate": rate.mean(), "distortion": distortion.mean()}
        return {"loss": loss} | {name: value.detach() for name, value in parts.items()}
