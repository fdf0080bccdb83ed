"""``python -m genloop <verb>``: what is done to runs beside the pipeline."""

import argparse
from pathlib import Path
from typing import Any

from genloop.command import run_safely
from genloop.errors import GenloopError


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m genloop", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(dest="verb", required=True)
    sync = _verb(verbs, "sync", "bring MLflow in step with the outputs of all runs, as after a lost database")
    sync.add_argument("runs", nargs="*", help="only these runs")
    beside = _verb(verbs, "compare", "show runs with intervals, seeds together, also those of experiments")
    beside.add_argument("runs", nargs="*", help="only these runs")
    draw = _verb(verbs, "sample", "draw records from a trained run into a folder")
    draw.add_argument("run")
    draw.add_argument("out", type=Path, help="the folder, which is replaced")
    draw.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="keys of sample:, as in params.yaml")
    fill = _verb(verbs, "fill", "fill the gaps of a table with what a trained run draws given the rest of the row")
    fill.add_argument("run")
    fill.add_argument("table", type=Path, help="CSV or Parquet, with the columns of the training data")
    fill.add_argument("out", type=Path, help="the file to write: .csv or .parquet")
    fill.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run_safely(lambda: _do(options), debug=options.debug)


def _verb(verbs: Any, name: str, purpose: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=purpose, description=purpose)
    verb.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")
    return verb


def _do(options: argparse.Namespace) -> None:
    if options.verb == "sync":
        sync_runs(options.runs)
    elif options.verb == "compare":
        compare_runs(options.runs)
    elif options.verb == "sample":
        sample_run(options.run, options.set, options.out)
    else:
        fill_table(options.run, options.table, options.out, options.seed)


def sync_runs(names: list[str]) -> None:
    """Record runs whose outputs are present; running it again changes nothing."""
    from genloop.summary import list_runs, ui_command
    from genloop.tracking.record import record

    data = Path("data")
    for name in list_runs(data, names):
        receipt = record(name, data)
        print(f"{name}: recorded, weights {receipt['weights'][:7]}")
    print(f"Compare them: {ui_command()}")


def compare_runs(names: list[str]) -> None:
    """Show the runs of the workspace beside those of the experiments that began at the present commit."""
    from genloop.experiments import experiments
    from genloop.summary import known_runs, list_runs, summarize

    data = Path("data")
    chosen = list_runs(data, names)
    runs = {name: run["data"] for name, run in known_runs(data).items()}
    print(summarize(data, list(experiments(runs)), chosen))


def trained(name: str) -> Path:
    """Return the folder of a run's weights.

    Raises:
        GenloopError: there are none.
    """
    weights = Path("data/weights") / name
    if not (weights / "run.json").exists():
        raise GenloopError(f"{weights}: holds no weights; run 'dvc repro train@{name}' first")
    return weights


def sample_run(name: str, keys: list[str], out: Path) -> None:
    """Draw records with the run's own choices of ``sample:``, but for the keys that are given.

    Raises:
        GenloopError: ``out`` holds something other than samples, which would be lost.
    """
    from genloop.config import Sample
    from genloop.outputs import read_choices
    from genloop.resolve import override
    from genloop.sampling import sample

    if out.is_dir() and any(out.iterdir()) and not (out / "manifest.json").exists():
        raise GenloopError(f"{out}: holds other files than samples, which would be lost; name a new folder")
    known = read_choices(Path("data/config") / name / "sample.json", Sample)
    sample(trained(name), override(known, keys), out)
    print(f"{out}: written")


def fill_table(name: str, table: Path, out: Path, seed: int) -> None:
    """Fill the gaps of a table."""
    from genloop.table.fill import fill

    print(f"{out}: {fill(trained(name), table, out, seed):,} gaps filled in")


if __name__ == "__main__":
    main()
