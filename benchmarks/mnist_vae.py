"""MNIST, dynamic binarization: the log likelihood of genloop's VAEs, estimated with 1,000 latents per test picture.

The importance-weighted bound of Burda et al. 2016, equation 8, in nats, of 1,000 test pictures drawn at random and,
with the elbo of all, of the whole test split, with its standard error. One recipe; three runs that differ from it in
one key each: a plain VAE with a standard normal prior, the default with its learned prior, and two layers of latents.
Trained in bf16 on one thread, evaluated in fp32. Results are collected in benchmarks/results/mnist_vae.jsonl;
``--table`` prints them.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.data import arguments, prepare_idx
from benchmarks.genloop_run import in_bf16, train_anew, vae
from benchmarks.measure import Stopwatch, add_result, last_results, machine, table
from genloop.bounds import Bounds

RECIPE = {"likelihood": "bernoulli", "batch": 128}  # what differs from genloop's defaults
RUNS: dict[str, dict[str, Any]] = {"plain": {"prior": "standard"}, "learned prior": {}, "two layers": {"layers": 2}}
ELBO_DRAWS = 10  # latents for each of all test pictures
RESULTS = Path("benchmarks/results/mnist_vae.jsonl")


def measure(what: str, prepared: Path, seed: int, choices: argparse.Namespace) -> None:
    """Train one run with one seed and add its bounds to the results."""
    run = in_bf16(vae(data="mnist", seed=seed, epochs=choices.epochs, **RECIPE, **RUNS[what]))
    start, watch = time.process_time(), Stopwatch()
    weights = train_anew(run, prepared, watch)
    took = {"minutes": (time.process_time() - start) / 60, "records_seen": watch.marks[-1][0]}
    bounds = Bounds(weights, run, prepared, seed)
    elbos = bounds.elbos(ELBO_DRAWS)
    bound = bounds.importance_weighted(choices.draws, choices.test_records, elbos)
    found = {
        "elbo": float(elbos.mean()),
        "bound": bound.mean,
        "error": bound.part_error,
        "records": choices.test_records,
    }
    add_result(RESULTS, {"what": what, "seed": seed, "draws": choices.draws} | took | found)


def print_table() -> None:
    """Print all results so far; of a run and seed measured twice, the last."""
    columns = ("minutes", "records_seen", "elbo", "draws", "records")
    rows = [
        (line["what"], str(line["seed"]), *(line[column] for column in columns), f"{line['bound']:.2f}", line["error"])
        for line in last_results(RESULTS, "what", "seed")
    ]
    print(machine(), table(("what", "seed", *columns, "bound, nats", "standard error"), rows), sep="\n\n")


def main(choices: argparse.Namespace) -> None:
    """Measure what is asked for, one after the other."""
    if not choices.table:
        torch.set_num_threads(1)
        prepared = prepare_idx(choices.data / "mnist", choices.records)
        for seed in choices.seeds:
            for what in choices.what:
                measure(what, prepared, seed, choices)
    print_table()


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--what", choices=list(RUNS), nargs="+", default=list(RUNS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--draws", type=int, default=1000, help="latents per test picture")
    parser.add_argument("--test-records", type=int, default=1000, help="test pictures in the bound")
    parser.add_argument("--table", action="store_true", help="print the results so far and train nothing")
    main(parser.parse_args())
