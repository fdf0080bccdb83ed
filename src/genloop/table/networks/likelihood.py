"""What a row network returns: a distribution over rows, each span of which has one of its codes."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genloop.priors import Latents
from genloop.table.networks.layout import Layout, Numbers, PerSpan, draw_code

Nats = Float[Tensor, " batch"]


@runtime_checkable
class Predictor(Protocol):
    """A network that tells every span from a latent and from the spans that are known."""

    layout: Layout
    training: bool

    def predict(self, z: Latents, x: Numbers, known: PerSpan) -> Numbers:
        """Return logits; ``x`` is 0 where ``known`` is."""
        ...


@dataclass(frozen=True)
class AnyOrder:
    """p(x | z) as a product over spans, each given the latent and those before it, in any order.

    Uria et al. 2014, "A deep and tractable density estimator". Spans that are given come first and are kept as they
    are, so that whatever is asked of a row is met, and a row with gaps is filled in.
    """

    network: Predictor
    z: Latents
    given: Numbers
    known: PerSpan  # 1 for a span that is given, 0 for one that is to be told

    def log_prob(self, x: Numbers) -> Nats:
        """Return log p(x | z) of each row in nats.

        In training this is an estimate without bias of its mean over all orders: of the spans after a place drawn at
        random, each as if it came next, and so that they stand for all. Else it is exact for the order of the columns.
        """
        return self._estimate(x) if self.network.training else self._in_turn(x)

    def sample(self) -> Numbers:
        """Draw one row for each latent, span by span."""
        x, known = self.given.clone(), self.known.clone()
        for span, codes in enumerate(self._slices()):
            logits = self.network.predict(self.z, x, known)[:, codes]
            drawn = draw_code(logits.float())
            x[:, codes] = torch.where(self.known[:, span : span + 1] > 0, x[:, codes], drawn)
            known[:, span] = 1.0
        return x

    def rsample(self) -> Numbers:
        """Refuse: codes are not differentiable."""
        raise NotImplementedError("a row that is drawn span by span has no differentiable samples")

    def _estimate(self, x: Numbers) -> Nats:
        spans = self.network.layout.spans
        place = torch.rand(len(x), spans, device=x.device).argsort(1).argsort(1)
        known = (place < torch.randint(spans, (len(x), 1), device=x.device)).float()
        logits = self.network.predict(self.z, x * self.network.layout.spread(known), known)
        untold = 1 - known
        return (self.network.layout.log_prob(logits, x) * untold).sum(1) * spans / untold.sum(1)

    def _in_turn(self, x: Numbers) -> Nats:
        total = torch.zeros(len(x), device=x.device)
        known = torch.zeros(len(x), self.network.layout.spans, device=x.device)
        for span in range(self.network.layout.spans):
            logits = self.network.predict(self.z, x * self.network.layout.spread(known), known)
            total = total + self.network.layout.log_prob(logits, x)[:, span]
            known = known.clone()
            known[:, span] = 1.0
        return total

    def _slices(self) -> list[slice]:
        starts: Int[Tensor, " spans"] = self.network.layout.starts
        return [
            slice(start, start + size) for start, size in zip(starts.tolist(), self.network.layout.sizes, strict=True)
        ]
