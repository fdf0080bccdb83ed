"""The networks serve every size and channel count that they claim."""

import pytest
import torch

from genloop.config import Gan, Vae
from genloop.image.data import PictureSchema
from genloop.image.networks.residual import Critic, Decoder, Encoder, Generator, level_channels, level_sizes

GAN = Gan(data="x", modality="image", family="gan", width=4, latent=5)
VAE = Vae(data="x", modality="image", family="vae", width=4, latent=5)
SIZES = [(8, 8), (9, 17), (28, 28), (33, 50), (64, 64)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(size: tuple[int, int], channels: int) -> None:
    schema = PictureSchema(channels, *size)
    z, x = torch.randn(2, 5), torch.rand(2, channels, *size)
    fake = Generator(GAN, schema)(z).rsample()
    assert fake.shape == x.shape
    assert float(fake.detach().abs().max()) <= 1
    assert Critic(GAN, schema)(x).shape == (2,)
    assert Encoder(VAE, schema)(x).rsample().shape == (2, 5)
    likelihood = Decoder(VAE, schema)(z)
    assert likelihood.sample().shape == x.shape
    assert likelihood.log_prob(x).shape == (2,)


def test_levels() -> None:
    assert level_sizes(28, 28) == [(28, 28), (14, 14), (7, 7)]
    assert level_sizes(64, 64)[-1] == (4, 4)
    assert level_sizes(9, 17) == [(9, 17), (5, 9)]
    assert level_channels(16, 5) == [16, 32, 64, 128, 128]


def test_every_weight_gets_a_gradient() -> None:
    schema = PictureSchema(1, 16, 16)
    for network, x in ((Generator(GAN, schema), torch.randn(4, 5)), (Critic(GAN, schema), torch.rand(4, 1, 16, 16))):
        output = network(x)
        (output if isinstance(output, torch.Tensor) else output.rsample()).square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
