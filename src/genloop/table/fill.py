"""Fills the gaps of a table with values that a trained run draws given what is there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import torch

from genloop.errors import GenloopError
from genloop.identity import hash_tensors
from genloop.marking import Mark, mark_parquet
from genloop.outputs import replace_file
from genloop.randomness import keyed_seed
from genloop.sampling import Source, decode
from genloop.table.data import block, told
from genloop.table.encoding.columns import Column, parse, parses, write
from genloop.table.encoding.rows import Encoding
from genloop.table.encoding.rules import check_rules
from genloop.table.encoding.write import to_arrow
from genloop.table.networks.layout import Layout
from genloop.table.raw.infer import HUGE, check_moments, plain, where
from genloop.table.raw.read import Table, read_table
from genloop.table.raw.stated import as_text

ATTEMPTS = 50  # to draw a value rather than that it is missing
LEAST = 256  # rows drawn at a time: a latent that suits a row is looked for among as many


def fill(weights: Path, table: Path, out: Path, seed: int) -> int:
    """Write ``table`` to ``out`` with every gap filled in, what is there unchanged; return the number of gaps.

    Raises:
        GenloopError: the run is not of a table, the columns are others, a value is one that the run has never seen, or
            no value is found for a gap.
    """
    source = Source(weights)
    if source.run.modality != "table" or not source.run.conditional:
        raise GenloopError(f"{weights}: is not of a table that can be asked for anything; name another run")
    encoding: Encoding = source.schema.encoding
    raw = read_table(table)
    typed = _typed(raw.frame, encoding, table)
    gaps = typed.isna()
    typed = _solved(typed, encoding)
    _check_solvable(typed, encoding, table)
    size = block(source.schema)
    blocks = (_filled(source, typed[start : start + size], seed, start, table) for start in range(0, len(typed), size))
    filled = pd.concat(blocks, ignore_index=True)
    check_rules(encoding.rules, filled, encoding.by_name, table)
    columns = [column for column in encoding.columns if column.kind != "key"]
    count = int(gaps[[column.name for column in columns]].to_numpy().sum())
    with replace_file(out) as unfinished:
        _write(raw, filled, gaps, columns, unfinished)
        if out.suffix == ".parquet":
            asked = {"filled": count}
            choices = source.run.model_dump(mode="json")
            mark_parquet(unfinished, Mark(weights.name, hash_tensors(source.tensors), seed, len(typed), asked, choices))
    return count


def _write(raw: Table, filled: pd.DataFrame, gaps: pd.DataFrame, columns: list[Column], out: Path) -> None:
    """Write the table with its gaps filled in the form that ``out`` is named for."""
    if out.suffix == ".parquet":
        pyarrow.parquet.write_table(_as_parquet(raw, filled, gaps, columns), out)
        return
    texts = raw.frame.astype("string")
    for column in columns:
        written = write(column, filled[column.name])
        texts[column.name] = texts[column.name].where(~gaps[column.name], written)
    texts.to_csv(out, index=False, lineterminator="\n")


def _as_parquet(raw: Table, filled: pd.DataFrame, gaps: pd.DataFrame, columns: list[Column]) -> pa.Table:
    """Return the table with its gaps filled in the types that it came with; of text, in those of the run's columns."""
    arrays = {name: pa.array(raw.frame[name], from_pandas=True) for name in map(str, raw.frame)}
    for column in columns:
        array = to_arrow(replace(column, stored=raw.types.get(column.name)), filled[column.name])
        if raw.types and not pa.types.is_dictionary(array.type):  # what is there stays as it is, to the last digit
            array = pc.if_else(pa.array(gaps[column.name]), array, arrays[column.name].cast(array.type))
        arrays[column.name] = array
    return pa.table(arrays)


def _typed(frame: pd.DataFrame, encoding: Encoding, table: Path) -> pd.DataFrame:
    """Return the values of the columns that the run knows, ``<NA>`` in gaps."""
    if not len(frame):
        raise GenloopError(f"{table}: holds no rows; there is nothing to fill")
    found = {}
    for column in encoding.columns:
        if column.name not in frame:
            raise GenloopError(f"{table}: has no column '{column.name}'; add it, empty where nothing is known")
        values = frame[column.name]
        check_moments(column.name, values, table)
        if column.kind in ("integer", "float", "datetime") and not pd.api.types.is_string_dtype(values):
            found[column.name] = _converted(column, values, table)
        else:
            found[column.name] = _parsed(column, as_text(values, column.values)[0], table)
    return pd.DataFrame(found)


def _converted(column: Column, values: pd.Series, table: Path) -> pd.Series:
    """Return numbers or moments of Parquet in the type of their column."""
    try:
        return _finite(column, plain(values).astype(column.dtype), table)
    except (ValueError, TypeError):
        raise GenloopError(f"{table}: column '{column.name}' is no {column.kind}, as it was for the run") from None


def _finite(column: Column, values: pd.Series, table: Path) -> pd.Series:
    if column.kind == "float":
        huge = np.abs(values.to_numpy(dtype=float, na_value=0.0)) > HUGE
        if huge.any():
            told = f"row {int(huge.argmax()) + 1}, column '{column.name}' is infinite or beyond {HUGE:.0e}"
            raise GenloopError(f"{table}: {told}; empty it")
    return values


def _parsed(column: Column, values: pd.Series, table: Path) -> pd.Series:
    if column.kind in ("category", "boolean", "constant"):
        strange = values[values.notna() & ~values.isin(column.values)]
        if len(strange):
            raise GenloopError(
                f"{table}: {where(values, strange.iloc[0], column.name)} does not occur in the training rows; empty it"
            )
    try:
        return _finite(column, parse(column, values), table)
    except (ValueError, TypeError):
        bad = next(
            value for value in values.dropna().unique() if not parses(column, pd.Series([value], dtype="string"))
        )
        raise GenloopError(
            f"{table}: {where(values, bad, column.name)} is no {column.kind}; mend or empty it"
        ) from None


def _solved(typed: pd.DataFrame, encoding: Encoding) -> pd.DataFrame:
    """Return rows in which the only missing term of a sum that is there has been computed, last rules first."""
    solved = typed.copy()
    for rule in reversed([rule for rule in encoding.rules if rule.signs]):
        for name in rule.others:
            rest = [other for other in (rule.target, *rule.others) if other != name]
            rows = solved[name].isna() & solved[rest].notna().all(axis=1)
            if rows.any():
                solved.loc[rows, name] = rule.term(name, solved[rows], encoding.by_name).to_numpy()
    return solved


def _check_solvable(typed: pd.DataFrame, encoding: Encoding, table: Path) -> None:
    """Refuse a row whose ruled column is there while one that it follows from is not."""
    for rule in encoding.rules:
        for other in rule.others:
            bad = np.flatnonzero(typed[rule.target].notna() & typed[other].isna())
            if len(bad):
                raise GenloopError(
                    f"{table}: row {bad[0] + 1} has '{rule.target}', which follows from '{other}' by a rule, but not "
                    f"'{other}'; empty the one or give the other"
                )


def _filled(source: Source, typed: pd.DataFrame, seed: int, start: int, table: Path) -> pd.DataFrame:
    """Return rows without gaps, drawn until no gap is filled with a missing value."""
    encoding: Encoding = source.schema.encoding
    layout = Layout(source.schema.sizes)
    typed = typed.reset_index(drop=True)
    codes, places = encoding.encode(typed)
    known = np.stack([typed[span.column].notna().to_numpy() for span in encoding.spans], 1)
    result, waiting = typed.copy(), np.arange(len(typed))
    for attempt in range(ATTEMPTS):
        if not len(waiting):
            return result
        torch.manual_seed(keyed_seed(seed, "fill", start, attempt))
        rows = np.resize(waiting, max(LEAST, len(waiting)))  # the same rows again where they are few
        asked = told(layout, *(torch.from_numpy(part[rows]) for part in (codes, places, known)))
        records = decode(source.network, source.sampler, asked)[: len(waiting)]
        drawn = layout.codes(records).numpy()
        within = np.where(known[waiting], places[waiting], torch.rand(drawn.shape).double().numpy())
        given = typed.loc[waiting].reset_index(drop=True)
        frame = encoding.decode(drawn, within, given=given).set_axis(waiting, axis=0)
        done = waiting[frame.notna().all(axis=1).to_numpy()]
        result.loc[done] = frame.loc[done]
        waiting = np.setdiff1d(waiting, done)
    if len(waiting):
        raise GenloopError(f"{table}: row {start + waiting[0] + 1}: no value is found for a gap; fill it in by hand")
    return result
