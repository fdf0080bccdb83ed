"""Runs -> a folder with ``compare.html`` and ``compare.png``, whole or not at all."""

import hashlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from genloop.comparing.curves import Chart, charts_of, draw_chart
from genloop.comparing.lanes import Lane
from genloop.comparing.page import Pictures, render
from genloop.comparing.picture import draw_sheet
from genloop.comparing.samples import caption_of, draw_alone, draw_together, is_grouped, save
from genloop.comparing.scores import score_lanes
from genloop.illustrations import Illustration
from genloop.outputs import replace_folder
from genloop.report.embedded import Embedded, embed
from genloop.sampling import Source
from genloop.workspace import check_replaceable

PAGE, PICTURE = "compare.html", "compare.png"
LONGEST = 100  # letters of a folder's name


def folder_name(lanes: Sequence[Lane]) -> str:
    """Return a name for the folder of a sheet that says which runs are on it, and that any file system takes."""
    name = "_vs_".join(re.sub(r"[^\w.@-]", "-", lane.label) for lane in lanes)
    labels = "\n".join(lane.label for lane in lanes)
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}-{hashlib.sha256(labels.encode()).hexdigest()[:8]}"


def write_sheet(lanes: Sequence[Lane], out: Path) -> None:
    """Write the sheet of runs into the folder ``out``: the same bytes for the same runs.

    Raises:
        GenloopError: the folder holds something other than a sheet, which would be lost.
    """
    check_replaceable(out, PAGE, "a sheet")
    scores, charts = score_lanes(lanes), charts_of(lanes)
    sources = [Source(lane.reference.weights) for lane in lanes]
    together = draw_together(lanes, sources)
    with replace_folder(out) as folder:
        with tempfile.TemporaryDirectory(prefix="genloop-") as drawn:
            pictures = _pictures(lanes, sources, charts, together, Path(drawn))
        (folder / PAGE).write_text(render(lanes, scores, pictures), encoding="utf-8")
        save(draw_sheet(lanes, scores, charts, together), folder / PICTURE)


def _pictures(
    lanes: Sequence[Lane], sources: Sequence[Source], charts: Sequence[Chart], together: Image.Image, folder: Path
) -> Pictures:
    """Return the pictures of the page; ``folder`` holds them meanwhile."""
    order = f"From left to right: {', '.join(lane.titled for lane in lanes)}."
    caption = f"A {'group' if is_grouped(lanes) else 'row'} for each latent. {order} {caption_of(lanes, sources)}"
    alone = [
        embed(Illustration(lane.titled, save(draw_alone(source), folder / f"{lane.letter}.png"), ""))
        for lane, source in zip(lanes, sources, strict=True)
    ]
    curves = [_curve(chart, folder / f"curve_{number}.png") for number, chart in enumerate(charts)]
    return Pictures(embed(Illustration("", save(together, folder / "together.png"), caption)), curves, alone)


def _curve(chart: Chart, path: Path) -> Embedded:
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(5.4, 2.9), layout="constrained")
        draw_chart(figure.subplots(), chart)
        figure.savefig(path, dpi=110, metadata={"Software": None})
    return embed(Illustration("", path, ""))
