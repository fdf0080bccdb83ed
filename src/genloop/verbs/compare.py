"""Show runs with intervals, seeds together, also those of experiments."""

import argparse
from pathlib import Path


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("runs", nargs="*", help="only these runs")


def work(options: argparse.Namespace) -> None:
    """Show the runs of the workspace beside those of the experiments that began at the present commit."""
    from genloop.experiments import experiments
    from genloop.summary import known_runs, list_runs, summarize, ui_line

    data = Path("data")
    chosen = list_runs(data, options.runs)
    runs = {name: run["data"] for name, run in known_runs(data).items()}
    print(f"{summarize(data, list(experiments(runs)), chosen)}\n{ui_line()}")
