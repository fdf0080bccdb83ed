"""What Lightning and all that surrounds the steps cost: genloop's training against a bare loop over the same networks.

Both make the same steps on the same batches with the same optimizers, 28x28, on one thread. genloop's side has all its
callbacks, curves, previews, saved states and the live log to MLflow. Records per second of processor time; must: at
least 0.95 of the bare loop. There is a preview after each epoch of 60,000, as in a run with the default choices.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.bare import steps_of
from benchmarks.data import arguments, prepare_idx
from benchmarks.genloop_run import WORK, gan, training_rate, vae
from benchmarks.measure import interleave, machine, medians, ratio, step_rate, table
from genloop import plugins
from genloop.config import Gan, Vae
from genloop.outputs import write_json
from genloop.tracking.live import Live

DENSE = {"networks": "genloop.image.networks.dense", "likelihood": "bernoulli", "width": 400, "batch": 128}
RUNS: dict[str, Gan | Vae] = {
    "GAN, width 32, batch 64": gan(data="fashion", epochs=2, previews=3),
    "VAE, width 32, batch 64": vae(data="fashion", epochs=2, previews=3),
    "VAE, fully connected, width 400, batch 128": vae(data="fashion", **DENSE, epochs=4, previews=5),
}


def logged_rate(name: str, run: Gan | Vae, prepared: Path) -> float:
    """Return the rate of a training that is logged live to MLflow."""
    config, short = WORK / "config", name.split(",")[0]
    for part in (f"{short}/sample", f"{short}/evaluate", f"{run.data}/prepare", f"{run.data}/reference"):
        write_json(config / f"{part}.json", {})
    with Live(short, run, f"benchmark {time.time_ns()}", config) as live:  # a run of its own each time
        return training_rate(run, prepared, follower=live)


def measure(name: str, run: Gan | Vae, prepared: Path, rounds: int) -> tuple[Any, ...]:
    """Return a row of the table for one run."""
    step, batch = steps_of(run, prepared, bf16=False), int(run.batch or 0)
    steps = len(plugins.data(run.modality).open_records(prepared, "train")) // batch
    results = interleave(
        {
            "bare": lambda: step_rate(step, steps, batch, time.process_time),
            "genloop": lambda: logged_rate(name, run, prepared),
        },
        rounds,
    )
    median = medians(results)
    return name, batch / median["bare"] * 1e3, median["bare"], median["genloop"], ratio(results, "genloop", "bare")


def main(choices: argparse.Namespace) -> None:
    """Measure every run."""
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{WORK.resolve()}/mlflow.db"
    WORK.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    print(machine(), flush=True)
    prepared = prepare_idx(choices.data / "fashion-mnist", choices.records)
    rows = [measure(name, run, prepared, choices.rounds) for name, run in RUNS.items() if choices.only in name.lower()]
    header = ("run", "ms per step, bare", "bare, records/s", "genloop, records/s", "genloop / bare")
    print(machine(), table(header, rows), sep="\n\n")


if __name__ == "__main__":
    parser = arguments(__doc__, records=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="measure only runs with this in their name")
    main(parser.parse_args())
