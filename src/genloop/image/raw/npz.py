"""NPZ: arrays by name, as numpy.savez writes them."""

import re
import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np

from genloop.errors import GenloopError
from genloop.faults import explain_fault
from genloop.guards import check_growth
from genloop.image.raw.arrays import Part, StoredArray, as_source, check_images, check_labels
from genloop.image.raw.files import Tree
from genloop.image.raw.source import Source
from genloop.image.raw.split import official_splits, split_of_file
from genloop.outputs import check_disk
from genloop.reading import METHODS, PICKLED

ROLES = {"images": "images", "image": "images", "x": "images", "labels": "labels", "label": "labels", "y": "labels"}
BROKEN = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, SyntaxError)
Role = tuple[str, str | None]  # images or labels, and of which split


def read_npz(tree: Tree, place: object, scratch: Path) -> Source:
    """Read one NPZ with ``images`` and, if known, ``labels``; or one for each split; or one with splits in its keys.

    Raises:
        GenloopError: names the file and what it lacks.
    """
    names = tree.of("npz")
    splits = official_splits({name: split_of_file(name) for name in names}, place)
    if len(names) > 1 and not splits:
        raise GenloopError(
            f"{place}: holds {names[0]} beside {names[1]}; keep one, or call them train.npz and test.npz"
        )
    parts = []
    for number, name in enumerate(names):
        path, split = tree.root / name, (splits or {}).get(name)
        parts += _parts(path, name, split, *_unpack(path, scratch / f"npz-{number}"))
    return as_source("npz", parts, place)


def _unpack(path: Path, scratch: Path) -> tuple[dict[Role, StoredArray], list[str]]:
    """Return the arrays whose names say what they are, and the names of all."""
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [member.removesuffix(".npy") for member in archive.namelist()]
            stored = dict[Role, StoredArray]()
            for key in keys:
                role = _role(key)
                if role in stored:
                    raise GenloopError(f"{path}: {', '.join(keys)}: two of them could be the {role[0]}; keep one")
                if role:
                    stored[role] = _extract(archive, key, scratch / f"{len(stored)}.npy")
    except BROKEN as error:
        if explain_fault(error):  # of the disk, not of the file
            raise
        raise GenloopError(f"{path}: cannot be read as NPZ ({error}); write it with numpy.savez_compressed") from None
    return stored, keys


def _role(key: str) -> Role | None:
    """Return what an array is by its name, as in ``images``, ``x_test`` or ``train_labels``."""
    words = key.lower().split("_")
    roles = [ROLES[word] for word in words if word in ROLES]
    splits = [split for word in words if (split := split_of_file(word))]
    if len(roles) != 1 or len(roles) + len(splits) != len(words) or len(splits) > 1:
        return None
    return roles[0], (splits[0] if splits else None)


def _extract(archive: zipfile.ZipFile, key: str, path: Path) -> StoredArray:
    """Unpack one array to ``path``, which owes nothing to its name, so that single pictures can be read from it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    member = archive.getinfo(f"{key}.npy")
    if member.compress_type not in METHODS:
        raise ValueError("packed by an unusual method")
    check_growth(Path(str(archive.filename)), member.file_size)
    check_disk(path.parent, member.file_size)
    with archive.open(member) as packed, path.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)  # zipfile gives no more than the declared size
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy's parser of headers lets out whatever it comes across
        told = PICKLED if re.search("pickle|Python object", str(error)) else str(error)
        raise ValueError(f"{key}: {' '.join(told.split())}") from None
    by_columns = array.flags.f_contiguous and not array.flags.c_contiguous
    return StoredArray(path, array.offset, array.dtype, array.shape, by_columns)


def _parts(path: Path, name: str, split: str | None, stored: dict[Role, StoredArray], keys: list[str]) -> list[Part]:
    inner = {part for _, part in stored} or {None}
    known = {str(part): part for part in inner}
    used = official_splits(known, path) if split is None else None
    parts = []
    for said, part in sorted(known.items()):
        images, labels = stored.get(("images", part)), stored.get(("labels", part))
        if images is None:
            raise GenloopError(
                f"{path}: needs 'images' as bytes (uint8), holds {', '.join(keys)}; rename its array of pictures"
            )
        check_images(images, path)
        values = check_labels(labels.read_all(), images, path) if labels else None
        parts.append(Part(f"{name}:{said}" if part else name, images, values, used[said] if used else split))
    return parts
