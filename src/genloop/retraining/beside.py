"""Curves of a run beside those at a base, in one picture."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from genloop.comparing.curves import charts_of, draw_chart
from genloop.comparing.lanes import lanes_of
from genloop.references.reference import Origin, read_reference
from genloop.retraining.trial import Trial

WIDTH, HEIGHT, DPI = 10.1, 2.9, 100  # inches; as wide as a page of GitHub
MOST = 3  # charts


def draw_curves(name: str, trials: Sequence[Trial], path: Path) -> Path:
    """Draw how a run trained in each of the trials, and return the path.

    Raises:
        GenloopError: the weights of one cannot be read here, or are of other records.
    """
    references = [
        read_reference(
            trial.word, name, trial.folder / "weights" / name, trial.metrics(name).read_text(), Origin(trial.commit)
        )
        for trial in trials
    ]
    lanes = [replace(lane, letter=lane.label) for lane in lanes_of(references)]
    charts = charts_of(lanes)[:MOST]
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        for axis, chart in zip(figure.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
            draw_chart(axis, chart)
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path
