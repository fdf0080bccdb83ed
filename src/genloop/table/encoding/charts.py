"""What generated rows look like beside training rows, as pictures, the same bytes for the same rows."""

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from genloop.table.encoding.association import association
from genloop.table.encoding.rows import DAY, Encoding, Span

PANELS = 48  # columns that are drawn, at most
ACROSS = 6  # panels in a row
BARS = 12  # values of a word that are drawn, at most; and steps of a histogram, twice
REAL, GENERATED = "#b0b7c3", "#d1495b"


def draw_marginals(
    codes: Int[np.ndarray, "rows spans"], encoding: Encoding, counts: Sequence[Sequence[int]]
) -> Image.Image:
    """Return a panel for each column: how often its values occur in training rows and in generated ones."""
    shown = min(len(encoding.spans), PANELS)
    across = min(ACROSS, shown)
    down = -(-shown // across)
    figure = Figure(figsize=(2.4 * across, 1.9 * down + 0.4))
    edges = {"left": 0.02, "right": 0.98, "top": 1 - 0.3 / (1.9 * down + 0.4), "bottom": 0.8 / (1.9 * down + 0.4)}
    panels = figure.subplots(down, across, squeeze=False, gridspec_kw={**edges, "hspace": 0.75, "wspace": 0.12}).ravel()
    for axis in panels[shown:]:
        axis.set_axis_off()
    for index, (axis, span) in enumerate(zip(panels[:shown], encoding.spans[:shown], strict=True)):
        generated = np.bincount(codes[:, index], minlength=span.size)
        shares = [np.asarray(side) / max(np.sum(side), 1) for side in (counts[index], generated)]
        _draw_panel(axis, span, encoding, shares)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2, fontsize=8, frameon=False)
    return picture_of(figure)


def _draw_panel(axis: Axes, span: Span, encoding: Encoding, shares: list[np.ndarray]) -> None:
    name = span.column if span.part == "value" else f"{span.column} ({span.part})"
    axis.set_title(name if len(name) <= 28 else f"{name[:27]}…", fontsize=8)
    axis.tick_params(labelsize=6)
    axis.set_yticks([])
    if span.intervals is not None and len(span.intervals.lows) > BARS:
        edges = np.linspace(span.intervals.lows[0], span.intervals.highs[-1], 2 * BARS + 1)
        heights = [_histogram(span, share, edges) for share in shares]
        scaled = edges / _unit(span, encoding)
        axis.stairs(heights[0], scaled, fill=True, color=REAL, label="training rows")
        axis.stairs(heights[1], scaled, color=GENERATED, label="generated", linewidth=1.4)
        axis.set_xticks([scaled[0], scaled[-1]], _ends(span, encoding), fontsize=6)
        return
    labels = _labels(span, encoding)
    order = np.argsort(-shares[0], kind="stable") if span.intervals is None else np.arange(len(labels))
    order = order[:BARS]
    axis.bar(np.arange(len(order)), shares[0][order], color=REAL, label="training rows")
    axis.plot(np.arange(len(order)), shares[1][order], "_", color=GENERATED, label="generated", markersize=7, mew=2)
    axis.set_xticks(np.arange(len(order)), [labels[i][:10] for i in order], rotation=60, ha="right")


def _histogram(span: Span, shares: np.ndarray, edges: Float[np.ndarray, " edges"]) -> np.ndarray:
    """Return the share of rows between each two edges, those of an interval spread evenly over it."""
    assert span.intervals is not None
    lows, highs = span.intervals.lows, span.intervals.highs
    width = np.where(highs > lows, highs - lows, 1.0)
    before = np.clip((edges[:, None] - lows) / width, 0, 1)  # share of each interval that lies before each edge
    before = np.where(highs > lows, before, edges[:, None] > lows)
    before[-1] = 1.0
    return np.diff(before @ shares[: len(lows)])


def _unit(span: Span, encoding: Encoding) -> float:
    """Return what the numbers of a span are divided by to be shown: hours of times, else as they are written."""
    column = encoding.by_name[span.column]
    if span.part == "day":
        return 1.0
    if column.kind == "datetime":
        return DAY / 24
    return float(10 ** (column.decimals or 0))


def _ends(span: Span, encoding: Encoding) -> list[str]:
    """Return the smallest and the largest value in words."""
    assert span.intervals is not None
    ends = [span.intervals.lows[0], span.intervals.highs[-1]]
    if span.part == "day":
        return [str(np.datetime64(int(end), "D")) for end in ends]
    return [f"{end / _unit(span, encoding):.4g}" for end in ends]


def _labels(span: Span, encoding: Encoding) -> list[str]:
    column = encoding.by_name[span.column]
    if span.intervals is None:
        known = list(column.values)
    else:
        known = [f"{low / _unit(span, encoding):g}" for low in span.intervals.lows]
    return [*known, "(missing)"][: span.size]


def draw_associations(
    codes: Int[np.ndarray, "rows spans"], spans: Sequence[Span], real: Float[np.ndarray, "spans spans"]
) -> Image.Image:
    """Return how closely columns are tied in training rows, in generated ones, and the difference."""
    generated = association(codes, spans)
    names = [span.column[:18] for span in spans]
    size = max(3.0, 0.16 * len(names))
    figure = Figure(figsize=(3 * size + 1, size + 0.8), layout="constrained")
    sides = (
        (real, "training rows", "viridis", 0),
        (generated, "generated", "viridis", 0),
        (generated - real, "difference", "RdBu", -1),
    )
    for axis, (matrix, title, colors, low) in zip(figure.subplots(1, 3), sides, strict=True):
        shown = axis.imshow(matrix, cmap=colors, vmin=low, vmax=1)
        axis.set_title(f"{title}, Cramér's V" if low == 0 else title, fontsize=9)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=5)
        axis.set_yticks(range(len(names)), names, fontsize=5)
        axis.grid(False)
        figure.colorbar(shown, ax=axis, shrink=0.7)
    return picture_of(figure)


def picture_of(figure: Figure) -> Image.Image:
    """Return what was drawn, the same bytes for the same numbers."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        figure.savefig(buffer, dpi=100, format="png", metadata={"Software": None})
    return Image.open(buffer).convert("RGB")
