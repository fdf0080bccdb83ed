"""data/weights/<run> -> data/samples/<run>: generated records and a picture of them."""

from pathlib import Path

from genloop.command import run_stage
from genloop.config import Sample
from genloop.outputs import read_choices
from genloop.sampling import sample as sample_run


def sample(run: str) -> None:
    """Draw records from a trained run."""
    choices = read_choices(Path(f"data/config/{run}/sample.json"), Sample)
    sample_run(Path(f"data/weights/{run}"), choices, Path(f"data/samples/{run}"))


if __name__ == "__main__":
    run_stage(sample, "run")
