"""The discretized logistic is a distribution over bytes."""

import numpy as np
import pytest
import torch

from genloop.image.data import to_bytes, to_unit
from genloop.image.networks.likelihood import DiscretizedLogistic, PointMass


@pytest.mark.parametrize("location", [-1.0, -0.3, 0.0, 0.77, 1.0])
@pytest.mark.parametrize("log_scale", [-6.0, -3.0, 0.0, 2.0])
def test_probabilities_of_all_bytes_sum_to_one(location: float, log_scale: float) -> None:
    every_byte = to_unit(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)).double()
    parameters = (torch.full_like(every_byte, value) for value in (location, log_scale))
    total = DiscretizedLogistic(*parameters).log_prob(every_byte).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=2e-5)


def test_the_nearest_byte_is_the_most_probable_and_far_ones_stay_finite() -> None:
    every_byte = to_unit(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1))
    narrow = DiscretizedLogistic(torch.full_like(every_byte, 0.2), torch.full_like(every_byte, -50.0))
    log_prob = narrow.log_prob(every_byte)
    assert torch.isfinite(log_prob).all()
    assert int(log_prob.argmax()) == int(to_bytes(torch.full((1, 1, 1, 1), 0.2)).item())


def test_log_prob_is_summed_over_a_record() -> None:
    torch.manual_seed(0)
    pictures = to_unit(np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8))
    location, log_scale = torch.randn(2, 3, 8, 8).tanh(), torch.randn(2, 3, 8, 8)
    whole = DiscretizedLogistic(location, log_scale).log_prob(pictures)
    parts = [
        DiscretizedLogistic(*(x[:, channel : channel + 1] for x in (location, log_scale))).log_prob(
            pictures[:, channel : channel + 1]
        )
        for channel in range(3)
    ]
    torch.testing.assert_close(whole, torch.stack(parts).sum(0))


def test_draws_follow_the_parameters_and_carry_gradients() -> None:
    torch.manual_seed(0)
    location = torch.full((2000, 1, 8, 8), 0.1, requires_grad=True)
    draws = DiscretizedLogistic(location, torch.full((2000, 1, 8, 8), -3.0)).rsample()
    assert float(draws.detach().mean()) == pytest.approx(0.1, abs=0.002)
    assert float(draws.detach().std()) == pytest.approx(np.exp(-3.0) * np.pi / np.sqrt(3), rel=0.02)
    (gradient,) = torch.autograd.grad(draws.sum(), location)
    assert bool((gradient == 1).all())


def test_a_point_mass_hands_out_its_pictures_and_refuses_a_likelihood() -> None:
    pictures = torch.rand(2, 1, 8, 8)
    assert PointMass(pictures).rsample() is pictures
    with pytest.raises(NotImplementedError):
        PointMass(pictures).log_prob(pictures)
