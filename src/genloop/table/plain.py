"""Prepared rows in blocks and in one form, so that rows of two preparations can be compared as content."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from jaxtyping import Int, UInt64

from genloop.reading import damaged, read_json
from genloop.table.encoding.columns import Column
from genloop.table.encoding.contents import BLOCK, FORMS, Form, hashes, in_forms

SPLITS = "train", "test"


@dataclass(frozen=True)
class Pair:
    """A column before and now, and the form in which its values can be compared."""

    before: Column
    now: Column
    form: Form | None

    @staticmethod
    def of(before: Column, now: Column) -> "Pair":
        """Return the two with a form that suits both: text where they are of unlike kinds, none where one is a key."""
        forms = FORMS[before.kind], FORMS[now.kind]
        if None in forms:
            return Pair(before, now, None)
        return Pair(before, now, forms[0] if forms[0] == forms[1] else "mixed")

    @property
    def name(self) -> str:
        """The column's name."""
        return self.before.name


def read_columns(folder: Path) -> dict[str, Column]:
    """Return what the columns of a prepared table hold, by their names."""
    path = folder / "schema.json"
    try:
        return {column.name: column for column in map(Column.of, read_json(path)["columns"])}
    except (LookupError, TypeError) as error:
        raise damaged(path, error) from None


def blocks(
    folder: Path, columns: dict[str, Column], forms: dict[str, Form], splits: Sequence[str] = SPLITS
) -> Iterator[pd.DataFrame]:
    """Yield the rows of the splits, a block at a time, each value in its column's form.

    Raises:
        GenloopError: a file is damaged.
    """
    for split in splits:
        path = folder / f"{split}.parquet"
        try:
            with pa.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(BLOCK, columns=list(forms)):
                    rows = batch.to_pandas().reset_index(drop=True)
                    yield in_forms(rows.astype({name: columns[name].dtype for name in forms}), columns, forms)
        except (pa.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
            raise damaged(path, error) from None


def hash_rows(
    folder: Path,
    columns: dict[str, Column],
    forms: dict[str, Form],
    look: Callable[[pd.DataFrame], None] = lambda block: None,
    splits: Sequence[str] = SPLITS,
) -> UInt64[np.ndarray, " rows"]:
    """Return a number for each row of the splits, the same for equal rows, and have each block looked at."""
    found = [np.empty(0, np.uint64)]
    for block in blocks(folder, columns, forms, splits):
        found.append(hashes(block))
        look(block)
    return np.concatenate(found)


def rows_at(
    folder: Path, columns: dict[str, Column], forms: dict[str, Form], places: Int[np.ndarray, " rows"]
) -> pd.DataFrame:
    """Return the rows at sorted places, counted over both splits."""
    found, start = [], 0
    for block in blocks(folder, columns, forms):
        first, end = np.searchsorted(places, [start, start + len(block)])
        found.append(block.iloc[places[first:end] - start])
        start += len(block)
    return pd.concat(found, ignore_index=True)
