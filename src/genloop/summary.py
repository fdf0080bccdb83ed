"""The closing table: all runs, their scores beside those of real and of trivial records, and their pictures."""

import os
from collections.abc import Sequence
from pathlib import Path

from genloop.comparison import Entry, Value, comparable, group_runs, read_metrics, value_of
from genloop.errors import GenloopError
from genloop.masking import without_login
from genloop.reading import read_json
from genloop.workspace import main_root

COLUMNS = {  # the scores that are shown
    "image": ("frechet", "kid", "precision", "recall", "density", "coverage", "copied", "elbo"),
    "table": ("shapes", "pairs", "detection", "usefulness", "coverage", "closer_than_held_out", "copied", "elbo"),
}
NOTE = (
    "± reaches to the ends of a 95 % interval: of one seed over the records, of several over the seeds.\n"
    "A page about each run: data/reports/<run>/report.html"
)


def summarize(data: Path, entries: Sequence[Entry] = (), only: Sequence[str] = ()) -> str:
    """Return a table of the runs of each data set as Markdown.

    Args:
        data: the folder of the pipeline's outputs.
        entries: further runs, as of experiments.
        only: the runs that are shown; none: all.
    """
    runs = known_runs(data)
    found = [*read_entries(data, runs), *entries]
    unscored = [name for name in only or runs if name not in {entry.name for entry in found}]
    tables = []
    for name in dict.fromkeys(run["data"] for run in runs.values()):
        modality = next(run["modality"] for run in runs.values() if run["data"] == name)
        chosen = [entry for entry in found if entry.data == name and (not only or entry.name in only)]
        if chosen:
            tables.append("\n".join(table(name, chosen, COLUMNS[modality])))
    if unscored:
        tables.append(f"Not scored yet: {', '.join(unscored)}; run 'dvc repro'.")
    return "\n\n".join([*tables, f"{NOTE}\n"])


def read_entries(data: Path, runs: dict[str, dict[str, str]]) -> list[Entry]:
    """Return the runs of the workspace that have been scored."""
    paths = {name: data / "metrics" / f"{name}.json" for name in runs}
    return [
        Entry(name, runs[name]["data"], read_metrics(path.read_text(), str(path)))
        for name, path in paths.items()
        if path.exists()
    ]


def table(data: str, entries: Sequence[Entry], columns: tuple[str, ...]) -> list[str]:
    """Return the lines of one data set's table: the runs, then what else was scored on it."""
    groups, told = comparable(group_runs(entries))
    lines = [f"| {data} | seeds | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for group in groups:
        lines.append(_row(group.label, str(len(group.entries)), [group.value(column) for column in columns]))
    for kind, figures in groups[0].entries[0].metrics["baselines"].items():
        lines.append(_row(f"({kind})", "", [value_of(figures, column) for column in columns]))
    return [*lines, *(f"\n{line}" for line in told)]


def known_runs(data: Path) -> dict[str, dict[str, str]]:
    """Return data set and modality of each run, as ``configure`` resolved them.

    Raises:
        GenloopError: nothing has been configured yet.
    """
    path = data / "config" / "runs.json"
    if not path.exists():
        raise GenloopError(f"{path}: missing; run 'dvc repro' first, in the folder that holds params.yaml")
    return dict(read_json(path))


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


def _row(name: str, seeds: str, values: list[Value | None]) -> str:
    shown = ("" if value is None else str(value) for value in values)
    return f"| {name} | {seeds} | {' | '.join(shown)} |"


def ui_line() -> str:
    """Return the line that says how to see the runs in MLflow.

    It depends on the checkout and on the environment, so it never enters an output.
    """
    return f"Compare them: {_ui_command()}"


def _ui_command() -> str:
    if address := os.environ.get("MLFLOW_TRACKING_URI"):
        return f"open {without_login(address)}" if address.startswith("http") else "mlflow ui --host 127.0.0.1"
    inside = Path.cwd().resolve() == main_root()
    folder = Path() if inside else main_root()
    return f"mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///{folder / '.mlflow' / 'mlflow.db'}"
