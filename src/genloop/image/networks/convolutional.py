"""The networks for pictures by default: convolutional, conditioned where the run is."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genloop.conditions import Conditions, condition_size
from genloop.config import ImageGan, ImageVae
from genloop.image.data import PictureSchema
from genloop.image.encoding.pixels import Pictures
from genloop.image.networks.augment import Augment
from genloop.image.networks.blocks import Grow, Shrink, bounded
from genloop.image.networks.likelihood import LIKELIHOODS, Modeled, PointMass, outputs_of
from genloop.posterior import DiagonalNormal
from genloop.priors import Latents

__all__ = ["Augment", "Critic", "Decoder", "Encoder", "Generator"]


class Generator(nn.Module):
    """Latent to picture: the distribution is a point mass, since the latent holds all the randomness."""

    def __init__(self, run: ImageGan, schema: PictureSchema) -> None:
        super().__init__()
        inputs = run.latent + condition_size(run, schema)
        self.body = Grow(inputs, run.width, (schema.height, schema.width), schema.channels, modulated=True)

    def forward(self, z: Latents, condition: Conditions) -> PointMass:
        """Return the picture of each latent, in [-1, 1]."""
        return PointMass(torch.tanh(self.body(torch.cat([z, condition], 1)).float()))


class Critic(nn.Module):
    """Picture to one number: high for real, low for fake.

    A condition is compared with the features by an inner product (Miyato and Koyama 2018, "cGANs with projection
    discriminator", equation 4).
    """

    def __init__(self, run: ImageGan, schema: PictureSchema) -> None:
        super().__init__()
        self.body = Shrink(schema.channels, run.width, (schema.height, schema.width), run.critic_norm)
        self.output = bounded(nn.Linear(self.body.features, 1), run.critic_norm)
        conditions = condition_size(run, schema)
        self.expected = (
            bounded(nn.Linear(conditions, self.body.features, False), run.critic_norm) if conditions else None
        )

    def forward(self, x: Pictures, condition: Conditions) -> Float[Tensor, " batch"]:
        """Return the critic's verdict, a logit."""
        features = self.body(x)
        verdict = self.output(features).squeeze(1)
        if self.expected is not None:
            verdict = verdict + (self.expected(condition) * features).sum(1)
        return verdict.float()


class Encoder(nn.Module):
    """Picture to the approximate posterior of its latent."""

    def __init__(self, run: ImageVae, schema: PictureSchema) -> None:
        super().__init__()
        self.body = Shrink(schema.channels, run.width, (schema.height, schema.width), "batch")
        self.output = nn.Linear(self.body.features + condition_size(run, schema), 2 * run.latent)

    def forward(self, x: Pictures, condition: Conditions) -> DiagonalNormal:
        """Return q(z | x)."""
        return DiagonalNormal.of(self.output(torch.cat([self.body(x), condition], 1)))


class Decoder(nn.Module):
    """Latent to a distribution over pictures."""

    def __init__(self, run: ImageVae, schema: PictureSchema) -> None:
        super().__init__()
        self.likelihood, self.channels = LIKELIHOODS[run.likelihood], schema.channels
        inputs, outputs = run.latent + condition_size(run, schema), outputs_of(self.likelihood, schema.channels)
        self.body = Grow(inputs, run.width, (schema.height, schema.width), outputs, modulated=False)

    def observed(self, x: Pictures) -> Pictures:
        """Return what the likelihood takes of pictures."""
        return self.likelihood.observed(x)

    def forward(self, z: Latents, condition: Conditions) -> Modeled:
        """Return p(x | z)."""
        return self.likelihood.of(self.body(torch.cat([z, condition], 1)).float(), self.channels)
