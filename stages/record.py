"""data/weights, data/samples and data/metrics -> MLflow, with data/receipts/<run>.json to show for it."""

from pathlib import Path

from genloop.command import run_stage
from genloop.outputs import write_json
from genloop.tracking.record import record as record_run


def record(run: str) -> None:
    """Complete the MLflow run that belongs to these weights, or make it."""
    write_json(Path(f"data/receipts/{run}.json"), record_run(run, Path("data")))


if __name__ == "__main__":
    run_stage(record, "run")
