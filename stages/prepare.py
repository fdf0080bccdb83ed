"""data/raw/<data> -> data/prepared/<data>: records of one shape, split into training and test."""

from pathlib import Path

from genloop import plugins
from genloop.choices import Prepare
from genloop.command import run_stage
from genloop.outputs import read_choices


def prepare(data: str) -> None:
    """Prepare a data set."""
    choices = read_choices(Path(f"data/config/{data}/prepare.json"), Prepare)
    plugins.raw(choices.modality).prepare(Path(f"data/raw/{data}"), choices, Path(f"data/prepared/{data}"))


if __name__ == "__main__":
    run_stage(prepare, "data")
