"""From what people have to typed rows and codes: reads a table, tells its columns, splits it and writes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genloop.choices import HoldoutBy, TablePrepare
from genloop.errors import GenloopError
from genloop.outputs import check_disk, replace_folder, write_json
from genloop.randomness import keyed_generator
from genloop.splitting import DRAWN, held_out_by_content, tell_repeats_apart
from genloop.table.encoding.association import association
from genloop.table.encoding.columns import Column, instead
from genloop.table.encoding.contents import row_hashes
from genloop.table.encoding.rows import Encoding
from genloop.table.encoding.rules import check_rules, read_rules
from genloop.table.raw.infer import empty
from genloop.table.raw.read import Table, find_tables, read_table
from genloop.table.raw.stated import tell_or_take

FEWEST = 10  # rows


def prepare(raw: Path, choices: TablePrepare, out: Path) -> None:
    """Write ``train.parquet`` and ``test.parquet`` with typed values, ``.npy`` with codes, schema and report.

    Raises:
        GenloopError: names the line or the column that cannot be used; ``out`` stays as it was.
    """
    paths = find_tables(raw)
    tables = {split: read_table(path) for split, path in paths.items()}
    raw_rows = _joined(raw, {split: table.frame for split, table in tables.items()})
    told = _told(raw_rows, next(iter(tables.values())).types, choices, raw)
    columns = tuple(column for column, _ in told)
    frame = pd.DataFrame({column.name: values for column, values in told})
    rules = read_rules(choices.rules, columns)
    check_rules(rules, frame, {column.name: column for column in columns}, raw)
    tests = (
        np.arange(len(frame)) >= len(tables["train"].frame) if "test" in tables else held_out(frame, columns, choices)
    )
    train, test = (frame[mask].reset_index(drop=True) for mask in (~tests, tests))
    for column in columns:
        if train[column.name].isna().all():
            raise empty(column.name, f"{raw}: among the training rows")
    encoding = Encoding.fit(train, columns, rules)
    if not encoding.spans:
        raise GenloopError(f"{raw}: holds only keys and constants; there is nothing to learn")
    out.parent.mkdir(parents=True, exist_ok=True)
    check_disk(out.parent, 2 * int(frame.memory_usage(deep=True).sum()))
    with replace_folder(out) as folder:
        for split, rows in (("train", train), ("test", test)):
            rows.to_parquet(folder / f"{split}.parquet", index=False)
            np.save(folder / f"{split}.npy", encoding.encode(rows)[0])
        write_json(folder / "schema.json", _schema(encoding, train))
        write_json(folder / "report.json", _report(paths, tables, columns, train, test, choices.holdout_by))


def _told(
    rows: pd.DataFrame, types: Mapping[str, str], choices: TablePrepare, place: object
) -> list[tuple[Column, pd.Series]]:
    """Return what each column holds, and its typed values, without those that are to be left out."""
    names = list(map(str, rows))
    unknown = sorted(choices.columns.keys() - set(names))
    if unknown:
        raise GenloopError(f"columns.{unknown[0]}: {place} has no such column; {instead(unknown[0], names)}")
    stated = {name: choices.columns.get(name) for name in names}
    kept = {name: choice for name, choice in stated.items() if choice is None or choice.kind != "omit"}
    if not kept:
        raise GenloopError(f"columns: all columns of {place} are left out; keep one")
    return [tell_or_take(name, rows[name], types.get(name), place, choice) for name, choice in kept.items()]


def _schema(encoding: Encoding, train: pd.DataFrame) -> dict[str, Any]:
    """Return what later stages must know: columns, spans, and how often each code occurs in the training rows."""
    codes, _ = encoding.encode(train)
    counts = [np.bincount(codes[:, i], minlength=span.size).tolist() for i, span in enumerate(encoding.spans)]
    associations = np.round(association(codes, encoding.spans), 6).tolist()
    return {
        "modality": "table",
        "rows": len(train),
        "counts": counts,
        "associations": associations,
        **encoding.state(),
    }


def held_out(frame: pd.DataFrame, columns: Sequence[Column], choices: TablePrepare) -> np.ndarray:
    """Return which rows are held out, a share drawn by a key; at least one.

    By content, keys are no part of a row, and of equal rows each is drawn by itself.
    """
    if choices.holdout_by == "content":
        return held_out_by_content(tell_repeats_apart(row_hashes(frame, columns)), choices.holdout, choices.seed)
    found = np.zeros(len(frame), dtype=bool)
    shuffled = keyed_generator(choices.seed, "split", 0).permutation(len(frame))
    found[shuffled[: max(round(len(frame) * choices.holdout), 1)]] = True
    return found


def _joined(raw: Path, frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all files."""
    names = [list(frame.columns) for frame in frames.values()]
    if any(other != names[0] for other in names):
        strange = sorted(set(names[0]).symmetric_difference(names[1])) or names[1]
        raise GenloopError(f"{raw}: train and test differ in the column {strange[0]}; give both the same columns")
    first, *others = frames.values()
    for other in others:  # a column that is all missing in one file has the type of the other
        for one, two in ((first, other), (other, first)):
            for name in one:
                if one[name].isna().all():
                    one[name] = one[name].astype(two[name].dtype)
    joined = pd.concat(frames.values(), ignore_index=True)
    if len(joined) < FEWEST:
        raise GenloopError(f"{raw}: {len(joined)} rows are too few to learn from; at least {FEWEST} are needed")
    return joined


def _report(
    paths: dict[str, Path],
    tables: dict[str, Table],
    columns: tuple[Column, ...],
    train: pd.DataFrame,
    test: pd.DataFrame,
    holdout_by: HoldoutBy,
) -> dict[str, Any]:
    """Return what was found and decided, for people."""
    forms = {
        paths[split].name: table.form and {"encoding": table.form.encoding, "delimiter": table.form.delimiter}
        for split, table in tables.items()
    }
    missing = train.isna().mean()
    keys = [column.name for column in columns if column.kind == "key"]  # which tell apart what is else the same
    seen, held_out = train.drop(columns=keys), test.drop(columns=keys)
    return {
        "files": forms,
        "split": "official" if len(tables) > 1 else DRAWN[holdout_by],
        "train": len(train),
        "test": len(test),
        "columns": {column.name: column.kind for column in columns},
        "missing": {name: round(float(share), 6) for name, share in missing.items() if share},
        "duplicates": {
            "within_train": int(seen.duplicated().sum()),
            "test_in_train": int(held_out.merge(seen.drop_duplicates(), how="inner").shape[0]),
        },
    }
