"""data/prepared/<data> -> data/weights/<run>: trained weights, curves and previews; MLflow follows along."""

from pathlib import Path

from genloop.command import run_stage
from genloop.config import Train
from genloop.identity import fingerprint
from genloop.outputs import read_choices
from genloop.tracking.live import Live
from genloop.training import train as train_run
from genloop.workspace import state_folder


def train(run: str) -> None:
    """Train a run."""
    choices = read_choices(Path(f"data/config/{run}/train.json"), Train)
    identity = fingerprint(run, choices)
    out = Path(f"data/weights/{run}")
    with Live(run, choices, identity) as live:
        train_run(run, choices, Path(f"data/prepared/{choices.data}"), out, state_folder(run, identity), live)
        live.finish(out)


if __name__ == "__main__":
    run_stage(train, "run")
