"""Memory of training on 10,000 and on 100,000 pictures: it must not grow with the number of records.

Each training runs in a process of its own. Reported is the peak of its memory from /proc, two kinds apart: anonymous
memory (RssAnon) is what the process has allocated and what must stay flat; file-backed memory (RssFile) counts the
pages of the memory-mapped records that were touched, beside those of the libraries. The kernel takes such pages back
when memory is short, without writing them anywhere, so they may grow with the records and cost nobody anything.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.data import PREPARED, write_schema
from benchmarks.genloop_run import train_anew, vae
from benchmarks.measure import Stopwatch, machine, table
from genloop.outputs import replace_folder

KINDS = ("RssAnon", "RssFile")
SECONDS = 0.02  # between two looks


def noise(records: int) -> Path:
    """Return a prepared folder of random pictures, made where it is missing."""
    out = PREPARED / f"noise-{records}"
    if not out.exists():
        with replace_folder(out) as folder:
            shape = (records, 1, 28, 28)
            np.save(folder / "train.npy", np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
            write_schema(folder, channels=1, classes=0)
    return out


def train(prepared: Path) -> None:
    """Train a tiny network for two epochs, so that every record has been read."""
    run = vae(data="noise", width=1, latent=2, batch=100, epochs=2, previews=2)
    train_anew(run, prepared, Stopwatch())


def peaks(*command: str) -> dict[str, float]:
    """Return the peak of each kind of memory of ``python -m`` with these arguments, in MiB."""
    process = subprocess.Popen([sys.executable, "-m", *command])
    most = dict.fromkeys(KINDS, 0.0)
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            kind, _, value = line.partition(":")
            if kind in most:
                most[kind] = max(most[kind], int(value.split()[0]) / 1024)
        time.sleep(SECONDS)
    if process.returncode:
        raise SystemExit("the measured process failed")
    return most


def main(choices: argparse.Namespace) -> None:
    """Measure trainings of each size in turns."""
    rows: list[tuple[str | float, ...]] = []
    for _ in range(choices.rounds):
        for records in choices.sizes:
            prepared = noise(records)
            found = peaks("benchmarks.training_memory", "--train", str(prepared))
            rows.append((f"{records:,}", (prepared / "train.npy").stat().st_size / 2**20, *found.values()))
    header = ("records", "MiB of records", "anonymous, MiB", "file-backed, MiB")
    print(machine(), table(header, sorted(rows)), sep="\n\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--train", type=Path, help="train on this folder: what the measured process does")
    arguments_given = parser.parse_args()
    if arguments_given.train:
        train(arguments_given.train)
    else:
        main(arguments_given)
