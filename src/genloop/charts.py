"""Curves as pictures, the same bytes for the same numbers."""

from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

matplotlib.rcParams.update({"axes.grid": True, "grid.alpha": 0.3, "font.size": 9, "axes.spines.top": False})


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})


def draw_losses(losses: pd.DataFrame, path: Path, kept: int) -> None:
    """Draw every loss over the epochs, one panel each, since their scales differ; mark the epoch that is kept."""
    names = [name for name in losses.columns if name not in ("epoch", "records_seen")]
    figure = Figure(figsize=(4 * max(len(names), 1), 3), layout="constrained")
    panels = figure.subplots(1, max(len(names), 1), squeeze=False)[0]
    for axis, name in zip(panels, names, strict=False):
        known = losses[losses[name].notna()]  # validation only has the epochs with a check
        axis.plot(known["epoch"], known[name], marker="." if name == "validation" else None)
        axis.set(title=name, xlabel="epoch")
        if name == "validation":
            axis.axvline(kept, color="C1", linestyle="--", label=f"kept: epoch {kept}")
            axis.legend()
    _save(figure, path)


def draw_layers(layers: pd.DataFrame, path: Path) -> None:
    """Draw the norm and the deviation of weights, biases and their gradients over the epochs, one line per layer."""
    parts = ["weight", "bias", "weight_gradient", "bias_gradient"]
    colors = matplotlib.colormaps["viridis"]
    names = list(dict.fromkeys(layers["layer"]))
    figure = Figure(figsize=(16, 7), layout="constrained")
    panels = figure.subplots(2, len(parts), sharex=True)
    for row, statistic in enumerate(("norm", "deviation")):
        for axis, part in zip(panels[row], parts, strict=True):
            for index, name in enumerate(names):
                line = layers[(layers["layer"] == name) & (layers["part"] == part)]
                axis.plot(line["epoch"], line[statistic], color=colors(index / len(names)), linewidth=0.9, label=name)
            axis.set(title=f"{statistic} of {part.replace('_', ' ')}", yscale="log")
    for axis in panels[1]:
        axis.set_xlabel("epoch")
    handles, labels = panels[0][0].get_legend_handles_labels()
    if names:
        figure.legend(handles, labels, loc="outside right center", fontsize=6)
    _save(figure, path)
