"""Draw records from a trained run into a folder."""

import argparse
from pathlib import Path

from genloop.workspace import check_replaceable, trained


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("run")
    verb.add_argument("out", type=Path, help="the folder, which is replaced")
    verb.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="keys of sample:, as in params.yaml")


def work(options: argparse.Namespace) -> None:
    """Draw records with the run's own choices of ``sample:``, but for the keys that are given.

    Raises:
        GenloopError: the folder holds something other than samples, which would be lost.
    """
    from genloop.config import Sample
    from genloop.outputs import read_choices
    from genloop.resolve import override
    from genloop.sampling import sample

    out: Path = options.out
    check_replaceable(out, "manifest.json", "samples")
    known = read_choices(Path("data/config") / options.run / "sample.json", Sample)
    sample(trained(options.run), override(known, options.set), out)
    print(f"{out}: written")
