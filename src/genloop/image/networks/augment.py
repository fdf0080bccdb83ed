"""Changes that leave pictures plausible, for real and fake ones alike: so a critic cannot learn few pictures by heart.

Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training": color, translation and cutout, each
with the same probability per picture (Karras et al. 2020, "Training GANs with limited data").
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Pictures = Float[Tensor, "batch channels height width"]
SHIFT, CUT = 8, 2  # translation by up to an eighth of a side, a window of half of each side cut out


class Augment(nn.Module):
    """Differentiable in the pictures; all draws come from the global generator."""

    def forward(self, x: Pictures, share: Tensor) -> Pictures:
        """Return pictures of which a ``share`` in [0, 1] underwent each change."""
        for change in (_color, _translate, _cut):
            chosen = torch.rand(len(x), 1, 1, 1, device=x.device) < share
            x = torch.where(chosen, change(x), x)
        return x


def _color(x: Pictures) -> Pictures:
    """Change brightness by up to half the range and contrast by up to half."""
    brightness, contrast = torch.rand(2, len(x), 1, 1, 1, device=x.device) - 0.5
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (1 + contrast) + mean + brightness


def _translate(x: Pictures) -> Pictures:
    """Move each picture by whole pixels; what comes into view repeats the border."""
    count, _, height, width = x.shape
    rows = _positions(count, height, x.device)
    columns = _positions(count, width, x.device)
    x = x.gather(2, rows[:, None, :, None].expand_as(x))
    return x.gather(3, columns[:, None, None, :].expand_as(x))


def _positions(count: int, side: int, device: torch.device) -> Tensor:
    reach = max(side // SHIFT, 1)
    shift = torch.randint(-reach, reach + 1, (count, 1), device=device)
    return (torch.arange(side, device=device) + shift).clamp(0, side - 1)


def _cut(x: Pictures) -> Pictures:
    """Put a gray window over a random place of each picture."""
    count, _, height, width = x.shape
    hidden = _window(count, height, x.device)[:, None, :, None] & _window(count, width, x.device)[:, None, None, :]
    return x.masked_fill(hidden, 0.0)


def _window(count: int, side: int, device: torch.device) -> Tensor:
    start = torch.randint(1 - side // CUT, side, (count, 1), device=device)
    place = torch.arange(side, device=device)
    return (place >= start) & (place < start + side // CUT)
