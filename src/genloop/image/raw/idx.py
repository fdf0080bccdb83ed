"""IDX: arrays as MNIST and its kin have them, packed with gzip or not."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from genloop.errors import GenloopError
from genloop.faults import explain_fault
from genloop.guards import check_growth
from genloop.image.raw.arrays import Part, StoredArray, as_source, check_images, check_labels
from genloop.image.raw.files import Tree
from genloop.image.raw.source import Source
from genloop.image.raw.split import official_splits, split_of_file
from genloop.outputs import check_disk

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
BLOCK = 2**20


def read_idx(tree: Tree, place: object, scratch: Path) -> Source:
    """Read IDX files as MNIST has them: pictures, and labels beside them, for each split or for all.

    Raises:
        GenloopError: names the file and what is wrong with it.
    """
    stored = {name: _open(tree.root / name, scratch / f"idx-{number}") for number, name in enumerate(tree.of("idx"))}
    splits = official_splits({name: split_of_file(name) for name in stored}, place)
    grouped: dict[str | None, dict[str, list[str]]] = {}
    for name, array in stored.items():
        kind = "labels" if len(array.shape) == 1 else "images"
        grouped.setdefault((splits or {}).get(name), {"images": [], "labels": []})[kind].append(name)
    parts = []
    for split, group in grouped.items():
        if len(group["images"]) != 1 or len(group["labels"]) > 1:
            listed = ", ".join(group["images"] + group["labels"])
            raise GenloopError(
                f"{place}: {listed} are not one file of pictures with at most one of labels; call further ones "
                "train-... and test-... or remove them"
            )
        images, path = stored[group["images"][0]], tree.root / group["images"][0]
        check_images(images, path)
        labels = stored[group["labels"][0]].read_all() if group["labels"] else None
        told = tree.root / group["labels"][0] if group["labels"] else path
        parts.append(Part(group["images"][0], images, check_labels(labels, images, told), split))
    return as_source("idx", parts, place)


def _open(path: Path, scratch: Path) -> StoredArray:
    """Open an IDX file: two zero bytes, the type, the number of axes, their lengths, the values (Y. LeCun)."""
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            head = stream.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or not 1 <= head[3] <= 4:
                raise GenloopError(f"{path}: is no IDX file, it begins with {head.hex(' ')}; get it anew or remove it")
            lengths = stream.read(4 * head[3])
            if len(lengths) < 4 * head[3]:
                raise EOFError("it ends within its header")
            shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
            array = StoredArray(path, 4 + len(lengths), np.dtype(TYPES[head[2]]), shape)
            expected = int(np.prod([*shape, array.dtype.itemsize], dtype=object))
            if packed:
                check_growth(path, expected)
                check_disk(scratch.parent, expected)
                array = StoredArray(scratch, 0, array.dtype, shape)
                found = _copy(stream, scratch, expected)
            else:
                found = path.stat().st_size - array.offset
    except (OSError, EOFError, zlib.error) as error:
        if explain_fault(error):  # of the disk, not of the file
            raise
        raise GenloopError(f"{path}: cannot be unpacked ({error}); get it anew") from None
    if found != expected:
        told = "more" if found > expected else f"{found:,}"
        raise GenloopError(f"{path}: announces {shape} values in {expected:,} bytes and holds {told}; get it anew")
    return array


def _copy(stream: Any, path: Path, expected: int) -> int:
    """Copy what a stream holds, but just one byte more than expected; return how many there were."""
    written = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as unpacked:
        while block := stream.read(min(BLOCK, expected + 1 - written)):
            written += unpacked.write(block)
    return written
