"""Rows that belong together as one sheet: a colored cell for each value, group after group."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from PIL import Image

from genloop.table.encoding.charts import PANELS, picture_of
from genloop.table.encoding.rows import Encoding, Span

ACROSS = 72  # cells in a line, at most, where a group has fewer
CELL = 0.155  # inches
NAMES, ABOVE, BELOW = 1.75, 0.3, 0.45  # inches beside the cells, above those of each line, and below all
COLORS, MISSING, PAPER = "viridis", "#c9ccd3", "#ffffff"
Colors = Float[np.ndarray, "spans cells channels"]


def draw_groups(
    codes: Int[np.ndarray, "rows spans"], encoding: Encoding, together: int, titles: Sequence[str] = ()
) -> Image.Image:
    """Return a column of cells for each row, colored by the place of its codes among those of their spans.

    The table's columns stand one below the other, so that their names can be read; ``together`` rows are a group, with
    a gap after it and a title above. Of more than 48 columns the first are shown.
    """
    spans = encoding.spans[:PANELS]
    groups = [codes[start : start + together, : len(spans)] for start in range(0, len(codes), together)]
    most = max(1, ACROSS // (together + 1))
    across = -(-len(groups) // -(-len(groups) // most))  # as many in each line
    lines = [groups[start : start + across] for start in range(0, len(groups), across)]
    tall, wide = len(spans) * CELL, (across * (together + 1) - 1) * CELL
    width, height = NAMES + wide + 0.1, len(lines) * (tall + ABOVE) + BELOW
    figure = Figure(figsize=(width, height))
    for number, line in enumerate(lines):
        cells = len(line) * (together + 1) - 1
        bottom = height - (number + 1) * (tall + ABOVE)
        axis = figure.add_axes((NAMES / width, bottom / height, cells * CELL / width, tall / height))
        _draw_line(axis, line, spans, encoding, titles[number * across :][: len(line)])
    _draw_key(figure, (NAMES / width, 0.27 / height, min(2.4, wide) / width, 0.1 / height))
    return picture_of(figure)


def _draw_line(
    axis: Axes, groups: list[np.ndarray], spans: Sequence[Span], encoding: Encoding, titles: Sequence[str]
) -> None:
    blank = np.broadcast_to(matplotlib.colors.to_rgb(PAPER), (len(spans), 1, 3))
    parts = [part for group in groups for part in (_colored(group, spans, encoding), blank)]
    axis.imshow(np.concatenate(parts[:-1], axis=1), aspect="auto", interpolation="nearest")
    axis.grid(False)
    axis.set_frame_on(False)
    axis.tick_params(length=0)
    axis.set_xticks([])
    axis.set_yticks(range(len(spans)), [_name(span) for span in spans], fontsize=7.5)
    step = len(groups[0]) + 1
    for number, title in enumerate(titles):
        axis.text(number * step - 0.5, -0.9, title, fontsize=7.5, color="#464a52")


def _colored(codes: np.ndarray, spans: Sequence[Span], encoding: Encoding) -> Colors:
    colors = np.empty((len(spans), len(codes), 3))
    for index, span in enumerate(spans):
        known = len(span.intervals.lows if span.intervals else encoding.by_name[span.column].values) or span.size
        place = codes[:, index] / max(min(known, span.size) - 1, 1)
        colors[index] = matplotlib.colormaps[COLORS](np.clip(place, 0, 1))[:, :3]
        colors[index, codes[:, index] >= known] = matplotlib.colors.to_rgb(MISSING)
    return colors


def _name(span: Span) -> str:
    name = span.column if span.part == "value" else f"{span.column} ({span.part})"
    return name if len(name) <= 26 else f"{name[:25]}…"


def _draw_key(figure: Figure, place: tuple[float, float, float, float]) -> None:
    """Draw what the colors mean."""
    bar = figure.colorbar(
        ScalarMappable(cmap=COLORS), cax=figure.add_axes(place), orientation="horizontal", ticks=[0, 1]
    )
    bar.ax.set_xticklabels(["lowest or first value", "highest or last"], fontsize=7)
    bar.ax.tick_params(length=0, pad=2)
    labels = bar.ax.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[1].set_horizontalalignment("right")
    bar.outline.set_visible(False)
