"""Tables: time per epoch and memory of a training by the number of rows, and memory of drawing by the number drawn.

The rows are Adult's, repeated. Time must grow in proportion to the rows, anonymous memory not at all: the codes are
mapped from the disk. Each measurement is a process of its own; the time of an epoch is that of the second.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.adult import prepare_adult
from benchmarks.data import PREPARED, arguments
from benchmarks.genloop_run import WORK, train_anew
from benchmarks.measure import Stopwatch, machine, table
from benchmarks.training_memory import peaks
from genloop.config import TableSample, TableVae, Trainer
from genloop.outputs import replace_folder, write_json
from genloop.sampling import sample

EPOCHS = 3
TIMES = WORK / "table_growth.json"


def repeated(adult: Path, rows: int) -> Path:
    """Return Adult with so many training rows, made where it is missing."""
    out = PREPARED / f"adult-{rows}"
    if not out.exists():
        with replace_folder(out) as folder:
            shutil.copytree(adult, folder, dirs_exist_ok=True)
            np.save(folder / "train.npy", np.resize(np.load(adult / "train.npy"), (rows, len(counts(adult)))))
    return out


def counts(prepared: Path) -> list[list[int]]:
    """Return how often each code of each span occurs."""
    return list(json.loads((prepared / "schema.json").read_text())["counts"])


def train(prepared: Path) -> None:
    """Train for three epochs and note what the second and third took, seconds each."""
    torch.set_num_threads(1)
    trainer = Trainer(precision="bf16-mixed")
    run = TableVae(data="growth", modality="table", family="vae", epochs=EPOCHS, previews=1, trainer=trainer)
    watch = Stopwatch()
    train_anew(run, prepared, watch)
    (_, start), (_, end) = watch.marks[0], watch.marks[-1]
    write_json(TIMES, {"seconds": (end - start) / (EPOCHS - 1)})


def draw(rows: int) -> None:
    """Draw rows from the last training."""
    start = time.process_time()
    sample(WORK / "growth_vae_classes_0", TableSample(count=rows), WORK / "drawn")
    write_json(TIMES, {"seconds": time.process_time() - start})


def main(choices: argparse.Namespace) -> None:
    """Measure each size."""
    adult = prepare_adult(choices.data / "tables" / "adult")
    found: list[tuple[str | float, ...]] = []
    for what, sizes in (("train", choices.sizes), ("draw", choices.drawn)):
        for rows in sizes:
            asked = str(repeated(adult, rows)) if what == "train" else str(rows)
            memory = peaks("benchmarks.table_growth", f"--{what}", asked)
            seconds = json.loads(TIMES.read_text())["seconds"]
            found.append((what, f"{rows:,}", seconds, seconds / rows * 1e6, *memory.values()))
            print(found[-1], flush=True)
    header = ("what", "rows", "CPU s (of an epoch)", "µs a row", "anonymous, MiB", "file-backed, MiB")
    print(machine(), table(header, found), sep="\n\n")


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--drawn", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--train", type=Path, help="train on this folder: what the measured process does")
    parser.add_argument("--draw", type=int, help="draw so many rows: what the measured process does")
    arguments_given = parser.parse_args()
    if arguments_given.train:
        train(arguments_given.train)
    elif arguments_given.draw:
        draw(arguments_given.draw)
    else:
        main(arguments_given)
