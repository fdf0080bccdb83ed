"""data/prepared/<data> -> data/reference/<data>: what all runs on a data set are scored against."""

from pathlib import Path

from genloop import plugins
from genloop.choices import Reference
from genloop.command import run_stage
from genloop.numerics import make_reproducible
from genloop.outputs import read_choices


def reference(data: str) -> None:
    """Build the reference of a data set."""
    choices = read_choices(Path(f"data/config/{data}/reference.json"), Reference)
    make_reproducible(threads=1)
    scores = plugins.scores(choices.modality)
    scores.build_reference(Path(f"data/prepared/{data}"), choices, Path(f"data/reference/{data}"))


if __name__ == "__main__":
    run_stage(reference, "data")
