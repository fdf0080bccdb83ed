"""Bounds on the likelihood against a model whose likelihood is known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genloop.bounds import Bounds
from genloop.config import ImageVae
from genloop.posterior import DiagonalNormal
from genloop.priors import StandardNormal


class Numbers:
    """Test records of two numbers each."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.nbytes = x, x.nbytes

    def __len__(self) -> int:
        return len(self.x)

    def part(self, chosen: np.ndarray) -> "Numbers":
        raise NotImplementedError

    def gather(self, indices: object) -> Tensor:
        return self.x[torch.as_tensor(indices)]

    def conditions(self, indices: object) -> Tensor:
        raise NotImplementedError

    def ask(self, indices: object, run: object, generator: object) -> tuple[object, Tensor]:
        raise NotImplementedError

    def on(self, device: torch.device) -> "Numbers":
        raise NotImplementedError


class Around(nn.Module):
    """The decoder: x is normal around z, with variance 1."""

    def observed(self, x: Tensor) -> Tensor:
        return x

    def forward(self, z: Tensor, condition: Tensor) -> "Normal":
        return Normal(z)


class Normal(DiagonalNormal):
    """A normal distribution with variance 1."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__(mean, torch.zeros_like(mean))


class Wrong(nn.Module):
    """The encoder."""

    def forward(self, x: Tensor, condition: Tensor) -> DiagonalNormal:
        return DiagonalNormal(0.5 * x + 0.3, torch.full_like(x, -1.0))


class Known(Bounds):
    """z and x given z are standard normal, so that x is normal with variance 2; the encoder is wrong on purpose."""

    def __init__(self, x: Tensor) -> None:
        self.run, self.seed = ImageVae(data="x", modality="image", family="vae", latent=2), 0
        self.test, self.encoder, self.decoder, self.prior = Numbers(x), Wrong(), Around(), StandardNormal(2)


def test_a_part_of_the_records_tells_the_likelihood_of_all() -> None:
    torch.manual_seed(0)
    x = 1.4 * torch.randn(600, 2)
    true = torch.distributions.Normal(0.0, 2**0.5).log_prob(x).sum(1)
    bounds = Known(x)
    elbos = bounds.elbos(400)
    bound, error = bounds.importance_weighted(400, records=60, elbos=elbos)
    assert elbos.mean() < true.mean() - 0.1
    assert bound == pytest.approx(float(true.mean()), abs=4 * error + 0.01)
    assert error < 0.2 * float(true.std()) / 60**0.5


def test_all_records_are_counted_as_they_are() -> None:
    bounds = Known(torch.randn(300, 2))
    elbos = bounds.elbos(1)
    one, error = bounds.importance_weighted(1, records=10_000, elbos=torch.randn(300))
    assert error == 0
    assert one == pytest.approx(float(elbos.mean()), abs=0.2)
