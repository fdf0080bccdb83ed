"""Losses against closed forms."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genloop.losses import (
    ADVERSARIAL,
    between,
    difference_penalty,
    gradient_penalty,
    lipschitz_penalty,
    negative_bound,
)

REAL, FAKE = torch.tensor([0.0, 2.0]), torch.tensor([0.0, -1.0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


EXPECTED = {
    "non_saturating": ([2 * math.log(2), softplus(-2) + softplus(-1)], [math.log(2), softplus(1)]),
    "hinge": ([2.0, 0.0], [0.0, 1.0]),
    "relativistic": ([math.log(2), softplus(-3)], [math.log(2), softplus(3)]),
    "wasserstein": ([0.0, -3.0], [0.0, 1.0]),
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


def linear(slope: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: x @ slope


def test_gradient_penalty_of_a_linear_critic_is_half_its_squared_slope() -> None:
    slope = torch.tensor([3.0, 4.0], requires_grad=True)
    penalty = gradient_penalty(linear(slope), torch.randn(5, 2))
    torch.testing.assert_close(penalty, torch.full((5,), 12.5))
    (pull,) = torch.autograd.grad(penalty.mean(), slope)
    torch.testing.assert_close(pull, slope.detach())  # it can be trained through


def test_differences_estimate_the_gradient_penalty_and_its_pull() -> None:
    torch.manual_seed(0)
    first = torch.nn.Linear(3, 8)
    network = torch.nn.Sequential(first, torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()
    x = torch.randn(4, 3, dtype=torch.double).repeat(20_000, 1)
    pulls = []
    for penalty in (gradient_penalty, difference_penalty):
        value = penalty(lambda x: network(x).squeeze(1), x).mean()
        (pull,) = torch.autograd.grad(value, first.weight)
        pulls.append(torch.cat([value.detach()[None], pull.flatten()]))
    torch.testing.assert_close(pulls[0], pulls[1], rtol=0.05, atol=2e-3)


def test_the_lipschitz_penalty_asks_for_a_slope_of_one() -> None:
    x = torch.randn(5, 2)
    torch.testing.assert_close(lipschitz_penalty(linear(torch.tensor([3.0, 4.0])), x), torch.full((5,), 16.0))
    torch.testing.assert_close(lipschitz_penalty(linear(torch.tensor([0.6, 0.8])), x), torch.zeros(5))


def test_between_lies_on_the_line() -> None:
    torch.manual_seed(0)
    real, fake = torch.zeros(2000, 1, 2, 2), torch.full((2000, 1, 2, 2), 3.0)
    places = between(real, fake)
    assert bool((places == places[:, :, :1, :1]).all())
    assert float(places.mean()) == pytest.approx(1.5, abs=0.1)
    assert 0 <= float(places.min()) < 0.1 < 2.9 < float(places.max()) <= 3


def test_the_bound_of_one_draw_is_the_elbo_and_more_draws_tighten_it() -> None:
    """For z standard normal and x = z + noise, the true likelihood of x is normal with variance 2."""
    torch.manual_seed(0)
    x = torch.tensor([0.3, -1.0]).double()
    q = torch.distributions.Normal(0.4 * x, torch.ones(2).double())
    z = q.sample(torch.Size([200_000]))
    normal = torch.distributions.Normal
    log_weights = normal(0, 1).log_prob(z) + normal(z, 1).log_prob(x) - q.log_prob(z)
    truth = -normal(0, math.sqrt(2)).log_prob(x)
    torch.testing.assert_close(negative_bound(log_weights), truth, atol=0.01, rtol=0)
    by_draws = [negative_bound(log_weights.unflatten(0, (draws, -1)).flatten(1)).mean() for draws in (1, 10, 100)]
    assert by_draws[0] > by_draws[1] > by_draws[2] > truth.mean() - 0.01
    torch.testing.assert_close(negative_bound(log_weights[:1]), -log_weights[0])
