"""What a model with a likelihood says of held-out records."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genloop import plugins
from genloop.conditions import known_conditions
from genloop.config import Vae, VaeEvaluate
from genloop.elbo import rate_and_distortion
from genloop.identity import read_tensors
from genloop.losses import negative_bound
from genloop.plugins import Records
from genloop.posterior import DiagonalNormal
from genloop.priors import Prior, build_prior
from genloop.randomness import keyed_generator, keyed_seed
from genloop.sampling import load_network

BLOCK = 256  # records encoded at a time
DECODED = 2048  # latents decoded at a time


@dataclass(frozen=True)
class Encoded:
    """Test records with what the encoder says of them."""

    x: Tensor
    condition: Tensor
    posterior: DiagonalNormal


class Bounds:
    """A trained VAE with the records of a split, for any bound on their likelihood."""

    def __init__(self, weights: Path, run: Vae, prepared: Path, seed: int) -> None:
        """Load the networks; ``seed`` keys the latents that are drawn."""
        module, networks = plugins.data(run.modality), plugins.networks(run)
        schema, tensors = module.read_schema(weights), read_tensors(weights / "weights.safetensors")
        self.run, self.seed, self.dimensions = run, seed, schema.dimensions
        self.test: Records = module.open_records(prepared, "test")
        self.encoder = load_network(tensors, networks.Encoder(run, schema), "encoder")
        self.decoder = load_network(tensors, networks.Decoder(run, schema), "decoder")
        self.prior: Prior = load_network(tensors, build_prior(run), "prior")

    @torch.no_grad()
    def rates_and_distortions(self, draws: int) -> tuple[Tensor, Tensor]:
        """Return both for each test record, the mean over ``draws`` latents of each, in nats: [records]."""
        blocks = self._blocks(np.arange(len(self.test)))
        parts = [[part.mean(0) for part in self._draw(encoded, draws)] for encoded in blocks]
        rates, distortions = (torch.cat(part) for part in zip(*parts, strict=True))
        return rates, distortions

    def elbos(self, draws: int) -> Tensor:
        """Return the elbo of each test record, the mean over ``draws`` latents, in nats: [records]."""
        rates, distortions = self.rates_and_distortions(draws)
        return -(rates + distortions)

    @torch.no_grad()
    def importance_weighted(self, draws: int, records: int, elbos: Tensor) -> tuple[float, float]:
        """Return the importance-weighted bound of the test split in nats, and its standard error.

        Burda et al. 2016, "Importance weighted autoencoders", equation 8; the bound rises with ``draws`` to the
        likelihood. It is costly, so it is taken of ``records`` test records, drawn at random since they may lie in the
        order of their classes. What the split's other records would add is told by ``elbos``, those of all records,
        which are large where the bound is (Cochran 1977, "Sampling techniques", chapter 7, regression estimates).
        The error is that of taking a part: 0 where all test records are taken.
        """
        chosen = keyed_generator(self.seed, "bound").permutation(len(self.test))[:records]
        bounds = torch.cat([self._bound(encoded, draws) for encoded in self._blocks(chosen)])
        taken = elbos[torch.from_numpy(chosen)]
        away = taken - taken.mean()
        slope = (away * bounds).sum() / away.square().sum()
        error = (bounds - slope * away).std() * math.sqrt(1 / len(chosen) - 1 / len(elbos))
        return float(bounds.mean() + slope * (elbos.mean() - taken.mean())), float(error)

    def _bound(self, encoded: Encoded, draws: int) -> Tensor:
        rate, distortion = self._draw(encoded, draws)
        return -negative_bound(-(rate + distortion))

    def _blocks(self, chosen: np.ndarray) -> Iterator[Encoded]:
        """Encode the chosen test records, a block at a time, and key what is drawn for it."""
        for start in range(0, len(chosen), BLOCK):
            indices = chosen[start : start + BLOCK]
            decoder: Any = self.decoder
            torch.manual_seed(keyed_seed(self.seed, "elbo", start))
            x = decoder.observed(self.test.gather(indices))
            condition = known_conditions(self.run, self.test, indices)
            yield Encoded(x, condition, self.encoder(x, condition))

    def _draw(self, encoded: Encoded, draws: int) -> tuple[Tensor, Tensor]:
        """Return rate and distortion of each draw and record, in nats: [draws, batch]."""
        at_once = max(1, DECODED // len(encoded.x))
        counts = [min(at_once, draws - first) for first in range(0, draws, at_once)]
        parts = [
            rate_and_distortion(self.prior, self.decoder, encoded.posterior, encoded.x, encoded.condition, count)
            for count in counts
        ]
        rates, distortions = (torch.cat(part).double() for part in zip(*parts, strict=True))
        return rates, distortions


def bound_scores(weights: Path, run: Vae, prepared: Path, choices: VaeEvaluate) -> dict[str, float]:
    """Return the elbo on the test split with its parts, in nats and in bits per dimension, and a tighter bound."""
    bounds = Bounds(weights, run, prepared, choices.seed)
    rates, distortions = bounds.rates_and_distortions(choices.draws)
    elbos = -(rates + distortions)
    bound, error = bounds.importance_weighted(choices.importance, choices.importance_records, elbos)
    return {
        "elbo": float(elbos.mean()),
        "rate": float(rates.mean()),
        "distortion": float(distortions.mean()),
        "bits_per_dimension": -float(elbos.mean()) / (bounds.dimensions * math.log(2)),
        "importance_bound": bound,
        "importance_bound_error": error,
    }
