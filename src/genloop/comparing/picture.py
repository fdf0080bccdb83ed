"""A sheet -> ``compare.png``: the same latents, the main scores and the curves in one picture."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from genloop.comparing.curves import Chart, draw_chart
from genloop.comparing.lanes import Lane
from genloop.comparing.samples import is_grouped
from genloop.comparing.scores import Cell, Row, Scores

DOTS = 110  # per inch
WIDEST = 9.0  # inches, of the samples
CURVES, ACROSS = 4, 2  # at most, and beside each other
CHART = 2.1  # inches, their height
RIGHT = 7.2  # inches, of scores and curves
SOFT, GOOD, BAD, LINE = "#5b6270", "#0d7a4f", "#b3261e", "#d5d7d2"
JUDGED = {"better": GOOD, "worse": BAD}


def draw_sheet(lanes: Sequence[Lane], scores: Scores, charts: Sequence[Chart], together: Image.Image) -> Image.Image:
    """Return the picture, the same bytes for the same runs."""
    chosen, rows = list(charts)[:CURVES], scores.headline
    beside = not is_grouped(lanes)  # a narrow column, with scores and curves beside it
    width = together.width / DOTS if beside else min(together.width / DOTS, WIDEST)
    tall = width * together.height / together.width
    scored = 0.62 + sum(0.25 * len(row.cells) + 0.16 for row in rows)
    drawn = CHART * -(-len(chosen) // ACROSS)
    legend = 0.3 + 0.24 * len(lanes)
    if beside:
        size = (width + 0.8 + RIGHT, legend + max(tall + 0.3, scored + drawn))
        drawn = size[1] - legend - scored if chosen else drawn  # what is left
    else:
        size = (max(width, RIGHT) + 0.4, legend + tall + 0.3 + scored + drawn)
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        figure = Figure(figsize=size, dpi=DOTS)
        wide, high = size
        _draw_lanes(figure, lanes, wide, high)
        top = high - legend
        if not beside:
            order = f"From left to right in each group: {', '.join(lane.letter for lane in lanes)}"
            figure.text(0.2 / wide, (top - 0.05) / high, order, size=7.5, color=SOFT, va="center")
        _draw_samples(figure, lanes if beside else (), together, (0.2, top - 0.25 - tall, width, tall), size)
        left, below = (width + 0.6, top) if beside else (0.2, top - tall - 0.3)
        place = (left, below - scored, wide - left - 0.2, scored)
        _draw_scores(figure, rows, place, size)
        _draw_curves(figure, chosen, (left, max(place[1] - drawn, 0.0), place[2], drawn), size)
        return _rendered(figure)


def _rendered(figure: Figure) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _share(place: tuple[float, float, float, float], size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return a place in inches as shares of the figure."""
    left, bottom, width, height = place
    return left / size[0], bottom / size[1], width / size[0], height / size[1]


def _draw_lanes(figure: Figure, lanes: Sequence[Lane], wide: float, high: float) -> None:
    for number, lane in enumerate(lanes):
        at = 1 - (0.3 + 0.24 * number) / high
        text = f"{lane.label} ({lane.reference.choices.family.upper()}, seed {lane.reference.choices.seed})"
        box = {"boxstyle": "round,pad=0.2", "facecolor": lane.color, "edgecolor": "none"}
        figure.text(
            0.28 / wide, at, lane.letter, color="white", weight="bold", size=8, va="center", ha="center", bbox=box
        )
        figure.text(0.48 / wide, at, text if len(text) < 90 else f"{text[:88]}…", size=9, va="center")


def _draw_samples(
    figure: Figure,
    lanes: Sequence[Lane],
    together: Image.Image,
    place: tuple[float, float, float, float],
    size: tuple[float, float],
) -> None:
    """Draw the records from the same latents, with a letter above each column where they are columns."""
    axis = figure.add_axes(_share(place, size))
    axis.imshow(np.asarray(together), interpolation="nearest" if lanes else "antialiased", aspect="auto")
    axis.set_axis_off()
    for number, lane in enumerate(lanes):
        x = (number + 0.5) * together.width / len(lanes)
        axis.text(x, -6, lane.letter, color=lane.color, weight="bold", size=9, ha="center", va="bottom")


def _draw_scores(
    figure: Figure, rows: Sequence[Row], place: tuple[float, float, float, float], size: tuple[float, float]
) -> None:
    left, bottom, width, height = place
    axis = figure.add_axes(_share((left, bottom, width, height), size))
    axis.set(xlim=(0, width), ylim=(0, height))
    axis.set_axis_off()
    y = height - 0.2
    axis.text(
        0, y, "Scores with 95 % intervals, and how they differ from the first", size=9, weight="bold", va="center"
    )
    y -= 0.3
    for row in rows:
        axis.text(0, y, row.name, size=8.5, va="center")
        axis.text(0, y - 0.16, _direction(row), size=6.5, color=SOFT, va="center")
        for cell in row.cells:
            if cell is not None:
                _draw_cell(axis, cell, y, width)
            y -= 0.25
        y -= 0.16
        axis.plot((0, width), (y + 0.22, y + 0.22), color=LINE, lw=0.6)


def _draw_cell(axis: Axes, cell: Cell, y: float, width: float) -> None:
    start, length = 1.6, width - 5.2

    def at(percent: float) -> float:
        return start + length * percent / 100

    color = cell.column.color
    axis.plot((start, start + length), (y, y), color=LINE, lw=0.8, zorder=0)
    axis.plot((at(cell.low), at(cell.high)), (y, y), color=color, lw=4, alpha=0.4, solid_capstyle="round")
    axis.plot(at(cell.at), y, "o", color=color, markersize=5)
    axis.text(start + length + 0.12, y, cell.column.letters, size=8, color=color, weight="bold", va="center")
    axis.text(start + length + 0.75, y, cell.value, size=8.5, weight="bold", va="center")
    axis.text(start + length + 1.4, y, cell.interval, size=7, color=SOFT, va="center")
    word = f"{cell.verdict}, {cell.told}" if cell.verdict else cell.told
    axis.text(width, y, word, size=7.5, color=JUDGED.get(cell.verdict, SOFT), va="center", ha="right")


def _direction(row: Row) -> str:
    return {"low": "lower is better", "high": "higher is better", "half": "best at 0.5", "": ""}[row.better]


def _draw_curves(
    figure: Figure, charts: Sequence[Chart], place: tuple[float, float, float, float], size: tuple[float, float]
) -> None:
    if not charts:
        return
    left, bottom, width, height = place
    each, tall = width / ACROSS, height / -(-len(charts) // ACROSS)
    for number, chart in enumerate(charts):
        line, column = divmod(number, ACROSS)
        inside = (left + column * each + 0.4, bottom + height - (line + 1) * tall + 0.5, each - 0.6, tall - 0.85)
        draw_chart(figure.add_axes(_share(inside, size)), chart)
