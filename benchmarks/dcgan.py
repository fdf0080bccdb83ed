"""The GAN to compare with: a textbook DCGAN (Radford et al. 2016) trained by a bare loop in bf16.

Nothing of genloop's networks or systems is used. 28x28 pictures, width 32: latent 100 -> 128x4x4 -> 64x7x7 -> 32x14x14
-> 28x28 by transposed convolutions with batch normalization and ReLU; the critic mirrors that with leaky ReLU and
without normalization of its first layer. Weights from N(0, 0.02), Adam with 2e-4 and (0.5, 0.999), batch 64, binary
cross entropy, non-saturating; no averaging, no decay. Channels come last in memory, which is a tenth faster here: the
comparison is to be with a DCGAN at its fastest.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genloop.randomness import keyed_seed

LATENT, WIDTH, BATCH, LR, BETAS = 100, 32, 64, 2e-4, (0.5, 0.999)


def build_generator(channels: int, width: int = WIDTH) -> nn.Sequential:
    """Return latents [batch, 100, 1, 1] -> pictures [batch, channels, 28, 28] in [-1, 1]."""
    return nn.Sequential(
        *_grow(LATENT, 4 * width, 4, 1, 0),
        *_grow(4 * width, 2 * width, 3, 2, 1),
        *_grow(2 * width, width, 4, 2, 1),
        nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False),
        nn.Tanh(),
    ).apply(_initialize)


def build_critic(channels: int, width: int = WIDTH) -> nn.Sequential:
    """Return pictures [batch, channels, 28, 28] -> logits [batch]."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        *_shrink(width, 2 * width, 4),
        *_shrink(2 * width, 4 * width, 3),
        nn.Conv2d(4 * width, 1, 4, bias=False),
        nn.Flatten(0),
    ).apply(_initialize)


def _grow(cin: int, cout: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(cin, cout, kernel, stride, padding, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]


def _shrink(cin: int, cout: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(cin, cout, kernel, 2, 1, bias=False), nn.BatchNorm2d(cout), nn.LeakyReLU(0.2)]


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def train_for(prepared: Path, minutes: float, count: int, seed: int) -> tuple[Tensor, dict[str, Any]]:
    """Train for so many minutes of processor time; return ``count`` pictures and what it took."""
    pictures = np.load(prepared / "train.npy")
    torch.manual_seed(keyed_seed(seed, "dcgan"))
    resident = torch.from_numpy(pictures)
    generator: Any = build_generator(pictures.shape[1])
    critic: Any = build_critic(pictures.shape[1])
    generator.to(memory_format=torch.channels_last)
    critic.to(memory_format=torch.channels_last)
    improve_generator, improve_critic = (torch.optim.Adam(n.parameters(), LR, BETAS) for n in (generator, critic))
    start, seen = time.process_time(), 0
    while (took := time.process_time() - start) < 60 * minutes:
        if seen % (len(resident) // BATCH * BATCH) == 0:
            order = iter(torch.randperm(len(resident)).split(BATCH))
        x = resident[next(order)].float().div_(127.5).sub_(1)
        step(generator, critic, improve_generator, improve_critic, x)
        seen += BATCH
    return draw(generator, count, seed), {"minutes": took / 60, "records_seen": seen}


def step(
    generator: nn.Module,
    critic: nn.Module,
    improve_generator: torch.optim.Optimizer,
    improve_critic: torch.optim.Optimizer,
    x: Tensor,
) -> None:
    """Improve the critic once, then the generator once, on the same fake pictures, as textbooks do."""
    with torch.autocast("cpu", torch.bfloat16):
        fake = generator(torch.randn(len(x), LATENT, 1, 1))
        loss = cross_entropy(critic(x), 1.0) + cross_entropy(critic(fake.detach()), 0.0)
    improve_critic.zero_grad()
    loss.backward()
    improve_critic.step()
    with torch.autocast("cpu", torch.bfloat16):
        loss = cross_entropy(critic(fake), 1.0)
    improve_generator.zero_grad()
    loss.backward()
    improve_generator.step()


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Return the mean binary cross entropy of logits against one target."""
    return F.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, target, dtype=torch.float32))


@torch.no_grad()
def draw(generator: nn.Module, count: int, seed: int) -> Tensor:
    """Return ``count`` pictures in [-1, 1], drawn with the running statistics of batch normalization."""
    torch.manual_seed(keyed_seed(seed, "dcgan sample"))
    generator.eval()
    return torch.cat([generator(torch.randn(500, LATENT, 1, 1)) for _ in range(-(-count // 500))])[:count]
