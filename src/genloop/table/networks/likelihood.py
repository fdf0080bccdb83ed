"""What a row network returns: a distribution over rows, each span of which has one of its codes."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from genloop.priors import Latents
from genloop.table.networks.layout import Layout, Numbers, PerSpan, draw_code, gumbel

Nats = Float[Tensor, " batch"]
CANDIDATES = 8  # latents among which each row gets one that suits what is given
SOFTNESS = 0.5  # temperature of the gradient through a drawn code


@runtime_checkable
class Predictor(Protocol):
    """A network that tells spans from a latent and from the spans that are known."""

    layout: Layout
    training: bool

    def predict(self, z: Latents, x: Numbers, known: PerSpan) -> Numbers:
        """Return logits of all spans; ``x`` is 0 where ``known`` is."""
        ...

    def begin(self, z: Latents, x: Numbers, known: PerSpan) -> Any:
        """Return what spans can be told from one after the other, at a fraction of the cost of ``predict``."""
        ...

    def tell(self, state: Any, span: int) -> Numbers:
        """Return the logits of one span."""
        ...

    def learn(self, state: Any, span: int, x: Numbers, known: Float[Tensor, "batch 1"]) -> Any:
        """Return the state in which one more span is known, in rows where ``known`` is 1; ``x`` are its numbers."""
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
        return self._estimate(x) if self.network.training else self._in_turn(self.z, x, torch.ones_like(self.known))

    def sample(self) -> Numbers:
        """Draw one row for each latent, span by span."""
        state = self.network.begin(self._suiting(), self.given, self.known)
        parts = []
        for span, given in enumerate(self.given.split(self.network.layout.sizes, 1)):
            known = self.known[:, span : span + 1]
            drawn = draw_code(self.network.tell(state, span).float())
            parts.append(torch.where(known > 0, given, drawn))
            state = self.network.learn(state, span, drawn, 1 - known)
        return torch.cat(parts, 1)

    def rsample(self) -> Numbers:
        """Refuse: codes are not differentiable."""
        raise NotImplementedError("a row that is drawn span by span has no differentiable samples")

    def _suiting(self) -> Latents:
        """Return latents that suit what is given: for each row one of several of the batch.

        Drawn as probable as they make the given spans, so that they come from the latent's distribution given those
        (Rubin 1988, "Using the SIR algorithm to simulate posterior distributions").
        """
        if not self.known.any():
            return self.z
        chosen = torch.randint(len(self.z), (CANDIDATES, len(self.z)), device=self.z.device)
        weights = torch.stack([self._in_turn(self.z[each], self.given, self.known) for each in chosen])
        best = (weights + gumbel(weights)).argmax(0)
        return self.z[chosen.gather(0, best[None])[0]]

    def _estimate(self, x: Numbers) -> Nats:
        spans = self.network.layout.spans
        place = torch.rand(len(x), spans, device=x.device).argsort(1).argsort(1)
        known = (place < torch.randint(spans, (len(x), 1), device=x.device)).float()
        logits = self.network.predict(self.z, x * self.network.layout.spread(known), known)
        untold = 1 - known
        return (self.network.layout.log_prob(logits, x) * untold).sum(1) * spans / untold.sum(1)

    def _in_turn(self, z: Latents, x: Numbers, counted: PerSpan) -> Nats:
        """Return the log probability of the spans that count, each given the latent and those of them before it."""
        total = torch.zeros(len(x), device=x.device)
        state = self.network.begin(z, torch.zeros_like(x), torch.zeros_like(counted))
        for span, numbers in enumerate(x.split(self.network.layout.sizes, 1)):
            counts = counted[:, span : span + 1]
            if counts.any():
                log_probabilities = self.network.tell(state, span).float().log_softmax(1)
                total = total + (log_probabilities * numbers).sum(1) * counts[:, 0]
                state = self.network.learn(state, span, numbers, counts)
        return total


@dataclass(frozen=True)
class AtOnce:
    """A distribution over rows whose spans are drawn independently of each other, but for those that are given."""

    layout: Layout
    logits: Numbers
    given: Numbers
    known: PerSpan

    def sample(self) -> Numbers:
        """Draw one row each."""
        return self._kept(self.layout.largest(self._noisy()))

    def rsample(self) -> Numbers:
        """Draw one row each; the gradient is that of a softened draw.

        Jang et al. 2017, "Categorical reparameterization with Gumbel-softmax", section 2.2, straight through.
        """
        noisy = self._noisy()
        soft = self.layout.log_probabilities(noisy / SOFTNESS).exp()
        return self._kept(self.layout.largest(noisy) + soft - soft.detach())

    def log_prob(self, x: Numbers) -> Nats:
        """Return the log probability of each row in nats."""
        return (self.layout.log_prob(self.logits, x) * (1 - self.known)).sum(1)

    def _noisy(self) -> Numbers:
        """Return logits with Gumbel noise, the largest of which is drawn as often as it is probable."""
        logits = self.logits.float()
        return logits + gumbel(logits)

    def _kept(self, drawn: Numbers) -> Numbers:
        return drawn * (1 - self.layout.spread(self.known)) + self.given
