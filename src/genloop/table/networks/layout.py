"""Which numbers of an encoded row belong to which span, for arithmetic over all spans at once."""

from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from genloop.conditions import Conditions

Numbers = Float[Tensor, "batch width"]
PerSpan = Float[Tensor, "batch spans"]
LARGEST = 40.0  # logit


def _in_full(numbers: Tensor) -> torch.autocast:
    """Compute in full precision."""
    return torch.autocast(numbers.device.type, enabled=False)


class Layout(nn.Module):
    """The spans of a row one after the other: one number for each code, 1 for the code that it has and 0 for others."""

    starts: Tensor
    members: Tensor
    span_of: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        """Take the number of codes of each span."""
        super().__init__()
        self.sizes, self.spans, self.width = tuple(sizes), len(sizes), sum(sizes)
        counts = torch.tensor(self.sizes)
        ends = list(accumulate(self.sizes))
        self.slices = [slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True)]
        span_of = torch.arange(self.spans).repeat_interleave(counts)
        self.register_buffer("span_of", span_of, persistent=False)  # [width]
        self.register_buffer("starts", counts.cumsum(0) - counts, persistent=False)
        self.register_buffer("members", F.one_hot(span_of, self.spans).float(), persistent=False)  # [width, spans]

    def numbers(self, codes: Int[Tensor, "batch spans"]) -> Numbers:
        """Return rows of codes as numbers."""
        return torch.zeros(len(codes), self.width, device=codes.device).scatter_(1, codes + self.starts, 1.0)

    def codes(self, numbers: Numbers) -> Int[Tensor, "batch spans"]:
        """Return the code of each span: that of its largest number."""
        return torch.stack([part.argmax(1) for part in numbers.split(self.sizes, 1)], 1)

    def largest(self, numbers: Numbers) -> Numbers:
        """Return 1 for the largest number of each span and 0 for the others."""
        spans = self.span_of.expand_as(numbers)
        nothing = numbers.new_full((len(numbers), self.spans), -torch.inf)
        maxima = nothing.scatter_reduce(1, spans, numbers.detach(), "amax")
        return (numbers.detach() >= maxima.gather(1, spans)).to(numbers)

    def condition(self, numbers: Numbers, known: PerSpan, places: PerSpan) -> Conditions:
        """Return conditions that tell the spans of rows that are known, and the places in their intervals."""
        return torch.cat([numbers * self.spread(known), known, places], 1)

    def told(self, condition: Conditions) -> tuple[Numbers, PerSpan, PerSpan]:
        """Return what conditions tell: spans of rows, 1 for each of these spans, the places in their intervals."""
        numbers, known, places = condition.split((self.width, self.spans, self.spans), 1)
        return numbers, known, places

    def spread(self, values: PerSpan) -> Numbers:
        """Return a value per span for each of the span's numbers."""
        with _in_full(values):
            return values @ self.members.T

    def sums(self, numbers: Numbers) -> PerSpan:
        """Return the sum over each span's numbers: a product with ones and zeros, ten times as fast as index_add."""
        with _in_full(numbers):
            return numbers @ self.members

    def log_probabilities(self, logits: Numbers) -> Numbers:
        """Return logits made to be the log probabilities of a span's codes, in nats."""
        bounded, normalizers = self._bounded(logits)
        return bounded - self.spread(normalizers)

    def log_prob(self, logits: Numbers, x: Numbers) -> PerSpan:
        """Return the log probability of each span's code of rows ``x``, in nats."""
        bounded, normalizers = self._bounded(logits)
        return self.sums(bounded * x) - normalizers

    def _bounded(self, logits: Numbers) -> tuple[Numbers, PerSpan]:
        """Return logits within 40 of 0, where nothing overflows without a largest one, and each span's log sum."""
        bounded = logits.float().clamp(-LARGEST, LARGEST)
        return bounded, torch.log(self.sums(bounded.exp()))


def draw_code(logits: Float[Tensor, "batch codes"]) -> Float[Tensor, "batch codes"]:
    """Draw a code of one span for each row, as numbers, by the largest of logits with Gumbel noise."""
    return F.one_hot((logits + gumbel(logits)).argmax(1), logits.shape[1]).to(logits)


def gumbel(like: Tensor) -> Tensor:
    """Draw Gumbel noise: with it, the largest of logits is a draw from their softmax."""
    return -torch.log(torch.empty_like(like).exponential_())
