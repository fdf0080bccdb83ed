"""The network that pictures come from, as a graph of tensors."""

from typing import Any

from torch import Tensor, nn

from genloop.conditions import condition_size
from genloop.image.data import PictureSchema
from genloop.image.encoding.pixels import Pictures
from genloop.plugins import Exportable, Schema


class Pictured(nn.Module):
    """Latent, and condition if any, to pictures as they are handed out, from 0 to 1."""

    def __init__(self, network: nn.Module) -> None:
        """Take a generator or a decoder."""
        super().__init__()
        self.network = network

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Pictures:
        """Return pictures [batch, channels, height, width]."""
        asked = latent[:, :0] if condition is None else condition
        return (self.network(latent, asked).sample() + 1) / 2


def exportable(network: nn.Module, run: Any, schema: Schema) -> Exportable:
    """Return the graph of a generator or decoder; the condition is a class, or a group that was found, one-hot."""
    assert isinstance(schema, PictureSchema)
    size = condition_size(run, schema)
    inputs = {"latent": run.latent} | ({"condition": size} if size else {})
    classes, groups = (schema.classes, schema.class_counts), (tuple(range(size)), schema.group_counts)
    names, counts = classes if run.conditional else groups
    described = {"conditions": names, "counts": counts} if size else {}  # how often each occurs in training
    return Exportable(Pictured(network), inputs, "pictures", described)
