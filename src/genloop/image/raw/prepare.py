"""From what people have to arrays: finds pictures, reads them, brings them to one size, splits and writes them.

A raw folder holds class folders of pictures, pictures alone, or one NPZ file with ``images`` and, if known, ``labels``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from genloop.config import Prepare
from genloop.errors import GenloopError
from genloop.image.raw.split import stratified_split
from genloop.outputs import check_disk, replace_folder, write_json

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
SMALLEST, LARGEST = 8, 64  # sides in pixels that the networks serve
NAMED = 5  # unreadable pictures that a message names


@dataclass(frozen=True)
class Source:
    """Pictures that can be opened one by one."""

    kind: str
    names: tuple[str, ...]
    pictures: tuple[Path, ...] | np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]

    def open(self, index: int) -> Image.Image:
        """Open one picture, upright and in gray or RGB."""
        if isinstance(self.pictures, np.ndarray):
            return Image.fromarray(self.pictures[index])
        with Image.open(self.pictures[index]) as picture:
            upright = ImageOps.exif_transpose(picture)
            return upright.convert("L" if upright.mode in ("1", "L", "LA") else "RGB")


def prepare(raw: Path, choices: Prepare, out: Path) -> None:
    """Write the pictures of ``raw`` as bytes [records, channels, height, width], with labels, schema and report.

    Raises:
        GenloopError: no pictures, unreadable ones, or too few for a split; ``out`` stays as it was.
    """
    source = find_source(raw)
    channels, sides = survey(source)
    size = choices.size or natural_size(sides)
    train, test = stratified_split(source.labels, len(source.names), choices.holdout, choices.seed)
    if not len(test) or len(train) < 2:
        raise GenloopError(
            f"{raw}: {len(source.names)} pictures are too few to hold out {choices.holdout:.0%}; add some"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    check_disk(out.parent, len(source.names) * channels * size * size)
    with replace_folder(out) as folder:
        for split, indices in (("train", train), ("test", test)):
            write_split(source, indices, (channels, size, size), folder / f"{split}.npy")
            if source.labels is not None:
                np.save(folder / f"{split}_labels.npy", source.labels[indices])
        counts = (
            np.bincount(source.labels[train], minlength=len(source.classes)).tolist()
            if source.labels is not None
            else []
        )
        schema = {"modality": "image", "channels": channels, "height": size, "width": size, "classes": source.classes}
        schema["class_counts"] = counts
        write_json(folder / "schema.json", schema)
        report = {"format": source.kind, "found": len(source.names), "train": len(train), "test": len(test)}
        write_json(
            folder / "report.json", report | {"sides": [list(map(int, side)) for side in (sides.min(0), sides.max(0))]}
        )


def find_source(raw: Path) -> Source:
    """Recognize what a raw folder holds.

    Raises:
        GenloopError: it is missing, or holds nothing that can be read.
    """
    if not raw.is_dir():
        raise GenloopError(f"{raw}: no such folder; put your pictures there")
    archives = sorted(raw.glob("*.npz"))
    pictures = sorted(path for path in raw.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if archives and not pictures and len(archives) == 1:
        return _open_archive(archives[0])
    if archives:
        raise GenloopError(
            f"{raw}: holds {archives[0].name} beside other pictures; keep one NPZ file or pictures, not both"
        )
    if not pictures:
        raise GenloopError(
            f"{raw}: holds no pictures; put class folders of {', '.join(sorted(SUFFIXES))} or one .npz there"
        )
    names = tuple(path.relative_to(raw).as_posix() for path in pictures)
    flat = [name for name in names if "/" not in name]
    if flat and len(flat) < len(names):
        raise GenloopError(
            f"{raw}: {flat[0]} lies beside class folders; put every picture into a class folder, or none"
        )
    classes = tuple(sorted({name.split("/")[0] for name in names if "/" in name}))
    labels = np.array([classes.index(name.split("/")[0]) for name in names]) if classes else None
    return Source("class folders" if classes else "flat folder", names, tuple(pictures), labels, classes)


def _open_archive(path: Path) -> Source:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files if name in ("images", "labels")}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise GenloopError(f"{path}: cannot be read as NPZ ({error}); write it with numpy.savez_compressed") from None
    images = content.get("images")
    if (
        images is None
        or images.dtype != np.uint8
        or images.ndim not in (3, 4)
        or images.shape[3:] not in ((), (1,), (3,))
    ):
        raise GenloopError(f"{path}: needs 'images' as bytes (uint8) of shape [records, height, width] or [..., 3]")
    images = images[..., 0] if images.shape[3:] == (1,) else images
    names = tuple(f"{path.name}[{index}]" for index in range(len(images)))
    if "labels" not in content:
        return Source("npz", names, images, None, ())
    labels = content["labels"]
    if labels.shape != (len(images),) or labels.dtype.kind not in "iuU":
        raise GenloopError(f"{path}: 'labels' must be one whole number or word for each of the {len(images)} pictures")
    classes, positions = np.unique(labels, return_inverse=True)
    return Source("npz", names, images, positions, tuple(str(value) for value in classes))


def survey(source: Source) -> tuple[int, np.ndarray]:
    """Open every picture once; return the channels that serve them all and their sides [records, 2].

    Raises:
        GenloopError: names the pictures that cannot be read.
    """
    modes, sides, unreadable = set(), [], []
    for index in _progress(source, "look at pictures"):
        try:
            picture = source.open(index)
            modes.add(picture.mode)
            sides.append(picture.size[::-1])
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            unreadable.append(f"{source.names[index]} ({str(error) or type(error).__name__})")
    if unreadable:
        named = "; ".join(unreadable[:NAMED]) + (" ..." if len(unreadable) > NAMED else "")
        raise GenloopError(
            f"{len(unreadable)} of {len(source.names)} pictures cannot be read: {named}; mend or remove them"
        )
    return (1 if modes == {"L"} else 3), np.array(sides)


def natural_size(sides: np.ndarray) -> int:
    """Return the median of the shorter sides, brought into what the networks serve."""
    return int(np.clip(np.median(sides.min(1)), SMALLEST, LARGEST))


def write_split(source: Source, indices: np.ndarray, shape: tuple[int, int, int], path: Path) -> None:
    """Write pictures as bytes, one at a time into a memory-mapped file, so that memory stays flat."""
    channels, height, width = shape
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(indices), *shape))
    for position, index in enumerate(_progress(source, f"write {path.stem}", indices)):
        picture = source.open(index).convert("L" if channels == 1 else "RGB")
        fitted = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
        array[position] = np.asarray(fitted).reshape(height, width, channels).transpose(2, 0, 1)
    array.flush()


def _progress(source: Source, label: str, indices: np.ndarray | None = None) -> Iterator[int]:
    positions = range(len(source.names)) if indices is None else indices.tolist()
    yield from tqdm(positions, label, unit="picture", disable=None)
