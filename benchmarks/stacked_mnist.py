"""Stacked MNIST: how many of its 1,000 modes a genloop GAN and a textbook DCGAN generate, given the same minutes.

A classifier of single digits reads each channel of each generated picture. Modes among 26,000 pictures, as is usual
(Lin et al. 2018, "PacGAN", 4.2), and among the first 10,000; KL divergence in nats of the modes' histogram from the
uniform one, with that of as many training pictures beside it. Results are collected in
benchmarks/results/stacked_mnist.jsonl; ``--table`` prints what is there.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import dcgan, genloop_run
from benchmarks.data import arguments, prepare_idx, prepare_stacked
from benchmarks.measure import add_result, last_results, machine, table
from genloop.choices import ImageReference
from genloop.image.data import PictureRecords, draw, open_labels, open_records, read_schema
from genloop.image.encoding.pixels import to_bytes
from genloop.image.scores.features import Classifier, accuracy, train_classifier

RUN: dict[str, Any] = {"batch": 128, "trainer": {"precision": "bf16-mixed"}}  # what differs from the defaults
COUNTS = (26_000, 10_000)
MODES = 1000
RESULTS = Path("benchmarks/results")
CLASSIFIER = Path("benchmarks/work/digit_classifier.pt")
LEAST_ACCURACY = 0.98


def digit_classifier(digits: Path) -> Classifier:
    """Return a classifier of single digits, trained where it is missing, that is right often enough to count modes."""
    network = Classifier(read_schema(digits))
    if CLASSIFIER.exists():
        network.load_state_dict(torch.load(CLASSIFIER, weights_only=True))
    else:
        choices = ImageReference(modality="image", epochs=2)
        network = train_classifier(
            read_schema(digits), open_records(digits, "train"), open_labels(digits, "train"), choices
        )
        CLASSIFIER.parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), CLASSIFIER)
    labels = open_labels(digits, "test")
    assert labels is not None
    right = accuracy(network.eval(), open_records(digits, "test"), labels)
    print(f"digit classifier: {right:.2%} right on the test split", flush=True)
    assert right >= LEAST_ACCURACY
    return network


@torch.no_grad()
def read_modes(network: Classifier, pictures: np.ndarray) -> np.ndarray:
    """Return the number from 0 to 999 that each picture [records, 3, 28, 28] of bytes shows."""
    channels = PictureRecords(pictures.reshape(-1, 1, 28, 28))
    blocks = np.array_split(np.arange(len(channels)), -(-len(channels) // 500))
    digits = torch.cat([network(channels.gather(block)).argmax(1) for block in blocks])
    return digits.numpy().reshape(-1, 3) @ [100, 10, 1]


def coverage(modes: np.ndarray) -> tuple[int, float]:
    """Return how many modes there are, and the KL divergence of their histogram from the uniform one, in nats."""
    share = np.bincount(modes, minlength=MODES) / len(modes)
    found = share[share > 0]
    return len(found), float((found * np.log(found * MODES)).sum())


def train(what: str, prepared: Path, minutes: float, seed: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return pictures of one contender, and what its training took."""
    if what == "dcgan":
        return dcgan.train_for(prepared, minutes, max(COUNTS), seed)
    run = genloop_run.gan(data="stacked", seed=seed, **RUN)
    return genloop_run.train_for(run, prepared, minutes, max(COUNTS))


def measure(what: str, prepared: Path, network: Classifier, minutes: float, seed: int) -> None:
    """Train one contender with one seed, or take training pictures, and add the modes to the results."""
    if what == "real":
        records = np.load(prepared / "train.npy", mmap_mode="r")
        chosen = np.random.default_rng(seed).permutation(len(records))[: max(COUNTS)]
        pictures, took = records[chosen], {"minutes": 0.0, "records_seen": len(records)}
    else:
        generated, took = train(what, prepared, minutes, seed)
        pictures = to_bytes(generated)
        draw(generated, read_schema(prepared)).save(RESULTS / f"stacked_{what}_{seed}.png")
    modes = read_modes(network, pictures)
    line: dict[str, Any] = {"what": what, "seed": seed, "budget": minutes, **took}
    for count in COUNTS:
        line[f"modes of {count}"], line[f"KL of {count}"] = coverage(modes[:count])
    add_result(RESULTS / "stacked_mnist.jsonl", line)
    print(line, flush=True)


def print_table() -> None:
    """Print all results so far; of a contender, seed and budget measured twice, the last."""
    lines = last_results(RESULTS / "stacked_mnist.jsonl", "budget", "seed", "what")
    columns = ["minutes", "records_seen", *(f"{figure} of {count}" for count in COUNTS for figure in ("modes", "KL"))]
    rows = [(line["what"], str(line["seed"]), *(line[column] for column in columns)) for line in lines]
    print(machine(), table(("what", "seed", *columns), rows), sep="\n\n")


def main(choices: argparse.Namespace) -> None:
    """Measure what is asked for, one after the other."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    if not choices.table:
        torch.set_num_threads(1)
        print(machine(), flush=True)
        network = digit_classifier(prepare_idx(choices.data / "mnist"))
        prepared = prepare_stacked(choices.data / "mnist")
        for what in ("real", "dcgan", "genloop") if choices.what == "all" else (choices.what,):
            measure(what, prepared, network, choices.minutes, choices.seed)
    print_table()


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--what", choices=["real", "dcgan", "genloop", "all"], default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=16.0, help="processor time of each training")
    parser.add_argument("--table", action="store_true", help="print the results so far and train nothing")
    main(parser.parse_args())
