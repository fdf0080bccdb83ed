"""Generators whose copying is known: honest ones, and the same with some records replaced by training records."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genloop.config import ImageSample, TableSample
from genloop.copying import Copying, Distances
from genloop.image.data import read_samples as read_pictures
from genloop.image.data import read_schema
from genloop.image.scores import copies as picture_copies
from genloop.image.scores.compare import draw_marginals
from genloop.sampling import sample
from genloop.table.scores import copies as row_copies
from genloop.table.scores.compare import read_columns, read_samples, read_split
from genloop.table.scores.distances import Nearest
from genloop.table.scores.metrics import is_number

Records = np.ndarray | pd.DataFrame
CHANGES = ("exactly", "a little", "nearby")
GRAY, RANGE, RANKS = 2, 0.01, 0.005  # gray levels, share of a range, share of the ranks by which copies are changed


@dataclass(frozen=True)
class Parts:
    """Records that are trained on, that an honest generator shows, and that are held out."""

    train: Records
    generated: Records
    held_out: Records


def read(prepared: Path) -> tuple[Records, Records]:
    """Return the training and the test records of a prepared folder."""
    if (prepared / "train.parquet").exists():
        return read_split(prepared, "train", read_columns(prepared)), read_split(
            prepared, "test", read_columns(prepared)
        )
    return np.load(prepared / "train.npy"), np.load(prepared / "test.npy")


def take(records: Records, places: np.ndarray) -> Records:
    """Return the records at ``places``."""
    return records[places] if isinstance(records, np.ndarray) else records.iloc[places].reset_index(drop=True)


def join(first: Records, second: Records) -> Records:
    """Return all records of both."""
    if isinstance(first, np.ndarray):
        return np.concatenate([first, np.asarray(second)])
    assert isinstance(second, pd.DataFrame)
    return pd.concat([first, second], ignore_index=True)


def divide(prepared: Path, sizes: tuple[int, int, int], generator: np.random.Generator) -> Parts:
    """Return parts of so many records each of all that there are."""
    records = join(*read(prepared))
    order, ends = generator.permutation(len(records)), np.cumsum(sizes)
    return Parts(*(take(records, part) for part in np.split(order[: ends[-1]], ends[:-1])))


def between(rows: pd.DataFrame, count: int, generator: np.random.Generator) -> pd.DataFrame:
    """Return rows between two neighbors (Chawla et al. 2002, "SMOTE"): a smooth generator that never saw other rows."""
    own = np.arange(len(rows))
    chosen = generator.integers(len(rows), size=count)
    first, second = take(rows, chosen), take(rows, Nearest(rows).neighbors(rows, 2, own).nearest[chosen])
    assert isinstance(first, pd.DataFrame)
    assert isinstance(second, pd.DataFrame)
    part = generator.random(count)
    for name in first:
        if is_number(first[name]):
            first[name] = first[name] + part * (second[name] - first[name])
    return first


def trained(weights: Path, prepared: Path, count: int, seed: int) -> Parts:
    """Return what a trained generator draws with a seed, beside the records it was trained on."""
    train, held_out = read(prepared)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "samples"
        if isinstance(train, np.ndarray):
            sample(weights, ImageSample(count=count, seed=seed), out)
            return Parts(train, read_pictures(out, read_schema(weights)).as_bytes, held_out)
        sample(weights, TableSample(count=count, seed=seed), out)
        return Parts(train, read_samples(out, read_columns(prepared), count), held_out)


def replay(parts: Parts, share: float, change: str, generator: np.random.Generator) -> Records:
    """Return the generated records, a share of them replaced by training records that are changed somehow."""
    count = round(share * len(parts.generated))
    copied = take(parts.train, generator.permutation(len(parts.train))[:count])
    kept = take(parts.generated, np.sort(generator.permutation(len(parts.generated))[count:]))
    if isinstance(copied, pd.DataFrame):
        assert isinstance(parts.train, pd.DataFrame)
        rows = {"exactly": copied, "a little": _one_number(copied, parts.train, generator)}
        return join(kept, rows[change] if change in rows else _all_numbers(copied, parts.train, generator))
    noise = generator.integers(-GRAY, GRAY + 1, copied.shape) if change == "a little" else 0
    return join(kept, (copied.astype(int) + noise).clip(0, 255).astype(np.uint8))


def _one_number(rows: pd.DataFrame, train: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Return rows in each of which one number is moved by a share of its range, or to the next whole number."""
    rows, names = rows.copy(), [str(name) for name in rows if is_number(rows[name])]
    chosen, up = generator.integers(len(names), size=len(rows)), generator.choice([-1, 1], len(rows))
    for place, name in enumerate(names):
        step = RANGE * float(train[name].max() - train[name].min())
        step = max(1, round(step)) if pd.api.types.is_integer_dtype(rows[name]) else step
        rows[name] = rows[name] + step * up * (chosen == place)
    return rows


def _all_numbers(rows: pd.DataFrame, train: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Return rows whose numbers are moved to a training value a few ranks away, as genloop draws within an interval.

    Values that more rows have than that are kept.
    """
    rows = rows.copy()
    for name in rows:
        if is_number(rows[name]):
            ordered = train[name].dropna().sort_values(ignore_index=True)
            low, high = (ordered.searchsorted(rows[name], side) for side in ("left", "right"))
            ranks = (low + high) / 2 + generator.uniform(-RANKS, RANKS, len(rows)) * len(ordered)
            moved = ordered.iloc[ranks.astype(int).clip(0, len(ordered) - 1)].array
            rows[name] = rows[name].where((high - low > 2 * RANKS * len(ordered)) | rows[name].isna(), moved)
    return rows


def marginals(parts: Parts, generator: np.random.Generator) -> Records:
    """Return as many records whose pixels or columns are drawn independently from training records."""
    train, count = parts.train, len(parts.generated)
    if isinstance(train, np.ndarray):
        return draw_marginals(train, count, generator)
    return pd.DataFrame({name: train[name].iloc[generator.integers(len(train), size=count)].array for name in train})


def honest(parts: Parts, seed: int) -> Distances:
    """Return the distances of honest records."""
    if isinstance(parts.train, np.ndarray):
        assert isinstance(parts.held_out, np.ndarray)
        return picture_copies.honest(parts.train, parts.held_out, seed)
    assert isinstance(parts.held_out, pd.DataFrame)
    return row_copies.honest(parts.train, parts.held_out, seed)


def judge(generated: Records, parts: Parts, usual: Distances, seed: int) -> Copying:
    """Return what is found of generated records."""
    if isinstance(parts.train, np.ndarray):
        assert isinstance(generated, np.ndarray)
        return picture_copies.judge(generated, parts.train, usual)
    assert isinstance(generated, pd.DataFrame)
    return row_copies.judge(generated, parts.train, usual, seed)
