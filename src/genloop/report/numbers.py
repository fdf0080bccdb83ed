"""Numbers and choices as text for people."""

import math
from collections.abc import Mapping
from typing import Any

MINUS = "\N{MINUS SIGN}"
DIGITS = 3  # of a score without an interval
TINY = 1e-6  # below which a number is shown by its power of ten


def decimals(value: float, interval: tuple[float, float] | None = None) -> int:
    """Return the decimals worth showing: two digits of an interval's width, else three digits of the value."""
    size, digits = (interval[1] - interval[0], 2) if interval and interval[1] > interval[0] else (abs(value), DIGITS)
    if not size or not math.isfinite(size):
        return DIGITS
    return min(max(digits - 1 - math.floor(math.log10(size)), 0), 8)


def shown(value: Any, places: int | None = None) -> str:
    """Return a number with so many decimals, or as many as are worth showing; whole numbers whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if not math.isfinite(value):
        return str(value)
    if places is None and 0 < abs(value) < TINY:
        return f"{value:.1e}"
    if isinstance(value, int) or (places is None and value == int(value) and abs(value) < 1e15):
        text = f"{int(value):,}"
    else:
        text = f"{value:,.{decimals(value) if places is None else places}f}"
    negative = text.startswith("-") and any(digit in text for digit in "123456789")
    return (MINUS if negative else "") + text.lstrip("-")


def flat(choices: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested choices with dots in their keys, and values as ``params.yaml`` would have them."""
    found: dict[str, str] = {}
    for key, value in choices.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = _written(value)
    return found


def _written(value: Any) -> str:
    if value is None or value in ({}, [], ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_written(each) for each in value)
    return str(value)
