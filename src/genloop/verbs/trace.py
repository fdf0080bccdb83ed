"""Say where a generated file comes from: run, weights, choices, commit, data, the run in MLflow."""

import argparse
from pathlib import Path


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("file", type=Path, help="a PNG or Parquet file, wherever it lies and whatever its name is")
    verb.add_argument("--json", action="store_true", help="what the file itself carries, with every choice")


def work(options: argparse.Namespace) -> None:
    """Print what is known of a file, a line for each thing."""
    from genloop.errors import printable
    from genloop.masking import mask_secrets
    from genloop.tracing import identify, trace

    if options.json:
        print(identify(options.file).text)
        return
    for name, told in trace(options.file):
        print(f"{name:<10}{mask_secrets(printable(told))}")
