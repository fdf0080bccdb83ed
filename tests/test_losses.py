"""Losses against closed forms."""

import math

import pytest
import torch
from torch import Tensor

from genloop.losses import ADVERSARIAL, gradient_penalty, negative_elbo

REAL, FAKE = torch.tensor([0.0, 2.0]), torch.tensor([0.0, -1.0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


EXPECTED = {
    "non_saturating": ([2 * math.log(2), softplus(-2) + softplus(-1)], [math.log(2), softplus(1)]),
    "hinge": ([2.0, 0.0], [0.0, 1.0]),
    "relativistic": ([math.log(2), softplus(-3)], [math.log(2), softplus(3)]),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_losses(name: str) -> None:
    critic, generator = EXPECTED[name]
    torch.testing.assert_close(ADVERSARIAL[name].critic(REAL, FAKE), torch.tensor(critic))
    torch.testing.assert_close(ADVERSARIAL[name].generator(REAL, FAKE), torch.tensor(generator))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_critic_gains_by_telling_real_from_fake_and_the_generator_by_fooling_it(name: str) -> None:
    real, fake = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    on_real, on_fake = torch.autograd.grad(ADVERSARIAL[name].critic(real, fake).sum(), (real, fake))
    assert on_real < 0 < on_fake
    (fooling,) = torch.autograd.grad(ADVERSARIAL[name].generator(real, fake).sum(), fake)
    assert fooling < 0


def test_gradient_penalty_of_a_linear_critic_is_half_its_squared_slope() -> None:
    slope = torch.tensor([3.0, 4.0], requires_grad=True)
    x = torch.randn(5, 2, requires_grad=True)
    penalty = gradient_penalty(x @ slope, x)
    torch.testing.assert_close(penalty, torch.full((5,), 12.5))
    (pull,) = torch.autograd.grad(penalty.mean(), slope)
    torch.testing.assert_close(pull, slope.detach())  # it can be trained through


def test_negative_elbo_is_rate_plus_distortion() -> None:
    rate, distortion = torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])
    result: Tensor = negative_elbo(rate, distortion)
    assert result.tolist() == [11.0, 22.0]
