"""The closing table: all runs, their scores beside those of real and of trivial records, and their pictures."""

import json
import os
from pathlib import Path

from genloop.errors import GenloopError
from genloop.workspace import main_root

COLUMNS = {  # the scores that are shown
    "image": ("frechet", "kid", "precision", "recall", "density", "coverage", "elbo"),
    "table": ("shapes", "pairs", "detection", "usefulness", "nearer_to_training", "coverage", "elbo"),
}
BASELINES = {"image": ("real", "marginals"), "table": ("real", "bootstrap", "marginals")}


def summarize(data: Path) -> str:
    """Return a table of the runs of each modality as Markdown, with the line that starts the MLflow UI."""
    runs = known_runs(data)
    tables = []
    for modality in COLUMNS:
        names = {name: run["data"] for name, run in runs.items() if run["modality"] == modality}
        if names:
            tables.append("\n".join(_table(data, names, COLUMNS[modality], BASELINES[modality])))
    return "\n\n".join([*tables, f"Compare them: {ui_command()}\n"])


def _table(data: Path, names: dict[str, str], columns: tuple[str, ...], baselines: tuple[str, ...]) -> list[str]:
    """Return the lines of one table: the runs, then what else was scored on their data sets."""
    lines = [f"| run | {' | '.join(columns)} | picture |", "|---" * (len(columns) + 2) + "|"]
    beside: dict[str, str] = {}
    for name, data_name in names.items():
        scores = json.loads((data / "metrics" / f"{name}.json").read_text())
        lines.append(_row(name, [scores.get(column) for column in columns], f"data/samples/{name}/grid.png"))
        for kind in baselines:
            values = [scores.get(f"{column}_{kind}") for column in columns]
            beside[f"{data_name} {kind}"] = _row(f"({data_name}, {kind})", values, "")
    return [*lines, *beside.values()]


def known_runs(data: Path) -> dict[str, dict[str, str]]:
    """Return data set and modality of each run, as ``configure`` resolved them.

    Raises:
        GenloopError: nothing has been configured yet.
    """
    path = data / "config" / "runs.json"
    if not path.exists():
        raise GenloopError(f"{path}: missing; run 'dvc repro' first, in the folder that holds params.yaml")
    return dict(json.loads(path.read_text()))


def list_runs(data: Path, names: list[str]) -> list[str]:
    """Return the named runs, or all of them.

    Raises:
        GenloopError: a name is not a run of params.yaml.
    """
    known = list(known_runs(data))
    for name in names:
        if name not in known:
            raise GenloopError(f"{name}: no such run; params.yaml has {', '.join(known) or 'none'}")
    return names or known


def _row(name: str, values: list[float | None], picture: str) -> str:
    shown = ("" if value is None else f"{value:.4g}" for value in values)
    return f"| {name} | {' | '.join(shown)} | {picture} |"


def ui_command() -> str:
    """Return the command that starts the MLflow UI on the store that the runs are in."""
    if address := os.environ.get("MLFLOW_TRACKING_URI"):
        return f"open {address}" if address.startswith("http") else "mlflow ui --host 127.0.0.1"
    inside = Path.cwd().resolve() == main_root()
    folder = Path() if inside else main_root()
    return f"mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///{folder / '.mlflow' / 'mlflow.db'}"
