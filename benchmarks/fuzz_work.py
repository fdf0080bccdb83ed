"""The process in which the fuzzer's inputs are made and read: says of each on standard output how it ended."""

import argparse
import json
import os
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import fuzz_arrays, fuzz_files, fuzz_text
from benchmarks.fuzz_text import Generator
from genloop import plugins
from genloop.choices import ImagePrepare, TablePrepare
from genloop.config import TableSample, TableVae
from genloop.errors import GenloopError
from genloop.resolve import override, read_params, write_resolved

ROOT = Path(__file__).parents[1]
ADDRESSES = 6 * 2**30  # bytes of memory that may be reserved beyond what the start has: keeps the machine alive
EXAMPLE = "id,start,end,price,tip,total,town,member\n" + "".join(
    f"R{row:04d},2024-0{1 + row % 9}-02 03:04:00,2024-0{1 + row % 9}-02 0{4 + row % 5}:04:00,"
    f"{10 + row % 7}.50,{row % 3}.50,{10 + row % 7 + row % 3 + 1}.00,{('Ulm', 'Bern', 'Oslo', '?')[row % 4]},{('yes', 'no')[row % 2]}\n"
    for row in range(120)
)  # fmt: skip


def judge_params(folder: Path, trained: Path) -> None:
    """Do what the stage configure does."""
    write_resolved(read_params(folder / "params.yaml", folder / "raw"), folder / "config", ROOT)


def judge_pictures(folder: Path, trained: Path) -> None:
    """Do what the stage prepare does for pictures."""
    choices = ImagePrepare.model_validate_json((folder / "choices.json").read_text())
    plugins.raw("image").prepare(folder / "raw", choices, folder / "out")


def judge_table(folder: Path, trained: Path) -> None:
    """Do what the stage prepare does for a table."""
    try:
        choices = TablePrepare.model_validate_json((folder / "choices.json").read_text())
    except ValueError as error:
        raise GenloopError(f"columns: {' '.join(str(error).split())}") from None  # params has a kind of its own
    plugins.raw("table").prepare(folder / "raw", choices, folder / "out")


def judge_asked(folder: Path, trained: Path) -> None:
    """Do what the verbs sample and fill do."""
    from genloop.sampling import sample
    from genloop.table.fill import fill

    if (folder / "set.json").exists():
        keys = json.loads((folder / "set.json").read_text())
        sample(trained, override(TableSample(count=20), keys), folder / "out")
    else:
        fill(trained, folder / "gaps.csv", folder / "filled.csv", seed=0)


@dataclass(frozen=True)
class Kind:
    """A kind of inputs: how one is made, who reads it, and how a message that names its place may begin."""

    make: Callable[[Generator, Path], None]
    judge: Callable[[Path, Path], None]
    named: tuple[str, ...]  # with {folder}


PLACES = ("{folder}/raw", "columns", "rules")
KINDS = {
    "params.yaml": Kind(fuzz_text.make_params, judge_params, ("{folder}/params.yaml", "params.yaml: ")),
    "CSV": Kind(fuzz_text.make_csv, judge_table, PLACES),
    "Parquet tables": Kind(fuzz_arrays.make_parquet, judge_table, PLACES),
    "pictures": Kind(fuzz_files.make_pictures, judge_pictures, PLACES),
    "pictures in Parquet": Kind(fuzz_arrays.make_picture_parquet, judge_pictures, PLACES),
    "archives": Kind(fuzz_files.make_archive, judge_pictures, PLACES),
    "IDX": Kind(fuzz_arrays.make_idx, judge_pictures, PLACES),
    "NPZ": Kind(fuzz_arrays.make_npz, judge_pictures, PLACES),
    "where, fill": Kind(fuzz_text.make_asked, judge_asked, ("sample.", "--set", "{folder}/gaps.csv")),
}


def make(kind: str, number: int, seed: int, folder: Path) -> None:
    """Write one input, the same for the same number and seed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    KINDS[kind].make(np.random.default_rng([seed, list(KINDS).index(kind), number]), folder)


def ended(kind: str, folder: Path, trained: Path) -> tuple[str, str]:
    """Read one input; return how it ended, and the message or the traceback."""
    named = [place.format(folder=folder) for place in KINDS[kind].named]
    try:
        KINDS[kind].judge(folder, trained)
    except GenloopError as error:
        lines = str(error).split("\n         ") if kind == "params.yaml" else [str(error)]  # there a line for each key
        whole = all(line.startswith(tuple(named)) and "\n" not in line and line.isprintable() for line in lines)
        return "refused" if whole else "nameless", str(error)
    except Exception:
        return "traceback", traceback.format_exc()
    return "worked", ""


def peak() -> int:
    """Return the most bytes that this process has had in memory since the last call."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def train(folder: Path) -> None:
    """Train the run that is asked for rows, on a small table."""
    from benchmarks.measure import Stopwatch
    from genloop.training import train as train_run

    (folder / "raw").mkdir(parents=True)
    (folder / "raw" / "rows.csv").write_text(EXAMPLE)
    choices = TablePrepare(modality="table", rules=("end >= start", "total = price + tip"))
    plugins.raw("table").prepare(folder / "raw", choices, folder / "prepared")
    run = TableVae(data="rows", modality="table", family="vae", epochs=2, width=8, latent=4, batch=32, previews=1)
    train_run("rows_vae", run, folder / "prepared", folder / "weights", folder / "state", Stopwatch())


def say(**told: Any) -> None:
    """Write a line for the parent."""
    print(json.dumps(told), flush=True)


def work(kind: str, numbers: range, seed: int, folder: Path, trained: Path) -> None:
    """Make and read inputs one after the other."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESSES, most))
    warnings.simplefilter("ignore")
    if KINDS[kind].judge is judge_asked:
        import genloop.table.fill  # noqa: F401 (takes seconds, which are none of the first input)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (what prepare tells of duplicates)
    for number in numbers:
        say(begun=number)
        make(kind, number, seed, folder / "input")
        peak()
        start = time.process_time()
        verdict, told = ended(kind, folder / "input", trained)
        say(done=number, verdict=verdict, told=told, seconds=time.process_time() - start, peak=peak())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind")
    parser.add_argument("start", type=int)
    parser.add_argument("stop", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("trained", type=Path)
    given = parser.parse_args()
    if given.kind == "train":
        train(given.trained)
    else:
        work(given.kind, range(given.start, given.stop), given.seed, given.folder, given.trained / "weights")
