"""How closely columns are tied to each other, from their codes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from genloop.table.encoding.rows import Span

WORDS = 200  # that are told apart
GROUPS = 10  # of neighboring codes, into which those of a number are joined


def association(codes: Int[np.ndarray, "rows spans"], spans: Sequence[Span]) -> Float[np.ndarray, "spans spans"]:
    """Return Cramer's V of each two spans (Cramer 1946, "Mathematical methods of statistics", section 21.9).

    0 where they are independent, 1 where one tells the other; numbers count as ten groups of their values.
    """
    coarse = [_coarse(codes[:, i], span) for i, span in enumerate(spans)]
    found = np.eye(len(spans))
    for first in range(len(spans)):
        for second in range(first):
            found[first, second] = found[second, first] = cramers_v(coarse[first], coarse[second])
    return found


def _coarse(codes: np.ndarray, span: Span) -> np.ndarray:
    """Return few codes: neighboring numbers joined, and all but the most frequent words."""
    if span.intervals is not None:
        return codes if span.size <= GROUPS else codes * GROUPS // span.size
    ranks = np.argsort(np.argsort(-np.bincount(codes, minlength=span.size), kind="stable"))
    return np.minimum(ranks[codes], WORDS)


def cramers_v(first: Int[np.ndarray, " rows"], second: Int[np.ndarray, " rows"]) -> float:
    """Return Cramer's V of two columns of whole numbers."""
    sides = [np.unique(side, return_inverse=True)[1] for side in (first, second)]
    shape = sides[0].max() + 1, sides[1].max() + 1
    if min(shape) == 1:
        return 0.0
    table = np.bincount(sides[0] * shape[1] + sides[1], minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    total = table.sum()
    expected = table.sum(1, keepdims=True) * table.sum(0) / total
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / total / (min(shape) - 1)))
