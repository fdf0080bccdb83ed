"""Prepared pictures: opened without reading them all, gathered in batches, written and drawn."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from genloop.plugins import Schema

Pictures = Float[Tensor, "batch channels height width"]
Bytes = UInt8[np.ndarray, "batch channels height width"]
GRID = 8  # pictures per row and column of a drawn grid
GRID_PIXELS = 512  # a grid is enlarged by whole factors to about this many pixels a side


@dataclass(frozen=True)
class PictureSchema:
    """What the networks must know of a picture data set."""

    channels: int
    height: int
    width: int
    classes: tuple[str, ...] = ()

    @property
    def dimensions(self) -> int:
        """Numbers in one picture."""
        return self.channels * self.height * self.width


def read_schema(folder: Path) -> PictureSchema:
    """Read ``schema.json`` of a prepared data set or of trained weights."""
    known = json.loads((folder / "schema.json").read_text())
    return PictureSchema(known["channels"], known["height"], known["width"], tuple(known["classes"]))


@dataclass(frozen=True)
class PictureRecords:
    """The pictures of one split, memory-mapped bytes of shape [records, channels, height, width]."""

    pictures: np.ndarray

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.pictures)

    def gather(self, indices: Any) -> Pictures:
        """Return the pictures at ``indices`` in [-1, 1]."""
        return to_unit(self.pictures[indices])


def open_records(folder: Path, split: str) -> PictureRecords:
    """Open the ``train`` or ``test`` pictures of a prepared data set."""
    return PictureRecords(np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False))


def open_labels(folder: Path, split: str) -> np.ndarray | None:
    """Return the class of each picture of a split, or None where the data set has no classes."""
    path = folder / f"{split}_labels.npy"
    return np.load(path, allow_pickle=False) if path.exists() else None


def to_unit(pictures: Bytes) -> Pictures:
    """Bytes to [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float().div_(127.5).sub_(1)


def to_bytes(pictures: Pictures) -> Bytes:
    """[-1, 1] to bytes, rounded to the nearest: the inverse of :func:`to_unit`."""
    return pictures.detach().add(1).mul(127.5).round().clamp(0, 255).byte().cpu().numpy()


def write_samples(folder: Path, records: Pictures, schema: Schema) -> None:
    """Write ``samples.npz`` with ``images`` as bytes, [records, height, width] or [records, height, width, channels].

    The form is one that ``prepare`` reads, so generated pictures can serve as raw data.
    """
    images = to_bytes(records).transpose(0, 2, 3, 1)
    np.savez_compressed(folder / "samples.npz", images=images[..., 0] if images.shape[-1] == 1 else images)


def read_samples(folder: Path) -> Bytes:
    """Read ``samples.npz`` back: [records, channels, height, width]."""
    with np.load(folder / "samples.npz", allow_pickle=False) as archive:
        images = archive["images"]
    return (images[..., None] if images.ndim == 3 else images).transpose(0, 3, 1, 2)


def draw(records: Pictures) -> Image.Image:
    """Return up to 64 pictures as one grid with white lines between them, enlarged by a whole factor."""
    pictures = to_bytes(records[: GRID * GRID])
    count, channels, height, width = pictures.shape
    rows = -(-count // GRID)
    factor = max(1, GRID_PIXELS // (GRID * max(height, width)))
    cell = np.full((rows * GRID, channels, height * factor + 2, width * factor + 2), 255, np.uint8)
    cell[:count, :, 1:-1, 1:-1] = pictures.repeat(factor, axis=2).repeat(factor, axis=3)
    grid = cell.reshape(rows, GRID, *cell.shape[1:]).transpose(0, 3, 1, 4, 2)
    sheet = grid.reshape(rows * cell.shape[2], GRID * cell.shape[3], channels)
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
