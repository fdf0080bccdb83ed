"""Is a penalty on the critic's slope without a second derivative as good as the exact one, and how much faster?

Relativistic loss with R1 and R2 on Fashion-MNIST, 28x28, width 32, batch 64, fp32, one thread: pictures per second of
processor time against no penalty, at every step and at every eighth; with ``--minutes``, also the Frechet distance
after as many minutes of processor time for each, and beside them that of the other losses, which choose the default.
"""

import argparse
import re
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.data import arguments, prepare_idx, subset
from benchmarks.fashion_gan import COUNT, keep, prepare_reference
from benchmarks.genloop_run import gan, train_for, training_rate
from benchmarks.measure import interleave, machine, medians, ratio, scores_of, table
from genloop.config import Gan

RECORDS = 640  # of a training whose speed is measured
BASE: dict[str, Any] = {"data": "fashion", "loss": "relativistic", "critic_norm": "none"}
RUNS = {"no penalty": gan(**BASE)} | {
    f"{form}, every {every}": gan(**BASE, penalty=1.0, penalty_form=form, penalty_every=every)
    for form in ("exact", "difference")
    for every in (1, 8)
}
OTHERS = {
    "non-saturating, batch norm: the default": gan(data="fashion"),
    "hinge, spectral norm": gan(data="fashion", loss="hinge", critic_norm="spectral"),
    "Wasserstein, penalty between, every 8": gan(
        data="fashion", loss="wasserstein", critic_norm="none", penalty=10.0, penalty_on="between", penalty_every=8
    ),
}


def frechet_after(name: str, run: Gan, prepared: Path, reference: Path, minutes: float) -> float:
    """Return the Frechet distance after a training of so many minutes of processor time."""
    pictures, _ = train_for(run, prepared, minutes, COUNT)
    folder = keep(f"penalty_{re.sub(r'[^a-z0-9]+', '_', name.lower())}", pictures, prepared)
    return scores_of("image", folder, reference, prepared)[0]["frechet"]


def main(choices: argparse.Namespace) -> None:
    """Measure the speed of all in turns, then what each learns."""
    torch.set_num_threads(1)
    prepared = prepare_idx(choices.data / "fashion-mnist", choices.records)
    few = subset(prepared, RECORDS)
    timed = {name: run.model_copy(update={"epochs": 3, "previews": 1}) for name, run in RUNS.items()}
    results = interleave({name: partial(training_rate, run, few) for name, run in timed.items()}, choices.rounds)
    rows: list[list[str | float]] = [
        [name, rate, ratio(results, name, "no penalty")] for name, rate in medians(results).items()
    ]
    header = ["penalty", "pictures/s", "against none"]
    if choices.minutes:
        rows += [[name, training_rate(run.model_copy(update={"epochs": 3}), few), ""] for name, run in OTHERS.items()]
        header.append(f"Frechet after {choices.minutes:g} minutes")
        reference = prepare_reference(prepared)
        for row in rows:
            name = str(row[0])
            row.append(frechet_after(name, (RUNS | OTHERS)[name], prepared, reference, choices.minutes))
            print(row, flush=True)
    print(machine(), table(header, rows), sep="\n\n")


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=0.0, help="of processor time for each training; 0: only speed")
    main(parser.parse_args())
