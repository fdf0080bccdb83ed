"""What shape the prepared pictures get, where params.yaml leaves it to the data."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from genloop.choices import ImagePrepare
from genloop.errors import GenloopError
from genloop.image.raw.decode import BadPicture, in_order, is_gray, measure
from genloop.image.raw.source import Encoded, Source

SMALLEST, LARGEST = 8, 64  # sides in pixels where none are stated: more is trained in days without a GPU
Shape = tuple[int, int, int]  # channels, height, width
Result = TypeVar("Result")


def each(source: Source, indices: np.ndarray, label: str, work: Callable[[Encoded], Result]) -> Iterator[Result]:
    """Yield ``work`` of each picture in order, on all cores and with a progress bar on a terminal."""
    pictures = (source.open(index) for index in indices.tolist())
    yield from tqdm(in_order(work, pictures), label, len(indices), unit="picture", disable=None)


def survey(source: Source, indices: np.ndarray) -> np.ndarray:
    """Return channels, height and width of each picture from its header, [records, 3]; zeros where it has none."""
    return np.array(list(each(source, indices, "look at pictures", _measured)))


def choose_shape(
    source: Source, indices: np.ndarray, measured: np.ndarray, choices: ImagePrepare, place: object
) -> Shape:
    """Return the shape of the prepared pictures: what is stated, the rest by what was ``measured`` of the ``indices``.

    Raises:
        GenloopError: the channels of arrays cannot become the stated ones.
    """
    known = measured[:, 0] > 0
    if not known.any():
        return 1, SMALLEST, SMALLEST  # no picture has a header that can be read; decoding them will say why
    height, width = choose_size(measured[known, 1:], choices)
    return choose_channels(source, indices[known], measured[known, 0], choices, place), height, width


def choose_size(sides: np.ndarray, choices: ImagePrepare) -> tuple[int, int]:
    """Return height and width: stated, else the one shape of all pictures, else the median of the shorter sides.

    ``sides`` are heights and widths, [records, 2]; one shape that is too large or small is scaled.
    """
    if choices.size is not None:
        return choices.size if isinstance(choices.size, tuple) else (choices.size, choices.size)
    if (sides == sides[0]).all():
        scale = max(min(1.0, LARGEST / sides[0].max()), SMALLEST / sides[0].min())
        height, width = np.clip(np.round(sides[0] * scale), SMALLEST, LARGEST)
    else:
        height = width = np.clip(np.median(sides.min(1)), SMALLEST, LARGEST)
    return int(height), int(width)


def choose_channels(
    source: Source, indices: np.ndarray, channels: np.ndarray, choices: ImagePrepare, place: object
) -> int:
    """Return the channels: those stated, those of arrays, 1 where every picture is gray, else 3."""
    most = int(channels.max())
    if not set(channels.tolist()) <= {1, 3}:
        if choices.channels is not None or channels.min() < most:
            raise GenloopError(
                f"{place}: pictures of {most} channels stay as they are; give all as many, and no channels"
            )
        return most
    if choices.channels is not None:
        return choices.channels
    colored = indices[channels == 3]
    # Files with three channels may still hold gray pictures only; looking ends at the first that is colored.
    return 1 if all(each(source, colored, "look for color", _may_be_gray)) else 3


def _measured(encoded: Encoded) -> Shape:
    try:
        return measure(encoded)
    except BadPicture:
        return 0, 0, 0  # it is named when it is written


def _may_be_gray(encoded: Encoded) -> bool:
    """Say whether a picture is gray; arrays keep their channels, and what is broken says nothing."""
    try:
        return not isinstance(encoded, np.ndarray) and is_gray(encoded)
    except BadPicture:
        return True
