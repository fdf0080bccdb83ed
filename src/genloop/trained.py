"""A trained VAE beside the records of the test split, for scores and for pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genloop import plugins
from genloop.conditions import known_conditions
from genloop.config import Vae
from genloop.identity import read_tensors
from genloop.plugins import Records
from genloop.posterior import DiagonalNormal
from genloop.priors import Prior, build_prior
from genloop.randomness import keyed_seed
from genloop.sampling import load_network

BLOCK = 256  # records encoded at a time


@dataclass(frozen=True)
class Encoded:
    """Test records with what the encoder says of them."""

    x: Tensor
    condition: Tensor
    posterior: DiagonalNormal


class TrainedVae:
    """Encoder, prior and decoder as they were saved, and the test split."""

    def __init__(self, weights: Path, run: Vae, prepared: Path, seed: int) -> None:
        """Load the networks; ``seed`` keys whatever is drawn."""
        module, networks = plugins.data(run.modality), plugins.networks(run)
        self.schema: Any = module.read_schema(weights)
        tensors = read_tensors(weights / "weights.safetensors")
        self.run, self.seed, self.dimensions = run, seed, self.schema.dimensions
        self.test: Records = module.open_records(prepared, "test")
        self.encoder = load_network(tensors, networks.Encoder(run, self.schema), "encoder")
        self.decoder = load_network(tensors, networks.Decoder(run, self.schema), "decoder")
        self.prior: Prior = load_network(tensors, build_prior(run), "prior")

    def encoded(self, chosen: np.ndarray) -> Iterator[Encoded]:
        """Encode the chosen test records, a block at a time, and key what is drawn for it."""
        for start in range(0, len(chosen), BLOCK):
            indices = chosen[start : start + BLOCK]
            decoder: Any = self.decoder
            torch.manual_seed(keyed_seed(self.seed, "elbo", start))
            x = decoder.observed(self.test.gather(indices))
            condition = known_conditions(self.run, self.test, indices)
            yield Encoded(x, condition, self.encoder(x, condition))

    @torch.no_grad()
    def posterior_means(self, chosen: np.ndarray) -> Tensor:
        """Return the mean of q(z | x) of the chosen test records: [records, latent]."""
        return torch.cat([encoded.posterior.mean for encoded in self.encoded(chosen)])
