"""How a delivery changed what columns there are and what they hold."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from genloop.deliveries.findings import Finding
from genloop.table.encoding.columns import Column
from genloop.table.encoding.contents import FORMS
from genloop.table.plain import Pair

SHOWN = 3  # values that a line names
NONE: Mapping[str, str] = {}


def changes(before: dict[str, Column], now: dict[str, Column], examples: Mapping[str, str] = NONE) -> list[Finding]:
    """Return columns that are gone, new, or of another kind, with values that may have made them so.

    Broken is what no network that knows the former columns can take, and what the same source would hardly deliver.
    Numbers remain comparable numbers, and a constant that varies is tested as words are.
    """
    gone = [Finding(name, f"is no longer there, was {c.kind}", True) for name, c in before.items() if name not in now]
    new = [Finding(name, f"is a new column, {c.kind}", True) for name, c in now.items() if name not in before]
    both = [(column, now[name]) for name, column in before.items() if name in now]
    return gone + new + [_changed(was, of, examples.get(of.name, "")) for was, of in both if was.kind != of.kind]


def _changed(before: Column, now: Column, examples: str) -> Finding:
    if now.kind == "constant":
        return Finding(now.name, f"was {before.kind}, is now {now.values[0]!r} in every row", True)
    if before.kind == "constant":
        return Finding(now.name, f"was {before.values[0]!r} in every row, is now {now.kind}", now.kind == "key")
    told = f"was {before.kind}, is now {now.kind}"
    if FORMS[before.kind] is not None and FORMS[before.kind] == FORMS[now.kind]:
        return Finding(now.name, told, False)
    return Finding(now.name, told + (f", as new rows have {examples}" if examples else ""), True)


def examples(pairs: Sequence[Pair], known: pd.DataFrame, new: pd.DataFrame) -> dict[str, str]:
    """Return for each column of another kind the most frequent new values that none of the former kind can be."""
    found = {}
    for pair in pairs:
        if pair.form == "mixed":
            values = new[pair.name].dropna()
            if pair.before.kind in ("integer", "float"):
                strange = values[~values.map(_is_number).astype(bool)]
            else:
                strange = values[~values.isin(known[pair.name])]
            counts = strange.value_counts()
            named = [f"{value!r} ({counts[value]})" for value in counts.index[:SHOWN]]
            found[pair.name] = ", ".join(named)
    return found


def _is_number(text: str) -> bool:
    return bool(np.isfinite(pd.to_numeric(text, errors="coerce")))
