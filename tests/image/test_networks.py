"""The networks serve every size, channel count and condition that they claim."""

from types import ModuleType
from typing import Any

import pytest
import torch

from genloop.config import ImageGan, ImageVae
from genloop.errors import GenloopError
from genloop.image.data import PictureSchema
from genloop.image.networks import convolutional, dense
from genloop.image.networks.blocks import Modulated, grid_channels, grid_sizes
from genloop.image.networks.likelihood import LIKELIHOODS
from genloop.plugins import Networks

COMMON: dict[str, Any] = {"data": "x", "modality": "image", "width": 4, "latent": 5}
SIZES = [(8, 8), (9, 17), (28, 28), (33, 50), (256, 256)]
CLASSES = ("a", "b", "c")


def inputs(schema: PictureSchema, conditional: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    condition = torch.eye(3)[:2] if conditional else torch.zeros(2, 0)
    return torch.randn(2, 5), torch.rand(2, schema.channels, schema.height, schema.width), condition


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("networks", [convolutional, dense])
def test_shapes(networks: ModuleType, size: tuple[int, int], channels: int) -> None:
    assert isinstance(networks, Networks)
    schema = PictureSchema(channels, *size, CLASSES, (1, 1, 1))
    conditional = channels == 3
    gan, vae = (
        ImageGan(family="gan", conditional=conditional, **COMMON),
        ImageVae(family="vae", conditional=conditional, **COMMON),
    )
    z, x, condition = inputs(schema, conditional)
    fake = networks.Generator(gan, schema)(z, condition).rsample()
    assert fake.shape == x.shape
    assert float(fake.detach().abs().max()) <= 1
    assert networks.Critic(gan, schema)(x, condition).shape == (2,)
    assert networks.Encoder(vae, schema)(x, condition).rsample().shape == (2, 5)
    likelihood = networks.Decoder(vae, schema)(z, condition)
    assert likelihood.sample().shape == x.shape
    assert likelihood.log_prob(x).shape == (2,)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("networks", [convolutional, dense])
def test_every_likelihood_has_the_outputs_that_it_needs(networks: ModuleType, likelihood: Any) -> None:
    schema = PictureSchema(3, 8, 12)
    decoder = networks.Decoder(ImageVae(family="vae", likelihood=likelihood, **COMMON), schema)
    z, x, condition = inputs(schema, conditional=False)
    found = decoder(z, condition)
    assert isinstance(found, LIKELIHOODS[likelihood])
    assert found.log_prob(decoder.observed(x)).shape == (2,)
    assert found.sample().shape == x.shape


def test_grids() -> None:
    assert grid_sizes((28, 28)) == [(14, 14), (7, 7), (4, 4)]
    assert grid_sizes((64, 64))[-1] == (4, 4)
    assert grid_sizes((9, 17)) == [(9, 17), (5, 9), (3, 5)]  # small pictures are not halved at once
    assert grid_sizes((17, 40)) == [(9, 20), (5, 10), (3, 5)]
    assert grid_channels(16, 5) == [16, 32, 64, 128, 128]


def test_modulation_is_normalization_with_a_scale_and_a_shift_of_each_record() -> None:
    torch.manual_seed(0)
    layer, x, style = Modulated(3), torch.randn(4, 3, 5, 5), torch.randn(4, 64)
    plain = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    scale, shift = layer.style(style)[:, :, None, None].chunk(2, 1)
    torch.testing.assert_close(layer(x, style), plain * (1 + scale) + shift)
    assert not torch.allclose(layer(x, style)[:1], plain[:1], atol=0.05)


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_every_weight_gets_a_gradient(norm: Any) -> None:
    schema = PictureSchema(1, 16, 16, CLASSES, (1, 1, 1))
    run = ImageGan(family="gan", conditional=True, critic_norm=norm, **COMMON)
    z, x, condition = inputs(schema, conditional=True)
    generator, critic = convolutional.Generator(run, schema), convolutional.Critic(run, schema)
    generator(z, condition).rsample().square().sum().backward()
    critic(x, condition).square().sum().backward()
    for network in (generator, critic):
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_spectral_normalization_bounds_each_layer() -> None:
    torch.manual_seed(0)
    schema = PictureSchema(1, 16, 16)
    critic = convolutional.Critic(ImageGan(family="gan", critic_norm="spectral", **COMMON), schema)
    _, x, condition = inputs(schema, conditional=False)
    for _ in range(50):  # of the power iteration
        critic(x, condition)
    weights = [
        m.weight.detach().flatten(1) for m in critic.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)
    ]
    assert [float(torch.linalg.matrix_norm(w, 2)) for w in weights] == pytest.approx([1.0] * len(weights), abs=0.02)


def test_a_condition_changes_the_verdict_and_the_picture() -> None:
    schema = PictureSchema(1, 8, 8, CLASSES, (1, 1, 1))
    run = ImageGan(family="gan", conditional=True, critic_norm="none", **COMMON)
    torch.manual_seed(0)
    generator, critic = convolutional.Generator(run, schema).eval(), convolutional.Critic(run, schema)
    x, z = torch.rand(1, 1, 8, 8), torch.randn(1, 5)
    one, other = torch.eye(3)[:1], torch.eye(3)[1:2]
    assert not torch.equal(critic(x, one), critic(x, other))
    assert not torch.equal(generator(z, one).sample(), generator(z, other).sample())


def test_a_conditional_run_without_classes_is_refused() -> None:
    with pytest.raises(GenloopError, match=r"conditional: the data set 'x' has no classes; set conditional: false"):
        convolutional.Generator(ImageGan(family="gan", conditional=True, **COMMON), PictureSchema(1, 8, 8))


def test_augmentation_changes_the_share_that_it_is_told_and_carries_gradients() -> None:
    torch.manual_seed(0)
    x, augment = torch.rand(400, 3, 16, 12, requires_grad=True), convolutional.Augment()
    assert torch.equal(augment(x, torch.tensor(0.0)), x)
    changed = (augment(x, torch.tensor(0.3)) != x).flatten(1).any(1).float().mean()
    assert float(changed) == pytest.approx(1 - 0.7**3, abs=0.07)  # by one change or more of three
    (gradient,) = torch.autograd.grad(augment(x, torch.tensor(1.0)).sum(), x)
    assert float(gradient.abs().sum()) > 0
