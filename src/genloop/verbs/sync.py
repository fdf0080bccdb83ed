"""Bring MLflow in step with the outputs of all runs, as after a lost database."""

import argparse
from pathlib import Path


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("runs", nargs="*", help="only these runs")


def work(options: argparse.Namespace) -> None:
    """Record runs whose outputs are present; doing it again changes nothing."""
    from genloop.summary import list_runs, ui_line
    from genloop.tracking.record import record

    data = Path("data")
    for name in list_runs(data, options.runs):
        receipt = record(name, data)
        print(f"{name}: recorded, weights {receipt['weights'][:7]}")
    print(ui_line())
