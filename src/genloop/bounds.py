"""What a model with a likelihood says of held-out records."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genloop.elbo import rate_and_distortion
from genloop.losses import negative_bound
from genloop.randomness import keyed_generator
from genloop.trained import Encoded, TrainedVae

DECODED = 2048  # latents decoded at a time


class ImportanceBound(NamedTuple):
    """An estimate of the importance-weighted bound of a split, in nats."""

    mean: float
    part_error: float  # standard error of having taken a part of the split's records: 0 where all were taken
    error: float  # for other records of the same kind, the deviation over records with it; not a number of one record
    records: int  # that were taken


class Bounds(TrainedVae):
    """A trained VAE with the records of a split, for any bound on their likelihood."""

    @torch.no_grad()
    def rates_and_distortions(self, draws: int) -> tuple[Tensor, Tensor]:
        """Return both for each test record, the mean over ``draws`` latents of each, in nats: [records]."""
        blocks = self.encoded(np.arange(len(self.test)))
        parts = [[part.mean(0) for part in self._draw(encoded, draws)] for encoded in blocks]
        rates, distortions = (torch.cat(part) for part in zip(*parts, strict=True))
        return rates, distortions

    def elbos(self, draws: int) -> Tensor:
        """Return the elbo of each test record, the mean over ``draws`` latents, in nats: [records]."""
        rates, distortions = self.rates_and_distortions(draws)
        return -(rates + distortions)

    @torch.no_grad()
    def importance_weighted(self, draws: int, records: int, elbos: Tensor) -> ImportanceBound:
        """Return the importance-weighted bound of the test split in nats, and its standard errors.

        Burda et al. 2016, "Importance weighted autoencoders", equation 8; the bound rises with ``draws`` to the
        likelihood. It is costly, so it is taken of ``records`` test records, drawn at random since they may lie in the
        order of their classes. What the split's other records would add is told by ``elbos``, those of all records,
        which are large where the bound is (Cochran 1977, "Sampling techniques", chapter 7, regression estimates; the
        error for records drawn anew is that of sampling in two phases, chapter 12).
        """
        chosen = keyed_generator(self.seed, "bound").permutation(len(self.test))[:records]
        bounds = torch.cat([self._bound(encoded, draws) for encoded in self.encoded(chosen)])
        taken = elbos[torch.from_numpy(chosen)]
        away = taken - taken.mean()
        spread = away.square().sum()
        slope = (away * bounds).sum() / spread if spread > 0 else torch.zeros(())
        left = 1 / len(chosen) - 1 / len(elbos)
        residual = (bounds - slope * away).std() if len(bounds) > 1 else torch.tensor(math.nan)
        of_all = residual.square() + slope.square() * (elbos.var() if len(elbos) > 1 else 0)  # variance over records
        part = float(residual * math.sqrt(left)) if left else 0.0
        error = math.hypot(part, math.sqrt(float(of_all) / len(elbos)))
        return ImportanceBound(float(bounds.mean() + slope * (elbos.mean() - taken.mean())), part, error, len(chosen))

    def _bound(self, encoded: Encoded, draws: int) -> Tensor:
        rate, distortion = self._draw(encoded, draws)
        return -negative_bound(-(rate + distortion))

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
