"""Fill the gaps of a table with what a trained run draws given the rest of the row."""

import argparse
from pathlib import Path

from genloop.workspace import trained


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("run")
    verb.add_argument("table", type=Path, help="CSV or Parquet, with the columns of the training data")
    verb.add_argument("out", type=Path, help="the file to write: .csv or .parquet")
    verb.add_argument("--seed", type=int, default=0)


def work(options: argparse.Namespace) -> None:
    """Fill the gaps of a table."""
    from genloop.table.fill import fill

    filled = fill(trained(options.run), options.table, options.out, options.seed)
    print(f"{options.out}: {filled:,} gaps filled in")
