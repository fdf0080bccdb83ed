"""The discretized logistic is a distribution over bytes."""

import numpy as np
import pytest
import torch

from genloop.image.encoding.pixels import to_bytes, to_unit
from genloop.image.networks.discretized import COMPONENTS, DiscretizedLogistic, DiscretizedNormal, LogisticMixture
from genloop.image.networks.likelihood import LIKELIHOODS, Bernoulli, PointMass, outputs_of


@pytest.mark.parametrize("location", [-1.0, -0.3, 0.0, 0.77, 1.0])
@pytest.mark.parametrize("log_scale", [-6.0, -3.0, 0.0, 2.0])
def test_probabilities_of_all_bytes_sum_to_one(location: float, log_scale: float) -> None:
    every_byte = to_unit(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)).double()
    parameters = [torch.full_like(every_byte, value) for value in (location, log_scale)]
    for likelihood in (DiscretizedLogistic, DiscretizedNormal):
        total = likelihood(*parameters).log_prob(every_byte).exp().sum()
        assert float(total) == pytest.approx(1.0, abs=2e-5), likelihood


def test_a_mixture_is_a_distribution_over_bytes_and_one_of_equals_is_its_component() -> None:
    torch.manual_seed(0)
    every_byte = to_unit(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)).double()
    outputs = torch.randn(1, outputs_of(LogisticMixture, 1), 1, 1).double().expand(256, -1, -1, -1)
    mixture = LogisticMixture.of(outputs, 1)
    assert float(mixture.log_prob(every_byte).exp().sum()) == pytest.approx(1.0, abs=2e-5)
    location, log_scale = torch.full((256, 1, 1, 1), 0.2).double(), torch.full((256, 1, 1, 1), -2.0).double()
    equals = LogisticMixture(
        mixture.log_weights, *(x[:, None].expand(-1, COMPONENTS, -1, -1, -1) for x in (location, log_scale))
    )
    expected = DiscretizedLogistic(location, log_scale).log_prob(every_byte)
    torch.testing.assert_close(equals.log_prob(every_byte), expected)


def test_draws_of_a_mixture_have_its_mean_and_carry_gradients() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(1, outputs_of(LogisticMixture, 3), 1, 1).expand(20_000, -1, -1, -1).clone()
    outputs[:, COMPONENTS + COMPONENTS * 3 :] = -4.0  # narrow
    mixture = LogisticMixture.of(outputs.requires_grad_(), 3)
    draws = mixture.rsample()
    torch.testing.assert_close(draws.mean(0), mixture.sample()[0], atol=0.02, rtol=0)
    (gradient,) = torch.autograd.grad(draws.sum(), outputs)
    assert float(gradient.abs().sum()) > 0


def test_the_normal_agrees_with_the_distribution_function_and_far_bytes_stay_finite() -> None:
    every_byte = to_unit(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)).double()
    location, log_scale = torch.full_like(every_byte, 0.1), torch.full_like(every_byte, -1.0)
    normal = torch.distributions.Normal(0.1, np.exp(-1.0))
    expected = (normal.cdf(every_byte + 1 / 255) - normal.cdf(every_byte - 1 / 255)).flatten()
    found = DiscretizedNormal(location, log_scale).log_prob(every_byte).exp()
    torch.testing.assert_close(found[1:-1], expected[1:-1], rtol=1e-4, atol=1e-9)
    narrow = torch.full_like(every_byte, -7.0, requires_grad=True)
    log_prob = DiscretizedNormal(location, narrow).log_prob(every_byte)
    (gradient,) = torch.autograd.grad(log_prob.sum(), narrow)
    assert torch.isfinite(log_prob).all()
    assert torch.isfinite(gradient).all()


def test_bernoulli_is_pytorchs_and_observes_bits_with_the_brightness_for_a_probability() -> None:
    torch.manual_seed(0)
    gray = torch.full((5000, 1, 2, 2), 0.5)  # three quarters of the way from black to white
    bits = Bernoulli.observed(gray)
    assert set(bits.unique().tolist()) == {-1.0, 1.0}
    assert float((bits > 0).float().mean()) == pytest.approx(0.75, abs=0.02)
    logits = torch.randn(5000, 1, 2, 2)
    expected = torch.distributions.Bernoulli(logits=logits).log_prob((bits + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(Bernoulli(logits).log_prob(bits), expected)
    torch.testing.assert_close(Bernoulli(logits).sample(), 2 * torch.sigmoid(logits) - 1)


@pytest.mark.parametrize("name", sorted(set(LIKELIHOODS) - {"bernoulli"}))
def test_other_likelihoods_observe_pictures_as_they_are(name: str) -> None:
    x = torch.rand(2, 3, 4, 4)
    assert LIKELIHOODS[name].observed(x) is x


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
