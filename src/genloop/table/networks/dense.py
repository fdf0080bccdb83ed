"""Fully connected networks for rows: residual layers of one width."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genloop.conditions import Conditions
from genloop.config import Vae
from genloop.posterior import DiagonalNormal
from genloop.priors import Latents
from genloop.table.data import TableSchema
from genloop.table.networks.layout import Layout, Numbers, PerSpan
from genloop.table.networks.likelihood import AnyOrder

__all__ = ["Decoder", "Encoder"]
LAYERS = 2  # residual ones


class Residual(nn.Module):
    """A layer that adds to what it is given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, h: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """Return the sum."""
        return h + self.body(h)


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return residual layers between two that change the size."""
    inner = [Residual(width) for _ in range(LAYERS)]
    return nn.Sequential(nn.Linear(inputs, width), *inner, nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, outputs))


class Encoder(nn.Module):
    """Row to the approximate posterior of its latent."""

    def __init__(self, run: Vae, schema: TableSchema) -> None:
        super().__init__()
        self.body = perceptron(schema.width, run.width, 2 * run.latent)

    def forward(self, x: Numbers, condition: Conditions) -> DiagonalNormal:
        """Return q(z | x); what is asked of a row is in the row."""
        return DiagonalNormal.of(self.body(x))


class Decoder(nn.Module):
    """Latent, and the spans that are known, to a distribution over rows."""

    def __init__(self, run: Vae, schema: TableSchema) -> None:
        super().__init__()
        self.layout = Layout(schema.sizes)
        self.body = perceptron(run.latent + schema.width + self.layout.spans, run.width, schema.width)

    def observed(self, x: Numbers) -> Numbers:
        """Return rows as they are."""
        return x

    def predict(self, z: Latents, x: Numbers, known: PerSpan) -> Numbers:
        """Return logits of every span's codes."""
        return self.body(torch.cat([z, x, known], 1))

    def forward(self, z: Latents, condition: Conditions) -> AnyOrder:
        """Return p(x | z), given the spans that the condition tells, if it tells any."""
        width, spans = self.layout.width, self.layout.spans
        if not condition.shape[1]:
            condition = torch.zeros(len(z), width + spans, device=z.device)
        return AnyOrder(self, z, condition[:, :width], condition[:, width:])
