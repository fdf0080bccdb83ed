"""MNIST, dynamic binarization: the log likelihood of a genloop VAE, estimated with 1,000 latents per test picture.

The importance-weighted bound of Burda et al. 2016, equation 8, with its standard error over the first test pictures, in
nats; the elbo is that of all test pictures. Trained in bf16, evaluated in fp32.
"""

import argparse
import time

import torch

from benchmarks.data import arguments, prepare_idx
from benchmarks.genloop_run import in_bf16, train_anew, vae
from benchmarks.measure import Stopwatch, machine, table
from genloop.bounds import Bounds

RUN = {"likelihood": "bernoulli", "width": 32, "batch": 128}  # what differs from genloop's defaults


def main(choices: argparse.Namespace) -> None:
    """Train with each seed and print the bounds."""
    torch.set_num_threads(1)
    prepared = prepare_idx(choices.data / "mnist", choices.records)
    rows = []
    for seed in choices.seeds:
        run = in_bf16(vae(data="mnist", seed=seed, epochs=choices.epochs, **RUN))
        start, watch = time.process_time(), Stopwatch()
        weights = train_anew(run, prepared, watch)
        minutes = (time.process_time() - start) / 60
        bounds = Bounds(weights, run, prepared, seed)
        rate, distortion = bounds.elbo(1)
        bound, error = bounds.importance_weighted(choices.draws, choices.test_records)
        rows.append((str(seed), minutes, watch.marks[-1][0], -(rate + distortion), f"{bound:.2f}", f"{error:.2f}"))
        print(rows[-1], flush=True)
    header = ("seed", "CPU minutes", "records seen", "elbo", f"bound of {choices.draws} latents", "standard error")
    print(machine(), table(header, rows), sep="\n\n")


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--draws", type=int, default=1000, help="latents per test picture")
    parser.add_argument("--test-records", type=int, default=1000, help="test pictures in the bound")
    main(parser.parse_args())
