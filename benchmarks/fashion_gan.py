"""Fashion-MNIST: a genloop GAN against a textbook DCGAN given the same minutes of processor time on one thread.

Frechet distance between 10,000 generated pictures and the 10,000 of the test split, in the features of genloop's own
reference classifier; the same of 10,000 training pictures beside it. Both train in bf16. Scores of finished seeds are
added to benchmarks/results/fashion_gan.jsonl; ``--table`` prints what is there.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import dcgan
from benchmarks.data import arguments, prepare_idx
from benchmarks.genloop_run import gan, train_for
from benchmarks.measure import machine, table
from genloop.config import Reference
from genloop.image.data import draw, read_schema, write_samples
from genloop.image.scores import build_reference, score

RUN = {"width": 32, "batch": 64}  # of the genloop GAN, what differs from its defaults
COUNT = 10_000
RESULTS = Path("benchmarks/results")


def train_textbook(prepared: Path, minutes: float, seed: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return pictures of a DCGAN, and what its training took."""
    trained = dcgan.train_dcgan(np.load(prepared / "train.npy"), minutes, seed)
    pictures = dcgan.draw(trained.generator, COUNT, seed)
    return pictures, {"minutes": trained.minutes, "records_seen": trained.records_seen}


def train_genloop(prepared: Path, minutes: float, seed: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return pictures of a genloop GAN, and what its training took."""
    return train_for(gan(data="fashion", seed=seed, **RUN), prepared, minutes, COUNT)


TRAIN = {"dcgan": train_textbook, "genloop": train_genloop}


def measure(what: str, prepared: Path, reference: Path, minutes: float, seed: int) -> None:
    """Train one contender with one seed and add its scores to the results."""
    pictures, took = TRAIN[what](prepared, minutes, seed)
    folder = RESULTS / f"fashion_{what}_{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(folder, pictures, read_schema(prepared))
    draw(pictures).save(folder / "grid.png")
    scores, protocol = score(folder, reference)
    line = {"what": what, "seed": seed, "budget": minutes, **took, **scores, "run": RUN, "protocol": protocol}
    with (RESULTS / "fashion_gan.jsonl").open("a") as results:
        results.write(json.dumps(line, sort_keys=True) + "\n")
    print(f"{what} seed {seed}: {took}, Frechet {scores['frechet']:.3f}", flush=True)


def print_table() -> None:
    """Print all results so far; of a contender, seed and budget measured twice, the last."""
    lines = [json.loads(line) for line in (RESULTS / "fashion_gan.jsonl").read_text().splitlines()]
    last = {(line["budget"], line["seed"], line["what"]): line for line in lines}
    columns = (
        "minutes",
        "records_seen",
        "frechet",
        "frechet_real",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
    )
    rows = [(what, str(seed), *(last[key][c] for c in columns)) for key in sorted(last) for _, seed, what in [key]]
    print(machine(), table(("what", "seed", *columns), rows), sep="\n\n")
    for (budget, seed, what), line in sorted(last.items()):
        other = last.get((budget, seed, "dcgan"))
        if what == "genloop" and other is not None:
            print(f"seed {seed}, {budget:g} minutes: genloop / DCGAN {line['frechet'] / other['frechet']:.3f}")


def prepare_reference(prepared: Path) -> Path:
    """Return the folder that all is scored against, made where it is missing."""
    out = prepared.with_name(f"{prepared.name}-reference")
    if not out.exists():
        build_reference(prepared, Reference(modality="image", count=COUNT), out)
    return out


def main(choices: argparse.Namespace) -> None:
    """Measure what is asked for, one after the other."""
    if choices.table:
        return print_table()
    torch.set_num_threads(1)
    print(machine(), flush=True)
    prepared = prepare_idx(choices.data / "fashion-mnist", choices.records)
    start = time.process_time()
    reference = prepare_reference(prepared)
    print(f"reference: {time.process_time() - start:.0f} CPU s", flush=True)
    for seed in choices.seeds:
        for what in TRAIN if choices.what == "both" else [choices.what]:
            measure(what, prepared, reference, choices.minutes, seed)
    return print_table()


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--what", choices=["dcgan", "genloop", "both"], default="both")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=16.0, help="processor time of each training")
    parser.add_argument("--table", action="store_true", help="print the results so far and train nothing")
    main(parser.parse_args())
