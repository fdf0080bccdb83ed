"""Records that can be opened one by one, whatever they were stored in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genloop.errors import GenloopError
from genloop.guards import fault_of

Encoded = Path | bytes | np.ndarray  # a picture's file, its content, or its pixels [height, width] or [..., channels]
LABEL_NAMES = {"label", "labels", "class", "target"}  # decide where several columns could be the label


@dataclass(frozen=True)
class Bad:
    """A record that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Source:
    """What a reader found; nothing is decoded yet, and ``open`` holds no picture but the one asked for.

    ``open`` is called in ascending order of the index, so that a reader may stream.
    """

    format: str
    names: Sequence[str]
    open: Callable[[int], Encoded]
    labels: np.ndarray | None = None  # positions in classes, [records]
    classes: tuple[str, ...] = ()
    splits: tuple[str, ...] | None = None  # of an official split: train, test or validation for each record
    bad: tuple[Bad, ...] = ()  # found before any picture was opened
    notes: tuple[str, ...] = ()  # what a reader decided, for the report


def class_positions(values: Sequence[Any], place: object) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels as positions [records] in the sorted classes, and these: numbers by size, words by letter.

    Raises:
        GenloopError: numbers and words are mixed, or a word holds what no name may.
    """
    for value in {value for value in values if isinstance(value, str)}:
        if fault := fault_of(value):
            raise GenloopError(f"{place}: the class '{value}' {fault}; rename it")
    if len({isinstance(value, str) for value in values}) > 1:
        raise GenloopError(f"{place}: labels are numbers here and words there; use one of them")
    if not len(values):
        return np.empty(0, np.int64), ()
    classes, positions = np.unique(np.asarray(values), return_inverse=True)
    return positions.astype(np.int64), tuple(str(value) for value in classes)
