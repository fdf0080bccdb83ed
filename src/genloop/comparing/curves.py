"""Curves of several runs over each other, over the records that each has seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from genloop.comparing.lanes import Lane
from genloop.held_out import figure_of

MAIN = {"gan": "generator", "vae": "elbo"}  # the loss of a family that is shown even of one run
X = "records_seen"
VALIDATION = "validation"


@dataclass(frozen=True)
class Line:
    """A curve of one run."""

    lane: Lane
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Chart:
    """Curves that are of the same kind."""

    title: str
    lines: tuple[Line, ...]


def charts_of(lanes: Sequence[Lane]) -> list[Chart]:
    """Return a chart for each curve that two runs share or that is a family's main one, validation first.

    Validation is by the kernel distance for some runs and by the elbo for others, which are two charts.
    """
    lines: dict[str, list[Line]] = {}
    for lane in lanes:
        losses = pd.read_csv(lane.reference.weights / "losses.csv")
        for name in losses.columns:
            known = losses[losses[name].notna()]
            if name not in ("epoch", X) and len(known):
                line = Line(lane, tuple(map(float, known[X])), tuple(map(float, known[name])))
                lines.setdefault(_title(lane, str(name)), []).append(line)
    families = [lane.reference.choices.family for lane in lanes]
    main = {MAIN[family] for family in families}
    chosen = [Chart(title, tuple(found)) for title, found in lines.items() if len(found) > 1 or title in main]
    return sorted(chosen, key=lambda chart: not chart.title.startswith(VALIDATION))


def _title(lane: Lane, name: str) -> str:
    return name if name != VALIDATION else f"{name}: {figure_of(lane.reference.choices).replace('_', ' ')}"


def draw_chart(axis: Axes, chart: Chart) -> None:
    """Draw a chart; lines that hide each other differ in their strokes."""
    for place, line in enumerate(chart.lines):
        style = ("-", "--", "-.", ":")[place % 4]
        few = len(line.x) < 40
        axis.plot(
            line.x, line.y, style, color=line.lane.color, label=line.lane.letter, lw=1.5, marker="." if few else None
        )
    axis.set_title(chart.title, fontsize=9, loc="left")
    axis.set_xlabel("records seen", fontsize=8)
    axis.tick_params(labelsize=7.5)
    axis.grid(True, alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axis.legend(fontsize=8, frameon=False)


def _thousands(value: float, place: object) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
