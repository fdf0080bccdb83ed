"""What all scores of 10,000 generated against 10,000 real pictures of 28x28 pixels cost: CPU seconds and memory.

The generated pictures are MNIST training pictures with noise, and keep their classes, so that every score is taken. The
features of real data are part of the reference, which is made once per data set and counted apart.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from benchmarks.data import PREPARED, arguments, prepare_idx
from benchmarks.measure import machine, table
from genloop.choices import ImageReference
from genloop.image.data import open_records
from genloop.image.scores.compare import build_reference, score
from genloop.numerics import make_reproducible

COUNT = 10_000


def write_generated(prepared: Path, out: Path) -> Path:
    """Write pictures as ``sample`` does."""
    train, generator = open_records(prepared, "train"), np.random.default_rng(0)
    assert train.labels is not None
    pictures = train.pictures[-COUNT:, 0] + generator.normal(scale=20, size=(COUNT, 28, 28))
    out.mkdir(parents=True, exist_ok=True)
    labels = np.array([str(label) for label in train.labels[-COUNT:]])
    np.savez_compressed(out / "samples.npz", images=pictures.clip(0, 255).round().astype(np.uint8), labels=labels)
    return out


def main(choices: argparse.Namespace) -> None:
    """Print CPU seconds of the reference and of the scores, with the peak of resident memory."""
    make_reproducible(threads=1)
    prepared = prepare_idx(choices.data / "mnist", choices.records)
    samples, reference = write_generated(prepared, PREPARED / "mnist-noisy"), PREPARED / "mnist-reference-10000"
    start = time.process_time()
    build_reference(prepared, ImageReference(modality="image", count=COUNT), reference)
    built = time.process_time()
    figures = score(samples, reference, prepared, samples).figures
    scored = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [("reference, once per data set", built - start), ("all scores of a run, with intervals", scored - built)]
    print(machine(), table(("what", "CPU seconds"), rows), f"{peak:.0f} MiB resident at most", sep="\n\n")
    print({name: round(value, 4) for name, value in figures.scores.items()}, figures.left_out)


if __name__ == "__main__":
    main(arguments(__doc__).parse_args())
