"""How generated rows compare with real ones, under one protocol per data set."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from genloop.choices import TableReference
from genloop.errors import GenloopError
from genloop.identity import hash_tensors
from genloop.intervals import ROUNDS
from genloop.outputs import replace_folder, write_json
from genloop.randomness import keyed_generator
from genloop.reading import damaged, read_array, read_json
from genloop.scored import Scored, find_copies
from genloop.table.encoding.columns import Column, parse
from genloop.table.encoding.contents import hashes
from genloop.table.scores import copies
from genloop.table.scores.judge import MOST, Judge
from genloop.table.scores.metrics import is_number

VERSION = 2  # of the scores: figures of different versions are not compared
UNSCORED = ("key", "constant")  # kinds that say nothing of a generator


def build_reference(prepared: Path, choices: TableReference, out: Path) -> None:
    """Write the real rows and the scores of three sets of rows that nobody trained for.

    ``real`` scores held-out rows: as good as it gets. ``bootstrap`` scores training rows drawn again: a copier.
    ``marginals`` scores columns drawn independently: the trivial model.

    Raises:
        GenloopError: a target that is no column.
    """
    columns = read_columns(prepared)
    train, test = (read_split(prepared, split, columns) for split in ("train", "test"))
    count = min(choices.count or MOST, len(train))
    judge = Judge(train, test, _target(choices.target, columns, train), count, choices.seed)
    generator = keyed_generator(choices.seed, "baselines")
    bootstrap = train.iloc[generator.integers(len(train), size=count)].reset_index(drop=True)
    marginals = pd.DataFrame(
        {name: train[name].iloc[generator.integers(len(train), size=count)].array for name in train}
    )
    honest = copies.honest(train, test, choices.seed)
    baselines = {
        "real": judge.figures(test, near=judge.other, teacher=train),
        "bootstrap": judge.figures(bootstrap),
        "marginals": judge.figures(marginals),
    }
    for name, rows in {"real": test, "bootstrap": bootstrap, "marginals": marginals}.items():
        look = partial(copies.judge, rows, train, honest, choices.seed)
        baselines[name] |= find_copies(look, len(train), len(rows), choices.seed)[1]
    with replace_folder(out) as folder:
        for split, rows in (("train", train), ("test", test)):
            rows.to_parquet(folder / f"{split}.parquet", index=False)
        np.save(folder / "honest.npy", honest)
        (folder / "schema.json").write_bytes((prepared / "schema.json").read_bytes())
        known = {"protocol": describe(judge, count), "baselines": {k: v.as_dict() for k, v in baselines.items()}}
        write_json(folder / "reference.json", known)


def describe(judge: Judge, count: int) -> dict[str, Any]:
    """Return the protocol under which all runs on a table are scored."""
    return {
        "version": VERSION,
        "real": "training split",
        "real_hash": hash_rows(judge.train),
        "generated_count": count,
        "held_out": "test split",
        "held_out_count": len(judge.test),
        "held_out_hash": hash_rows(judge.test),
        "distances": len(judge.held_out),
        "target": judge.target,
        "target_score": "R2" if is_number(judge.train[judge.target]) else "macro F1",
        "intervals": f"95 %, {ROUNDS} random parts",
        "seed": judge.seed,
    }


def hash_rows(rows: pd.DataFrame) -> str:
    """Return the hash of typed rows in their order."""
    return hash_tensors({"rows": torch.from_numpy(hashes(rows).astype(np.int64))})


def score(samples: Path, reference: Path, prepared: Path, out: Path) -> Scored:
    """Return the scores of generated rows and their protocol; the most suspicious ones are listed in ``out``."""
    known = read_json(reference / "reference.json")
    protocol, columns = known["protocol"], read_columns(reference)
    train, test = (read_split(reference, split, columns) for split in ("train", "test"))
    judge = Judge(train, test, protocol["target"], protocol["generated_count"], protocol["seed"])
    rows = read_samples(samples, columns, protocol["generated_count"])
    honest = read_array(reference / "honest.npy")
    look = partial(copies.judge, rows, train, honest, protocol["seed"])
    found, copying = find_copies(look, len(train), len(rows), protocol["seed"])
    suspicious = copies.most_suspicious(found, rows, train, out) if found else None
    return Scored(judge.figures(rows) | copying, known["baselines"], protocol, suspicious)


def read_samples(folder: Path, columns: dict[str, Column], count: int) -> pd.DataFrame:
    """Read the first ``count`` rows of ``samples.csv`` back as typed rows.

    Raises:
        GenloopError: there are fewer.
    """
    path = folder / "samples.csv"
    try:
        texts = pd.read_csv(path, dtype="string", keep_default_na=False, nrows=count, usecols=list(columns))
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
    if len(texts) < count:
        raise GenloopError(f"{path}: {len(texts)} rows, the scores compare {count}; raise sample.count")
    found = {}
    for name, column in columns.items():
        values = texts[name]
        found[name] = parse(column, values.mask(values == column.missing) if column.missing is not None else values)
    return pd.DataFrame(found)


def read_columns(folder: Path) -> dict[str, Column]:
    """Return the columns that are scored."""
    states = read_json(folder / "schema.json")["columns"]
    return {column.name: column for column in map(Column.of, states) if column.kind not in UNSCORED}


def read_split(folder: Path, split: str, columns: dict[str, Column]) -> pd.DataFrame:
    """Return the rows of a split in the types of their columns, which Parquet does not keep."""
    path = folder / f"{split}.parquet"
    try:
        rows = pd.read_parquet(path, columns=list(columns))
        return rows.astype({name: column.dtype for name, column in columns.items()})
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
        raise damaged(path, error) from None


def _target(stated: str | None, columns: dict[str, Column], train: pd.DataFrame) -> str:
    """Return the column that a learner tells: the one that is stated, else the last.

    Raises:
        GenloopError: there is no such column.
    """
    if stated is None:
        return list(columns)[-1]
    if stated not in columns:
        raise GenloopError(f"reference.target: there is no column '{stated}' to tell; there are {', '.join(columns)}")
    return stated
