"""Tables: a column of many values, trained within a stated budget of memory.

100,000 rows of a column whose values are as frequent as words are (the k-th in proportion to 1/k), an amount and a kind
that follow from it. Each training is a process of its own whose ``limits.memory`` is stated; the peak of its anonymous
memory must stay below. A budget that is too small must be refused before anything is trained, by a line that names the
column. Shape of the column: 1 minus the total variation distance between generated and training rows.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.data import PREPARED
from benchmarks.genloop_run import WORK, train_anew
from benchmarks.measure import Stopwatch, machine, table
from benchmarks.training_memory import peaks
from genloop.choices import TablePrepare
from genloop.config import Limits, TableGan, TableSample, TableVae, Trainer
from genloop.errors import GenloopError
from genloop.outputs import write_json
from genloop.sampling import sample
from genloop.table.raw.prepare import prepare
from genloop.table.scores.metrics import column_shape

ROWS, KINDS = 100_000, 5
RUNS: dict[str, Any] = {"vae": TableVae, "gan": TableGan}
FOUND = WORK / "wide_column.json"


def prepare_wide(values: int) -> Path:
    """Return a prepared table whose column ``word`` has so many values, made where it is missing."""
    out = PREPARED / f"wide-{values}"
    if not out.exists():
        generator = np.random.default_rng(0)
        shares = 1 / np.arange(1, values + 1)
        words = np.concatenate([np.arange(values), generator.choice(values, ROWS - values, p=shares / shares.sum())])
        words = generator.permutation(words)
        raw = PREPARED / f"wide-{values}-raw"
        raw.mkdir(parents=True, exist_ok=True)
        columns = {
            "word": [f"w{word}" for word in words],
            "amount": np.round(words % 100 + generator.normal(size=ROWS), 2),
            "kind": [f"k{kind}" for kind in (words + (generator.random(ROWS) < 0.1)) % KINDS],
        }
        pd.DataFrame(columns).to_csv(raw / "wide.csv", index=False)
        prepare(raw, TablePrepare(modality="table"), out)
    return out


def train(family: str, values: int, budget: float, epochs: int) -> None:
    """Train within the budget, draw as many rows, and note time and shape, or why it was refused."""
    torch.set_num_threads(1)
    prepared = prepare_wide(values)
    run = RUNS[family](
        data=f"wide{values}", modality="table", family=family, epochs=epochs, previews=1,
        trainer=Trainer(precision="bf16-mixed"), limits=Limits(memory=budget),
    )  # fmt: skip
    start = time.process_time()
    try:
        weights = train_anew(run, prepared, Stopwatch())
    except GenloopError as error:
        write_json(FOUND, {"refused": str(error)})
        return
    seconds = time.process_time() - start
    sample(weights, TableSample(count=ROWS // 2), WORK / "wide")
    drawn = pd.read_csv(WORK / "wide" / "samples.csv")["word"]
    real = {split: pd.read_parquet(prepared / f"{split}.parquet")["word"].astype(object) for split in ("train", "test")}
    shapes = {"shape": column_shape(real["train"], drawn), "shape_real": column_shape(real["train"], real["test"])}
    write_json(FOUND, {"seconds": seconds / epochs, **shapes})


def main(choices: argparse.Namespace) -> None:
    """Measure both families with each number of values, then ask for too little."""
    rows: list[tuple[str | float, ...]] = []
    for family in RUNS:
        for values in choices.values:
            asked = [family, str(values), str(choices.budget), str(choices.epochs)]
            prepare_wide(values)
            memory = peaks("benchmarks.wide_column", "--train", *asked)["RssAnon"]
            found = json.loads(FOUND.read_text())
            told = [found.get(key, found.get("refused", "")) for key in ("seconds", "shape", "shape_real")]
            rows.append((family, f"{values:,}", choices.budget * 1024, memory, *told))
            print(rows[-1], flush=True)
    peaks("benchmarks.wide_column", "--train", "vae", str(choices.values[-1]), str(choices.small), "1")
    header = ("family", "values", "budget, MiB", "anonymous, MiB", "CPU s an epoch", "shape", "of held-out rows")
    print(machine(), table(header, rows), json.loads(FOUND.read_text())["refused"], sep="\n\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--values", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--budget", type=float, default=2.0, help="GiB")
    parser.add_argument("--small", type=float, default=0.25, help="GiB, to be refused")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--train", nargs=4, help="what the measured process does")
    arguments_given = parser.parse_args()
    if arguments_given.train:
        family_given, *numbers = arguments_given.train
        train(family_given, int(numbers[0]), float(numbers[1]), int(numbers[2]))
    else:
        main(arguments_given)
