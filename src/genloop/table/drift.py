"""What is known of a column, and tests of whether its new values are like it."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from genloop.deliveries.chances import beyond, distance, more, other, shares
from genloop.deliveries.findings import Trial
from genloop.randomness import keyed_generator
from genloop.table.encoding.columns import moments
from genloop.table.encoding.contents import Form
from genloop.table.encoding.rows import DAY
from genloop.table.plain import Pair

SHOWN = 5  # values that a line names


@dataclass
class Known:
    """The values of a column over all known rows."""

    form: Form
    rows: int = 0
    missing: int = 0
    low: float = np.inf
    high: float = -np.inf
    values: Counter[str] = field(default_factory=Counter)  # of words

    def add(self, values: pd.Series) -> None:
        """Count the values of further rows."""
        present = values.dropna()
        self.rows += len(values)
        self.missing += len(values) - len(present)
        if self.form in ("number", "date") and len(present):
            self.low, self.high = min(self.low, float(present.min())), max(self.high, float(present.max()))
        elif self.form not in ("number", "date"):
            self.values.update({str(value): int(count) for value, count in present.value_counts().items()})

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


def compare_column(pair: Pair, known: Known, sample: pd.Series, new: pd.Series) -> list[Trial]:
    """Return tests of new values against all known ones, of whose numbers ``sample`` are some."""
    trials = [_missing(pair.name, known, new)] if known.missing or new.isna().any() else []
    present = new.dropna()
    if not known.present or present.empty:
        return trials
    if known.form == "number":
        return trials + _numbers(pair.name, known, sample.dropna(), present)
    if known.form == "date":
        return trials + _dates(pair.name, sample.dropna(), present)
    return trials + _words(pair.name, known, present)


def _missing(name: str, known: Known, new: pd.Series) -> Trial:
    count = int(new.isna().sum())
    tested = other((known.missing, known.rows), (count, len(new)))
    told = f"missing in {count / len(new):.1%} of the new rows, was {known.missing / known.rows:.1%}"
    return Trial.of(name, told, "Fisher's exact test", f"{count} of {len(new)}", tested, "missing")


def _numbers(name: str, known: Known, sample: pd.Series, new: pd.Series) -> list[Trial]:
    old, numbers = sample.to_numpy(), new.to_numpy()
    trials = []
    if len(old):
        shift = distance(old, numbers)
        told = f"numbers have another distribution: median {np.median(numbers):.6g}, was {np.median(old):.6g}"
        trials.append(Trial.of(name, told, "Kolmogorov-Smirnov", f"D = {shift.statistic:.3f}", shift, "shift"))
    outside = numbers[(numbers < known.low) | (numbers > known.high)]
    ends = beyond(known.present, len(numbers), len(outside))
    farthest = outside[np.abs(outside - (known.low + known.high) / 2).argmax()] if len(outside) else np.nan
    told = f"{len(outside)} of {len(numbers)} lie beyond all known ones ({known.low:.6g} to {known.high:.6g})"
    told += f", as {farthest:.6g} does"
    return [*trials, Trial.of(name, told, "exact test of ranks", f"{len(outside)} beyond", ends, "strange")]


def _dates(name: str, sample: pd.Series, new: pd.Series) -> list[Trial]:
    """Test days, in which new data are later as a rule, and times of day, if there are any."""
    old, moved = sample.to_numpy(), new.to_numpy()
    if not len(old):
        return []
    ends = [str(moments(np.array([moment])).iloc[0]) for moment in (moved.min(), moved.max(), old.min(), old.max())]
    told = f"dates are {ends[0]} to {ends[1]}, were {ends[2]} to {ends[3]}"
    tested = distance(old // DAY, moved // DAY)
    trial = Trial.of(name, told, "Kolmogorov-Smirnov", f"D = {tested.statistic:.3f}", tested, "shift")
    trials = [replace(trial, moves=True)]
    times = old % DAY, moved % DAY
    if times[0].any() or times[1].any():
        tested = distance(*times)
        hours = [f"{np.median(side) / DAY * 24:.1f} h" for side in times]
        told = f"times of day have another distribution: median {hours[1]}, was {hours[0]}"
        trials.append(Trial.of(name, told, "Kolmogorov-Smirnov", f"D = {tested.statistic:.3f}", tested, "shift"))
    return trials


def _words(name: str, known: Known, new: pd.Series) -> list[Trial]:
    counted = Counter({str(value): int(count) for value, count in new.value_counts().items()})
    values = sorted(known.values.keys() | counted.keys())
    old, moved = (np.array([side[value] for value in values]) for side in (known.values, counted))
    found = shares(old, moved, keyed_generator(0, "delivery", name))
    parts = old / old.sum(), moved / moved.sum()
    most = int(np.abs(parts[1] - parts[0]).argmax())
    told = f"values have other shares: {_named(values[most])} is {parts[1][most]:.1%}, was {parts[0][most]:.1%}"
    trials = [Trial.of(name, told, "likelihood-ratio chi-squared", f"G = {found.statistic:.4g}", found, "shift")]
    unseen = {value: count for value, count in counted.most_common() if value not in known.values}
    if unseen:
        once = sum(count == 1 for count in known.values.values())  # would be unseen themselves, each without itself
        count = sum(unseen.values())
        tested = more((once, known.present), (count, len(new)))
        named = ", ".join(f"{_named(value)} ({count})" for value, count in list(unseen.items())[:SHOWN])
        told = f"{len(unseen)} new value{'' if len(unseen) == 1 else 's'} in {count} of {len(new)} rows: {named}"
        told += " and more" if len(unseen) > SHOWN else ""
        trials.append(Trial.of(name, told, "Fisher's exact test", f"{count} of {len(new)}", tested, "strange"))
    return trials


def _named(value: str) -> str:
    return repr(value if len(value) <= 40 else f"{value[:37]}...")
