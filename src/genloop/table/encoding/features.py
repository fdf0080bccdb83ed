"""Features of rows: few numbers for each span, whose products tell how spans hang together."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from genloop.table.encoding.rows import Span

WAVES = 3  # of a number's place among the training rows: they tell the shape of its distribution
WORDS = 32  # that are told apart

Features = Float[np.ndarray, "codes features"]


def span_features(spans: Sequence[Span], counts: Sequence[Sequence[int]]) -> Float[np.ndarray, "width features"]:
    """Return the features of each code of each span; a row's are those of its codes, as a sum.

    ``counts`` are the training rows with each code. Over these rows, each span's features have the mean 0 and weigh
    the same, whatever their number.
    """
    parts = [
        _weighed(_numbers(span, n) if span.intervals else _words(n), n)
        for span, n in zip(spans, _arrays(counts), strict=True)
    ]
    width, features = (sum(part.shape[axis] for part in parts) for axis in (0, 1))
    found, row, column = np.zeros((width, features)), 0, 0
    for part in parts:
        found[row : row + len(part), column : column + part.shape[1]] = part
        row, column = row + len(part), column + part.shape[1]
    return found


def _arrays(counts: Sequence[Sequence[int]]) -> list[np.ndarray]:
    return [np.array(each, float) for each in counts]


def _numbers(span: Span, counts: Float[np.ndarray, " codes"]) -> Features:
    """Return waves over a number's place among the present training values, and whether it is missing, if any is."""
    assert span.intervals is not None
    known = counts[: len(span.intervals.lows)]
    places = (known.cumsum() - known / 2) / max(known.sum(), 1)
    found = np.zeros((len(counts), WAVES + (len(counts) > len(known))))
    found[: len(known), :WAVES] = np.cos(np.pi * places[:, None] * np.arange(1, WAVES + 1))
    found[len(known) :, WAVES:] = 1
    return found


def _words(counts: Float[np.ndarray, " codes"]) -> Features:
    """Return a feature for each of the most frequent words; all others share one."""
    rank = (-counts).argsort(kind="stable").argsort(kind="stable")
    found: Features = np.eye(min(WORDS, len(counts)))[rank.clip(max=WORDS - 1)]
    return found


def _weighed(features: Features, counts: Float[np.ndarray, " codes"]) -> Features:
    shares = counts / max(counts.sum(), 1)
    centered: Features = features - shares @ features
    return centered / np.sqrt(max(float((shares @ centered**2).sum()), 1e-12))
