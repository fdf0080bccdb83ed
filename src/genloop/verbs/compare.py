"""Show runs with intervals, seeds together; of two and more that are named, write a sheet that shows them side by side.

A RUN is a name in params.yaml, an MLflow run (its name or id), NAME@REVISION with a Git revision or the name of an
experiment, or just such a revision.
"""

import argparse
import sys
from pathlib import Path


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("runs", nargs="*", metavar="RUN", help="what to compare; none: all runs and experiments")
    verb.add_argument("--out", type=Path, help="the folder of the sheet; data/comparisons/<runs> if it is not given")


def work(options: argparse.Namespace) -> None:
    """Show all runs, or one by its name, as a table; of others a table and a sheet.

    Raises:
        GenloopError: a sheet cannot be made of what is named.
    """
    from genloop.errors import GenloopError
    from genloop.experiments import experiments
    from genloop.summary import known_runs, list_runs, summarize, ui_line

    data = Path("data")
    few = len(options.runs) < 2 and options.out is None
    if few and ((data / "config" / "runs.json").exists() or not options.runs):
        runs = {name: run["data"] for name, run in known_runs(data).items()}
        if not options.runs or options.runs[0] in runs:
            found = summarize(data, list(experiments(runs)), list_runs(data, options.runs))
            print(f"{found}\n{ui_line()}")
            return
    if not options.runs:
        raise GenloopError("--out: name the runs of the sheet")
    _compare(options.runs, data, options.out)


def _compare(words: list[str], data: Path, out: Path | None) -> None:
    """Write a sheet of the runs, hand it to MLflow, and say where it is and what the scores are."""
    from genloop.comparing.lanes import lanes_of
    from genloop.comparing.write import PAGE, PICTURE, folder_name, write_sheet
    from genloop.errors import GenloopError
    from genloop.references.find import found_runs
    from genloop.summary import COLUMNS, table
    from genloop.tracking.lookup import Logbook

    logbook = Logbook()
    with found_runs(words, logbook) as references:
        lanes = lanes_of(references)
        if len(lanes) < 2:
            raise GenloopError(f"{lanes[0].label}: one run is nothing to compare; name a second one")
        name = folder_name(lanes)
        out = out or data / "comparisons" / name
        write_sheet(lanes, out)
    first = references[0]
    print("\n".join(table(first.data, [run.entry for run in references], COLUMNS[first.modality])))
    print(f"\nThe sheet: {out / PAGE}, in short {out / PICTURE}")
    known = [run.origin.mlflow for run in references if run.origin.mlflow]
    logbook.attach(dict.fromkeys(known), [out / PAGE, out / PICTURE], f"comparisons/{name}")
    if logbook.failure is not None:
        print(f"genloop: MLflow does not have the sheet ({logbook.failure}); say the same again later", file=sys.stderr)
    elif known:
        print(f"MLflow has it with {len(known)} of {len(references)} runs, as the artifacts comparisons/{name}")
