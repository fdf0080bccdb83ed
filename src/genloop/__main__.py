"""``python -m genloop <verb>``: what is done to runs beside the pipeline."""

import argparse
from pathlib import Path

from genloop.command import run_safely


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m genloop", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(dest="verb", required=True)
    sync = verbs.add_parser("sync", help="bring MLflow in step with the outputs of all runs, as after a lost database")
    sync.add_argument("runs", nargs="*", help="only these runs")
    sync.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")
    options = parser.parse_args()
    run_safely(lambda: sync_runs(options.runs), debug=options.debug)


def sync_runs(names: list[str]) -> None:
    """Record runs whose outputs are present; running it again changes nothing."""
    from genloop.summary import list_runs, ui_command
    from genloop.tracking.record import record

    data = Path("data")
    for name in list_runs(data, names):
        receipt = record(name, data)
        print(f"{name}: recorded, weights {receipt['weights'][:7]}")
    print(f"Compare them: {ui_command()}")


if __name__ == "__main__":
    main()
