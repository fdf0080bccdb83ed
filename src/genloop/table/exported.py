"""The network that rows come from, as a graph of tensors; what is drawn at random stays outside."""

from typing import Any

from torch import Tensor, nn

from genloop.conditions import condition_size
from genloop.errors import GenloopError
from genloop.plugins import Exportable, Schema
from genloop.table.data import TableSchema
from genloop.table.networks.layout import Numbers
from genloop.table.networks.likelihood import AtOnce, Predictor


class Told(nn.Module):
    """Latent, and condition if any, to the logits of all codes: those of a GAN, whose spans are drawn at once."""

    def __init__(self, network: nn.Module) -> None:
        """Take a generator."""
        super().__init__()
        self.network = network

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Numbers:
        """Return logits [batch, codes of all spans]."""
        drawn = self.network(latent, latent[:, :0] if condition is None else condition)
        if not isinstance(drawn, AtOnce):
            raise GenloopError("networks: the generator of rows tells no logits, so it cannot be exported")
        return drawn.logits


class Predicted(nn.Module):
    """Latent, row and known spans to the logits of all codes: those of a VAE, whose spans are told in any order."""

    def __init__(self, network: Predictor) -> None:
        """Take a decoder."""
        super().__init__()
        self.network = network

    def forward(self, latent: Tensor, row: Numbers, known: Tensor) -> Numbers:
        """Return logits [batch, codes of all spans]; ``row`` is 0 in spans that are not known."""
        return self.network.predict(latent, row, known)


def exportable(network: nn.Module, run: Any, schema: Schema) -> Exportable:
    """Return the graph of a generator or decoder, and which codes belong to which span."""
    assert isinstance(schema, TableSchema)
    spans = [{"column": span.column, "part": span.part, "codes": span.size} for span in schema.encoding.spans]
    if run.family == "gan":
        size = condition_size(run, schema)
        inputs = {"latent": run.latent} | ({"condition": size} if size else {})
        return Exportable(Told(network), inputs, "logits", {"spans": spans})
    if not isinstance(network, Predictor):
        raise GenloopError("networks: the decoder of rows cannot tell all spans at once, so it cannot be exported")
    inputs = {"latent": run.latent, "row": schema.width, "known": schema.dimensions}
    return Exportable(Predicted(network), inputs, "logits", {"spans": spans})
