"""Pictures as arrays: the pixels stay on disk, and one picture is read at a time."""

import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from genloop.errors import GenloopError
from genloop.image.raw.source import Source, class_positions

MOST_CHANNELS = 16  # a longer last axis is taken for a width, with the channels before it
MOST_BYTES = 2**25  # of a picture: 5,792 x 5,792 gray, or 3,344 x 3,344 in color


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, [records, ...]."""

    path: Path
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]
    by_columns: bool = False  # Fortran's order, in which a record does not lie in one piece

    def read(self, index: int) -> np.ndarray:
        """Read one record."""
        if self.by_columns:
            return np.array(np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order="F")[index])
        count = int(np.prod(self.shape[1:]))
        offset = self.offset + index * count * self.dtype.itemsize
        return np.fromfile(self.path, self.dtype, count, offset=offset).reshape(self.shape[1:])

    def read_all(self) -> np.ndarray:
        """Read all records, which is meant for labels."""
        return np.fromfile(self.path, self.dtype, int(np.prod(self.shape)), offset=self.offset).reshape(self.shape)


@dataclass(frozen=True)
class Part:
    """The pictures of one split, or all of them."""

    name: str
    images: StoredArray
    labels: np.ndarray | None
    split: str | None


def check_images(images: StoredArray, path: Path) -> None:
    """Refuse what are no pictures as bytes with the channels last.

    Raises:
        GenloopError: names the file and the shape that it has.
    """
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) not in (3, 4) or 0 in shape[1:]:
        raise GenloopError(
            f"{path}: needs 'images' as bytes (uint8) of shape [records, height, width] or [..., channels], "
            f"has {images.dtype} {list(shape)}; convert it"
        )
    if len(shape) == 4 and shape[3] > MOST_CHANNELS:
        raise GenloopError(
            f"{path}: 'images' of shape {list(shape)} would have {shape[3]} channels; the channels come last: "
            "images.transpose(0, 2, 3, 1)"
        )
    if prod(shape[1:]) > MOST_BYTES:
        raise GenloopError(f"{path}: 'images' of shape {list(shape)} has pictures that are too large; scale them down")


def check_labels(labels: np.ndarray | None, images: StoredArray, path: Path) -> np.ndarray | None:
    """Return labels [records] if there are any.

    Raises:
        GenloopError: they are not one whole number or word for each picture, or words hold what is no letter.
    """
    if labels is None:
        return None
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iuU":
        raise GenloopError(
            f"{path}: 'labels' must be one whole number or word for each of the {images.shape[0]} pictures, "
            f"has {labels.dtype} {list(labels.shape)}; correct or remove them"
        )
    if labels.dtype.kind == "U" and labels.dtype.itemsize:
        letters = np.ascontiguousarray(labels).view(f"{labels.dtype.str[0]}u4")
        if len(letters) and letters.max() > sys.maxunicode:  # of which Python makes words that it cannot read
            raise GenloopError(f"{path}: 'labels' hold what is no letter of Unicode; write them anew")
    return labels


def as_source(kind: str, parts: Sequence[Part], place: object) -> Source:
    """Join parts to one source.

    Raises:
        GenloopError: some have labels and some have none, or they differ in their channels.
    """
    counts = [part.images.shape[0] for part in parts]
    starts = [0, *accumulate(counts)]
    channels = {part.name: part.images.shape[3] if len(part.images.shape) == 4 else 1 for part in parts}
    if len(set(channels.values())) > 1:
        raise GenloopError(f"{place}: channels differ: {channels}; give all parts the same")
    labels: list[Any] = [label for part in parts if part.labels is not None for label in part.labels.tolist()]
    if labels and len(labels) < starts[-1]:
        lacking = next(part.name for part in parts if part.labels is None)
        raise GenloopError(f"{place}: {lacking} has no labels and the other parts have; add them or remove all")
    positions, classes = class_positions(labels, str(place)) if labels else (None, ())
    splits = [part.split for part, count in zip(parts, counts, strict=True) for _ in range(count) if part.split]

    def read(index: int) -> np.ndarray:
        part = bisect_right(starts, index) - 1
        return parts[part].images.read(index - starts[part])

    names = [f"{part.name}[{index}]" for part, count in zip(parts, counts, strict=True) for index in range(count)]
    return Source(kind, names, read, positions, classes, tuple(splits) or None)
