"""data/samples, data/weights, data/reference -> data/metrics/<run>.json and data/reports/<run>: scores and a page."""

from pathlib import Path

from genloop.command import run_stage
from genloop.config import Evaluate
from genloop.evaluation import evaluate as evaluate_run
from genloop.outputs import read_choices


def evaluate(run: str) -> None:
    """Score a run and report on it."""
    choices = read_choices(Path(f"data/config/{run}/evaluate.json"), Evaluate)
    evaluate_run(run, choices, Path("data"))


if __name__ == "__main__":
    run_stage(evaluate, "run")
