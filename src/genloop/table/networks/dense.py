"""Fully connected networks for rows: residual layers of one width."""

import math
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genloop.conditions import Conditions, condition_size
from genloop.config import TableGan, TableVae
from genloop.posterior import DiagonalNormal
from genloop.priors import Latents
from genloop.table.data import TableSchema
from genloop.table.networks.layout import Layout, Numbers, PerSpan
from genloop.table.networks.likelihood import AnyOrder, AtOnce

LAYERS = 2  # residual ones
LAST = 0.1  # of the usual size of the last layer's weights at the start, so that the frequencies of values come first


class Residual(nn.Module):
    """A layer that adds to what it is given."""

    def __init__(self, width: int, normalized: bool) -> None:
        super().__init__()
        norm = nn.LayerNorm(width) if normalized else nn.Identity()
        self.body = nn.Sequential(norm, nn.SiLU(), nn.Linear(width, width))

    def forward(self, h: Float[Tensor, "batch units"]) -> Float[Tensor, "batch units"]:
        """Return the sum."""
        return h + self.body(h)


def perceptron(inputs: int, width: int, outputs: int, normalized: bool = True, dropout: float = 0.0) -> nn.Sequential:
    """Return residual layers between two that change the size."""
    inner = [Residual(width, normalized) for _ in range(LAYERS)]
    norm = nn.LayerNorm(width) if normalized else nn.Identity()
    end = nn.Sequential(norm, nn.SiLU(), nn.Dropout(dropout))
    return nn.Sequential(nn.Linear(inputs, width), nn.Sequential(*inner, end), nn.Linear(width, outputs))


@torch.no_grad()
def begin_with_frequencies(last: Any, schema: TableSchema) -> None:
    """Let a last layer tell each value as often as it occurs in training rows, before anything is learned."""
    frequencies = [math.log((count + 1) / (schema.rows + len(span))) for span in schema.counts for count in span]
    last.bias.copy_(torch.tensor(frequencies))
    last.weight.mul_(LAST)


class Encoder(nn.Module):
    """Row to the approximate posterior of its latent."""

    def __init__(self, run: TableVae, schema: TableSchema) -> None:
        super().__init__()
        self.body = perceptron(schema.width, run.width, 2 * run.latent)

    def forward(self, x: Numbers, condition: Conditions) -> DiagonalNormal:
        """Return q(z | x); what is asked of a row is in the row."""
        return DiagonalNormal.of(self.body(x))


class Decoder(nn.Module):
    """Latent, and the spans that are known, to a distribution over rows."""

    def __init__(self, run: TableVae, schema: TableSchema) -> None:
        super().__init__()
        self.layout, self.latent = Layout(schema.sizes), run.latent
        inputs = run.latent + schema.width + self.layout.spans
        self.body = perceptron(inputs, run.width, schema.width, dropout=run.dropout)
        begin_with_frequencies(self.body[-1], schema)

    def observed(self, x: Numbers) -> Numbers:
        """Return rows as they are."""
        return x

    def forward(self, z: Latents, condition: Conditions) -> AnyOrder:
        """Return p(x | z), given the spans that the condition tells, if it tells any."""
        given, known = _told(self.layout, condition, len(z), z.device)
        return AnyOrder(self, z, given, known)

    def predict(self, z: Latents, x: Numbers, known: PerSpan) -> Numbers:
        """Return logits of every span's codes."""
        return self.body(torch.cat([z, x, known], 1))

    def begin(self, z: Latents, x: Numbers, known: PerSpan) -> Float[Tensor, "batch units"]:
        """Return the first layer's outputs, to which each span that becomes known adds its part."""
        return self.body[0](torch.cat([z, x, known], 1))

    def tell(self, state: Float[Tensor, "batch units"], span: int) -> Numbers:
        """Return the logits of one span's codes."""
        codes, last = self.layout.slices[span], cast(nn.Linear, self.body[-1])
        return nn.functional.linear(self.body[1](state), last.weight[codes], last.bias[codes])

    def learn(
        self, state: Float[Tensor, "batch units"], span: int, x: Numbers, known: Float[Tensor, "batch 1"]
    ) -> Float[Tensor, "batch units"]:
        """Return the first layer's outputs with one more span known in some rows."""
        first, codes, start = cast(nn.Linear, self.body[0]), self.layout.slices[span], self.latent
        told = x @ first.weight[:, start + codes.start : start + codes.stop].T
        return state + known * (told + first.weight[:, start + self.layout.width + span])


class Generator(nn.Module):
    """Latent, and what is asked of a row, to a distribution over rows."""

    def __init__(self, run: TableGan, schema: TableSchema) -> None:
        super().__init__()
        self.layout, self.conditional = Layout(schema.sizes), run.conditional
        self.body = perceptron(run.latent + _told_size(run, schema), run.width, schema.width)
        begin_with_frequencies(self.body[-1], schema)

    def forward(self, z: Latents, condition: Conditions) -> AtOnce:
        """Return p(x | z, condition), in which the spans that are asked for are as asked."""
        asked = condition if self.conditional else condition[:, :0]
        given, known = _told(self.layout, asked, z.shape[0], z.device)
        seen = torch.cat([given, known], 1) if self.conditional else condition
        return AtOnce(self.layout, self.body(torch.cat([z, seen], 1)), given, known)


class Critic(nn.Module):
    """Row, and what was asked of it, to a verdict, high for real."""

    def __init__(self, run: TableGan, schema: TableSchema) -> None:
        super().__init__()
        self.told = _told_size(run, schema)
        self.body = perceptron(schema.width + self.told, run.width, 1, normalized=False)
        if run.critic_norm == "spectral":
            for module in list(self.body.modules()):
                if isinstance(module, nn.Linear):
                    spectral_norm(module)

    def forward(self, x: Numbers, condition: Conditions) -> Float[Tensor, " batch"]:
        """Return one logit per row."""
        return self.body(torch.cat([x, condition[:, : self.told]], 1)).squeeze(1)


def _told_size(run: TableGan, schema: TableSchema) -> int:
    """Return how many numbers of a condition the networks are told: all but the places within intervals."""
    return schema.width + schema.dimensions if run.conditional else condition_size(run, schema)


def _told(layout: Layout, condition: Conditions, count: int, device: torch.device) -> tuple[Numbers, PerSpan]:
    """Return the numbers that are given and which spans these are; none where the condition holds nothing."""
    if not condition.shape[1]:
        return torch.zeros(count, layout.width, device=device), torch.zeros(count, layout.spans, device=device)
    numbers, known, _ = layout.told(condition)
    return numbers, known
