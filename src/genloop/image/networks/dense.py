"""Fully connected networks with one hidden layer: the textbook ones, and an example of networks to name in params.yaml.

``networks: genloop.image.networks.dense``; ``width`` is the size of the hidden layer.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genloop.conditions import Conditions, condition_size
from genloop.config import ImageGan, ImageVae
from genloop.image.data import PictureSchema
from genloop.image.encoding.pixels import Pictures
from genloop.image.networks.augment import Augment
from genloop.image.networks.likelihood import LIKELIHOODS, Modeled, PointMass, outputs_of
from genloop.posterior import DiagonalNormal
from genloop.priors import Latents

__all__ = ["Augment", "Critic", "Decoder", "Encoder", "Generator"]


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return one hidden layer of ``width`` units."""
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


class Generator(nn.Module):
    """Latent to picture."""

    def __init__(self, run: ImageGan, schema: PictureSchema) -> None:
        super().__init__()
        self.shape = (schema.channels, schema.height, schema.width)
        self.body = perceptron(run.latent + condition_size(run, schema), run.width, schema.dimensions)

    def forward(self, z: Latents, condition: Conditions) -> PointMass:
        """Return the picture of each latent, in [-1, 1]."""
        return PointMass(torch.tanh(self.body(torch.cat([z, condition], 1)).float()).unflatten(1, self.shape))


class Critic(nn.Module):
    """Picture to one number: high for real, low for fake."""

    def __init__(self, run: ImageGan, schema: PictureSchema) -> None:
        super().__init__()
        self.body = perceptron(schema.dimensions + condition_size(run, schema), run.width, 1)

    def forward(self, x: Pictures, condition: Conditions) -> Float[Tensor, " batch"]:
        """Return the critic's verdict, a logit."""
        return self.body(torch.cat([x.flatten(1), condition], 1)).squeeze(1).float()


class Encoder(nn.Module):
    """Picture to the approximate posterior of its latent."""

    def __init__(self, run: ImageVae, schema: PictureSchema) -> None:
        super().__init__()
        self.body = perceptron(schema.dimensions + condition_size(run, schema), run.width, 2 * run.latent)

    def forward(self, x: Pictures, condition: Conditions) -> DiagonalNormal:
        """Return q(z | x)."""
        return DiagonalNormal.of(self.body(torch.cat([x.flatten(1), condition], 1)))


class Decoder(nn.Module):
    """Latent to a distribution over pictures."""

    def __init__(self, run: ImageVae, schema: PictureSchema) -> None:
        super().__init__()
        self.likelihood, self.channels = LIKELIHOODS[run.likelihood], schema.channels
        self.shape = (outputs_of(self.likelihood, schema.channels), schema.height, schema.width)
        outputs = self.shape[0] * schema.height * schema.width
        self.body = perceptron(run.latent + condition_size(run, schema), run.width, outputs)

    def observed(self, x: Pictures) -> Pictures:
        """Return what the likelihood takes of pictures."""
        return self.likelihood.observed(x)

    def forward(self, z: Latents, condition: Conditions) -> Modeled:
        """Return p(x | z)."""
        outputs = self.body(torch.cat([z, condition], 1)).float()
        return self.likelihood.of(outputs.unflatten(1, self.shape), self.channels)
