"""The closing table: all runs, their scores beside those of real and of trivial records, and their pictures."""

import json
import os
from pathlib import Path

from genloop.errors import GenloopError
from genloop.workspace import main_root

COLUMNS = ("frechet", "kid", "precision", "recall", "density", "coverage")


def summarize(data: Path) -> str:
    """Return the table of the runs in params.yaml as Markdown, with the line that starts the MLflow UI."""
    runs = known_runs(data)
    lines = ["| run | " + " | ".join(COLUMNS) + " | elbo (nats) | pictures |", "|---" * (len(COLUMNS) + 3) + "|"]
    baselines: dict[str, str] = {}
    for name, data_name in runs.items():
        scores = json.loads((data / "metrics" / f"{name}.json").read_text())
        elbo = f"{scores['elbo']:.1f}" if "elbo" in scores else ""
        lines.append(_row(name, [scores[column] for column in COLUMNS], elbo, f"data/samples/{name}/grid.png"))
        for kind in ("real", "marginals"):
            values = [scores[f"{column}_{kind}"] for column in COLUMNS]
            baselines[f"{data_name} {kind}"] = _row(f"({data_name}, {kind})", values, "", "")
    lines += baselines.values()
    return "\n".join([*lines, "", f"Compare them: {ui_command()}", ""])


def known_runs(data: Path) -> dict[str, str]:
    """Return the data set of each run, as ``configure`` resolved them.

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


def _row(name: str, values: list[float], elbo: str, picture: str) -> str:
    return f"| {name} | " + " | ".join(f"{value:.4g}" for value in values) + f" | {elbo} | {picture} |"


def ui_command() -> str:
    """Return the command that starts the MLflow UI on the store that the runs are in."""
    if address := os.environ.get("MLFLOW_TRACKING_URI"):
        return f"open {address}" if address.startswith("http") else "mlflow ui --host 127.0.0.1"
    inside = Path.cwd().resolve() == main_root()
    folder = Path() if inside else main_root()
    return f"mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///{folder / '.mlflow' / 'mlflow.db'}"
