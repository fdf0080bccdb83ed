"""Prepared pictures: opened without reading them all, gathered in batches, written and drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from genloop.categories import draw_counted, one_hot
from genloop.config import ImageSample
from genloop.errors import GenloopError
from genloop.image.encoding.features import random_features
from genloop.image.encoding.pixels import Bytes, Pictures, to_bytes, to_unit
from genloop.image.encoding.sheets import draw_groups
from genloop.plugins import Schema
from genloop.reading import damaged, map_array, read_array, read_arrays, read_json

Conditions = Float[Tensor, "batch conditions"]
BLOCK = 256  # pictures drawn at a time
SHOWN = 64  # pictures in a grid of a run without conditions
GRID = 8  # pictures per row of a drawn grid, and rows of one without classes
ROWS = 16  # of a grid with a row per class, at most
OUTLINE = 14  # pixels a side by which pictures are told apart
GRID_PIXELS = 512  # a grid is enlarged by whole factors to about this many pixels a side


@dataclass(frozen=True)
class PictureSchema:
    """What the networks must know of a picture data set."""

    channels: int
    height: int
    width: int
    classes: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()  # training pictures of each class
    group_counts: tuple[int, ...] = ()  # training pictures of each group that was found where no classes are asked for

    @property
    def conditions(self) -> int:
        """Numbers in a condition: one per class."""
        return len(self.classes)

    @property
    def heaviest(self) -> str:
        """What in the data takes most memory, in words."""
        return f"pictures have {self.height}x{self.width} pixels: lower size"

    @property
    def dimensions(self) -> int:
        """Numbers in one picture."""
        return self.channels * self.height * self.width


def read_schema(folder: Path) -> PictureSchema:
    """Read ``schema.json`` of a prepared data set or of trained weights."""
    known = read_json(folder / "schema.json")
    classes, counts = tuple(known["classes"]), tuple(known["class_counts"])
    groups = tuple(known.get("group_counts", ()))
    return PictureSchema(known["channels"], known["height"], known["width"], classes, counts, groups)


@dataclass(frozen=True)
class PictureRecords:
    """The pictures of one split as bytes of shape [records, channels, height, width], with their classes if known."""

    pictures: np.ndarray | Tensor  # mapped from the disk, or on a device
    labels: np.ndarray | None = None
    classes: int = 0
    chosen: np.ndarray | None = None  # pictures that there are, by their places in the split; None: all

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.pictures) if self.chosen is None else len(self.chosen)

    @property
    def nbytes(self) -> int:
        """Bytes that all pictures take on a device."""
        return int(self.pictures.nbytes) * len(self) // max(len(self.pictures), 1)

    @property
    def as_bytes(self) -> Bytes:
        """The pictures as they lie on the disk or in memory."""
        return np.asarray(self.pictures if self.chosen is None else self.pictures[self.chosen])

    def on(self, device: torch.device) -> "PictureRecords":
        """Return the same pictures held by a device, from where batches are gathered."""
        if isinstance(self.pictures, Tensor):
            return replace(self, pictures=self.pictures.to(device))
        held = self.pictures if self.chosen is None else self.pictures[self.chosen]
        labels = self.labels if self.labels is None or self.chosen is None else self.labels[self.chosen]
        return PictureRecords(torch.from_numpy(np.array(held)).to(device), labels, self.classes)

    def part(self, chosen: np.ndarray) -> "PictureRecords":
        """Return some of the pictures; none is read for it."""
        return replace(self, chosen=self._places(chosen))

    def gather(self, indices: Any) -> Pictures:
        """Return the pictures at ``indices`` in [-1, 1]."""
        places = self._places(indices)
        if isinstance(self.pictures, Tensor):
            return to_unit(self.pictures[torch.as_tensor(places).to(self.pictures.device)])
        return to_unit(self.pictures[places])

    def conditions(self, indices: Any) -> Conditions:
        """Return the classes of the pictures at ``indices``, one-hot."""
        assert self.labels is not None
        return one_hot(torch.from_numpy(self.labels[self._places(indices)]), self.classes)

    def ask(self, indices: Any, run: Any, generator: np.random.Generator) -> tuple[Any, Conditions]:
        """Return the pictures that a GAN looks at, these, and what it is asked for: their classes."""
        return indices, self.conditions(indices)

    def _places(self, indices: Any) -> Any:
        return indices if self.chosen is None else self.chosen[indices]


def open_records(folder: Path, split: str) -> PictureRecords:
    """Open the ``train`` or ``test`` pictures of a prepared data set."""
    pictures = map_array(folder / f"{split}.npy")
    return PictureRecords(pictures, open_labels(folder, split), len(read_schema(folder).classes))


def open_labels(folder: Path, split: str) -> np.ndarray | None:
    """Return the class of each picture of a split, or None where the data set has no classes."""
    path = folder / f"{split}_labels.npy"
    return read_array(path) if path.exists() else None


def block(schema: Schema) -> int:
    """Return how many pictures are drawn at a time."""
    return BLOCK


def shown(schema: Schema) -> int:
    """Return how many pictures are in a grid of a run without conditions."""
    return SHOWN


def draw_conditions(schema: Schema, count: int, asked: ImageSample | None) -> Conditions:
    """Draw conditions from the global generator as often as in training, or all of the class that is asked for.

    Raises:
        GenloopError: there is no such class.
    """
    assert isinstance(schema, PictureSchema)
    label = asked.label if asked else None
    if label is None:
        chosen = draw_counted(schema.class_counts, count)
    elif label in schema.classes:
        chosen = torch.full((count,), schema.classes.index(label))
    else:
        raise GenloopError(f"sample.label: there is no class '{label}'; the classes are {', '.join(schema.classes)}")
    return one_hot(chosen, schema.conditions)


def shown_conditions(schema: Schema, asked: object) -> Conditions:
    """Return the conditions of a drawn grid: a row for each of the first classes."""
    assert isinstance(schema, PictureSchema)
    return one_hot(torch.arange(min(len(schema.classes), ROWS)).repeat_interleave(GRID), schema.conditions)


def outline(records: Pictures, schema: Schema) -> Float[Tensor, "batch numbers"]:
    """Return pictures shrunk to 14 pixels a side, or as they are where they are smaller."""
    height, width = (min(OUTLINE, side) for side in records.shape[2:])
    return functional.adaptive_avg_pool2d(records, (height, width)).flatten(1)


def embed(records: Pictures, schema: Schema) -> Float[Tensor, "batch features"]:
    """Return features of pictures without knowledge, from a network with fixed random weights."""
    return random_features(records)


def sample_count(schema: Schema, asked: ImageSample) -> int:
    """Return how many pictures ``sample`` draws."""
    return asked.count


def write_samples(folder: Path, blocks: Iterable[tuple[Pictures, Conditions]], schema: Schema) -> None:
    """Write ``samples.npz``: ``images`` as bytes, [records, height, width] or [..., channels], and known ``labels``.

    The form is one that ``prepare`` reads, so generated pictures can serve as raw data.
    """
    assert isinstance(schema, PictureSchema)
    pictures, labels = [], []
    for records, conditions in blocks:
        pictures.append(to_bytes(records).transpose(0, 2, 3, 1))
        if conditions.shape[1]:
            labels.append(np.array(schema.classes)[conditions.argmax(1).numpy()])
    images = np.concatenate(pictures)
    arrays: dict[str, Any] = {"images": images[..., 0] if images.shape[-1] == 1 else images}
    if labels:
        arrays["labels"] = np.concatenate(labels)
    np.savez_compressed(folder / "samples.npz", **arrays)


def read_samples(folder: Path, schema: PictureSchema) -> PictureRecords:
    """Read ``samples.npz`` back, with the class of each picture where the run was asked for classes.

    Raises:
        GenloopError: it is missing or damaged, or names a class that the data set has not.
    """
    path = folder / "samples.npz"
    arrays = read_arrays(path)
    try:
        return _as_records(arrays["images"], arrays.get("labels"), schema)
    except (LookupError, SystemError, TypeError, ValueError) as error:
        raise damaged(path, error) from None


def _as_records(images: np.ndarray, names: np.ndarray | None, schema: PictureSchema) -> PictureRecords:
    pictures = (images[..., None] if images.ndim == 3 else images).transpose(0, 3, 1, 2)
    places = {name: place for place, name in enumerate(schema.classes)}
    labels = None if names is None else np.array([places[name] for name in names])
    return PictureRecords(pictures, labels, len(schema.classes))


def draw(records: Pictures, schema: Schema) -> Image.Image:
    """Return up to 128 pictures as one grid with white lines between them, enlarged by a whole factor.

    Pictures with neither one nor three channels are shown by the mean of their channels.
    """
    pictures = to_bytes(records[: GRID * ROWS])
    if pictures.shape[1] not in (1, 3):
        pictures = pictures.mean(1, keepdims=True).round().astype(np.uint8)
    count, channels, height, width = pictures.shape
    rows = -(-count // GRID)
    factor = max(1, GRID_PIXELS // (GRID * max(height, width)))
    cell = np.full((rows * GRID, channels, height * factor + 2, width * factor + 2), 255, np.uint8)
    cell[:count, :, 1:-1, 1:-1] = pictures.repeat(factor, axis=2).repeat(factor, axis=3)
    grid = cell.reshape(rows, GRID, *cell.shape[1:]).transpose(0, 3, 1, 4, 2)
    sheet = grid.reshape(rows * cell.shape[2], GRID * cell.shape[3], channels)
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def draw_sheet(records: Pictures, together: int, schema: Schema, titles: Sequence[str] = ()) -> Image.Image:
    """Return the pictures in groups that belong together."""
    return draw_groups(to_bytes(records), together, titles)
