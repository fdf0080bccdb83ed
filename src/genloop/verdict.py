"""What was made again beside what was recorded: equal, or within what other arithmetic explains."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from genloop.evaluation import TOLERANCE

SHOWN = 5  # figures that are named


@dataclass(frozen=True)
class Made:
    """What a run came to."""

    weights: str  # hash of the tensors
    files: str | None  # DVC's hash of the folder of weights
    samples: str | None
    scores: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True)
class Verdict:
    """Whether a run was reproduced, and lines that say so."""

    good: bool
    lines: tuple[str, ...]
    differing: tuple[str, ...]


def judge(recorded: Made, again: Made) -> Verdict:
    """Compare two makings of the same run."""
    weights, samples = recorded.weights == again.weights, recorded.samples == again.samples
    files = recorded.files == again.files
    unlike = _unlike(recorded.scores, again.scores)
    told = "all files the same bytes" if files else "the same tensors, but other files beside them differ"
    lines = [
        f"weights  equal ({again.weights[:7]}), {told}"
        if weights
        else f"weights  differ: {recorded.weights[:7]} recorded, {again.weights[:7]} now",
        "samples  equal" if samples else "samples  differ",
        "metrics  equal" if not unlike else f"metrics  differ: {_listed(unlike)}",
    ]
    equal = {"weights": weights and files, "samples": samples, "metrics": not unlike}
    differing = tuple(name for name, same in equal.items() if not same)
    before, now = _arithmetic(recorded.scores), _arithmetic(again.scores)
    lines += [f"{name:<9}{old} recorded, {new} now" for name, old, new in _changed(recorded.versions, again.versions)]
    if not differing or before == now:
        return Verdict(not differing, tuple(lines), differing)
    lines.append(f"computed otherwise: {before} recorded, {now} now, where bytes differ")
    outside = _outside(recorded.scores, again.scores)
    lines.append(
        f"judged by the stated tolerance ({TOLERANCE}) and by the recorded 95 % intervals: "
        + (f"outside: {_listed(outside)}" if outside else "every score is within its interval")
    )
    return Verdict(not outside, tuple(lines), tuple(outside))


def _arithmetic(scores: dict[str, Any]) -> str:
    """Return what a training computed with, in words."""
    stated = scores.get("protocol", {}).get("arithmetic", {})
    return "; ".join(f"{when}: {how}" for when, how in stated.items() if when != "elsewhere")


def _changed(recorded: dict[str, str], now: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in recorded.keys() | now.keys():
        old, new = recorded.get(name, "none"), now.get(name, "none")
        if old != new:
            yield name, old, new


def _unlike(recorded: dict[str, Any], again: dict[str, Any]) -> list[str]:
    return sorted(key for key in recorded.keys() | again.keys() if recorded.get(key) != again.get(key))


def _outside(recorded: dict[str, Any], again: dict[str, Any]) -> list[str]:
    """Return the scores that are not within the intervals that were recorded, or that are gone."""
    intervals = recorded.get("intervals", {})
    return sorted(name for name, (low, high) in intervals.items() if not low <= again.get(name, float("nan")) <= high)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
