"""Make a run again from what was recorded, and say whether weights, samples and metrics are the same."""

import argparse


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("run", help="a run of the workspace, or an MLflow run by its id, how that begins, or its name")
    verb.add_argument("--keep", action="store_true", help="keep the folder in which it is made")


def work(options: argparse.Namespace) -> None:
    """Train, sample and evaluate again in a folder aside.

    Raises:
        GenloopError: the run cannot be made again, or came out otherwise.
    """
    from genloop.errors import GenloopError
    from genloop.reproduction import reproduce

    verdict = reproduce(options.run, options.keep, lambda line: print(line, flush=True))
    print("\n".join(verdict.lines))
    if not verdict.good:
        raise GenloopError(f"{options.run}: is not reproduced: {', '.join(verdict.differing)}")
    print("reproduced")
