"""Rules that hold in every real row, and in every generated one because of how a row is encoded.

``a >= b`` is kept by generating how far a lies above b, and ``a = b + c`` by computing a. So no row has to be thrown
away or mended.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from genloop.errors import GenloopError
from genloop.table.encoding.columns import TYPES, Column, instead, microseconds, moments

Numbers = Float[np.ndarray, " rows"]
FLIPPED = {"<=": ">=", "<": ">"}
TOLERANCE = 1e-9  # of a sum of binary numbers, relative to its largest term


@dataclass(frozen=True)
class Rule:
    """What a column owes to others: at least the largest of them, or their sum."""

    target: str
    others: tuple[str, ...]
    signs: tuple[int, ...] = ()  # of the terms of a sum; none: the others are what the target is at least
    strict: bool = False  # larger, not just at least as large
    low: float = 0.0  # smallest number of the target and of the others, and the target's largest, in training rows
    high: float = 0.0

    @staticmethod
    def of(state: dict[str, Any]) -> "Rule":
        """Return the rule that ``schema.json`` tells of."""
        return Rule(**(state | {"others": tuple(state["others"]), "signs": tuple(state["signs"])}))

    def state(self) -> dict[str, Any]:
        """Return what ``schema.json`` says of the rule."""
        return asdict(self)

    def floor(self, frame: pd.DataFrame, columns: dict[str, Column]) -> Numbers:
        """Return what the target is at least in each row; the smallest number of all where no other value is there."""
        places = self.decimals(columns)
        sides = np.stack([units(columns[name], frame[name], places) for name in self.others])
        largest = np.where(np.isnan(sides), -np.inf, sides).max(0)
        return np.where(np.isneginf(largest), self.low, largest)

    def decimals(self, columns: dict[str, Column]) -> int | None:
        """Return the most decimals of the numbers concerned; None where one has as many as there are."""
        found = [decimals_of(columns[name]) for name in (self.target, *self.others)]
        return None if None in found else max(places for places in found if places is not None)

    def differences(self, frame: pd.DataFrame, columns: dict[str, Column]) -> Numbers:
        """Return how far the target lies above its floor, in the smallest unit; not a number where it is missing."""
        target = units(columns[self.target], frame[self.target], self.decimals(columns))
        return target - self.floor(frame, columns)

    def raised(self, frame: pd.DataFrame, columns: dict[str, Column], differences: Numbers) -> pd.Series:
        """Return the target that lies so far above its floor, within the bounds of the training rows."""
        floor = self.floor(frame, columns)
        high = np.where(floor < self.high, self.high, np.inf)  # what is given in a row may lie beyond all training rows
        numbers = np.clip(floor + differences, self.low, high)
        return from_units(columns[self.target], numbers, self.decimals(columns))

    def total(self, frame: pd.DataFrame, columns: dict[str, Column]) -> pd.Series:
        """Return the sum of the terms, rounded as the target is; missing where a term is."""
        sides = [
            sign * units(columns[name], frame[name], None) for sign, name in zip(self.signs, self.others, strict=True)
        ]
        return from_units(columns[self.target], np.sum(sides, axis=0), None)

    def term(self, name: str, frame: pd.DataFrame, columns: dict[str, Column]) -> pd.Series:
        """Return the one term of a sum that is not there, from the sum and the other terms."""
        signs = dict(zip(self.others, self.signs, strict=True))
        rest = units(columns[self.target], frame[self.target], None)
        for other in self.others:
            if other != name:
                rest = rest - signs[other] * units(columns[other], frame[other], None)
        return from_units(columns[name], signs[name] * rest, None)


def decimals_of(column: Column) -> int | None:
    """Return the decimals of a column's numbers: none of an integer or a moment, which is counted in microseconds."""
    return column.decimals if column.kind == "float" else 0


def units(column: Column, values: pd.Series, decimals: int | None) -> Numbers:
    """Return numbers in the smallest unit of so many decimals, moments in microseconds, not a number where missing."""
    if column.kind == "datetime":
        return np.where(values.isna(), np.nan, microseconds(values))
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return numbers if decimals is None else np.round(numbers * 10.0**decimals)


def from_units(column: Column, numbers: Numbers, decimals: int | None) -> pd.Series:
    """Return typed values of numbers in the smallest unit, rounded up to what the column can hold."""
    if column.kind == "datetime":
        return moments(numbers)
    own = decimals_of(column)
    if decimals is not None and own is not None:
        numbers = np.ceil(numbers / 10.0 ** (decimals - own)) / 10.0**own
    elif own is not None:
        numbers = np.round(numbers, own)
    return pd.Series(numbers).astype("Float64").astype(TYPES[column.kind])


def read_rules(rules: Sequence[str], columns: Sequence[Column]) -> tuple[Rule, ...]:
    """Return the rules of ``params.yaml``, each after those that it needs.

    Raises:
        GenloopError: names the rule, with a column that is not there or cannot be ruled, or two rules that disagree.
    """
    known = {column.name: column for column in columns}
    found: dict[str, Rule] = {}
    for text in rules:
        left, sign, right = _parts(text)
        if sign in FLIPPED:
            left, sign, right = right, FLIPPED[sign], left
        names, signs = _terms(text, right, known)
        target = _known(text, left.strip(), known)
        if sign == "=":
            rule = Rule(target, names, signs)
        elif len(names) > 1:
            raise GenloopError(f"rules: '{text}': compares with a sum; compare with one column")
        else:
            rule = Rule(target, names, strict=sign == ">")
        _check_kinds(text, rule, known)
        found[target] = _joined(text, found.get(target), rule)
    return _in_order(found)


def _parts(text: str) -> tuple[str, str, str]:
    left, sign, right = re.split(r"\s(>=|<=|=|>|<)\s", text, maxsplit=1)
    return left, sign, right


def _terms(text: str, side: str, known: dict[str, Column]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names on one side and their signs; names may hold signs, so the longest is taken."""
    parts = re.split(r"(\s[+-]\s)", side.strip())
    names, signs, first, sign = [], [], 0, 1
    while first < len(parts):
        joined = {last: "".join(parts[first:last]) for last in range(len(parts), first, -2)}
        last = next((last for last, name in joined.items() if name in known), first + 1)
        names.append(_known(text, joined[last].strip(), known))
        signs.append(sign)
        sign = -1 if last < len(parts) and "-" in parts[last] else 1
        first = last + 1
    return tuple(names), tuple(signs)


def _known(text: str, name: str, known: dict[str, Column]) -> str:
    if name in known:
        return name
    raise GenloopError(f"rules: '{text}': there is no column '{name}'; {instead(name, known)}")


def _check_kinds(text: str, rule: Rule, known: dict[str, Column]) -> None:
    columns = [known[name] for name in (rule.target, *rule.others)]
    numbers = all(column.kind in ("integer", "float") for column in columns)
    dates = all(column.kind == "datetime" for column in columns) and not rule.signs
    if not numbers and not dates:
        kinds = ", ".join(f"'{column.name}' is a {column.kind}" for column in columns)
        raise GenloopError(f"rules: '{text}': {kinds}; rules hold between numbers, or compare dates")
    if dates and len({column.format for column in columns}) > 1:
        raise GenloopError(f"rules: '{text}': the dates are written in different forms; give them the same")
    if rule.target in rule.others:
        raise GenloopError(f"rules: '{text}': holds '{rule.target}' on both sides; remove it from one")


def _joined(text: str, earlier: Rule | None, rule: Rule) -> Rule:
    """Return one rule for a column that is at least as large as several others."""
    if earlier is None:
        return rule
    if rule.signs or earlier.signs or rule.strict != earlier.strict:
        raise GenloopError(f"rules: '{text}': another rule tells '{rule.target}' already; keep one of them")
    return Rule(rule.target, earlier.others + rule.others, strict=rule.strict)


def _in_order(rules: dict[str, Rule]) -> tuple[Rule, ...]:
    ordered: list[Rule] = []
    waiting = dict(rules)
    while waiting:
        ready = [name for name, rule in waiting.items() if not waiting.keys() & set(rule.others)]
        if not ready:
            raise GenloopError(
                f"rules: {', '.join(waiting)} depend on each other in a circle; remove one of their rules"
            )
        ordered += [waiting.pop(name) for name in ready]
    return tuple(ordered)


def check_rules(rules: Sequence[Rule], frame: pd.DataFrame, columns: dict[str, Column], place: object) -> None:
    """Refuse rules that a row breaks.

    Raises:
        GenloopError: names the first such row.
    """
    for rule in rules:
        target = units(columns[rule.target], frame[rule.target], None)
        if rule.signs:
            expected = units(columns[rule.target], rule.total(frame, columns), None)
            size = np.maximum(np.abs(expected), np.abs(target))
            held = (np.abs(target - expected) <= TOLERANCE * size) | (np.isnan(target) & np.isnan(expected))
        else:
            sides = np.stack([units(columns[name], frame[name], None) for name in rule.others])
            held = ~((sides >= target) if rule.strict else (sides > target)).any(0)
        if not held.all():
            row = int(np.flatnonzero(~held)[0])
            told = ", ".join(f"{name} = {frame[name].iloc[row]}" for name in (rule.target, *rule.others))
            raise GenloopError(
                f"{place}: row {row + 1} breaks the rule on '{rule.target}': {told}; mend the row or remove the rule"
            )


def with_bounds(rule: Rule, frame: pd.DataFrame, columns: dict[str, Column]) -> Rule:
    """Return a rule that knows the bounds of the training rows."""
    if rule.signs:
        return rule
    names = (rule.target, *rule.others)
    sides = [units(columns[name], frame[name], rule.decimals(columns)) for name in names]
    low = min(float(np.nanmin(side)) for side in sides)
    return Rule(rule.target, rule.others, strict=rule.strict, low=low, high=float(np.nanmax(sides[0])))
