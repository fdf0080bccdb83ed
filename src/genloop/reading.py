"""Reads what earlier stages wrote: JSON and arrays. Nothing is unpickled, and a damaged file is refused by its name."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from genloop.errors import GenloopError

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile unpacks the others by any number of bytes at a time

PICKLED = "it holds pickled objects, which are not read"


def damaged(path: Path, error: Exception) -> GenloopError:
    """Return the error of an output that is no longer what a stage wrote."""
    told = PICKLED if re.search("pickle|Python object", str(error)) else str(error)
    told = " ".join(told.split())[:200] or type(error).__name__
    return GenloopError(f"{path}: cannot be read ({told}); 'dvc checkout' brings back what dvc.lock names")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        GenloopError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from None


def map_array(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file, mapped from the disk; no array can be larger than its file.

    Raises:
        GenloopError: it is missing or damaged.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy's parser of headers lets out whatever it comes across
        raise damaged(path, error) from None


def read_array(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file in memory.

    Raises:
        GenloopError: it is missing or damaged.
    """
    return np.array(map_array(path))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by their names.

    Raises:
        GenloopError: it is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type not in METHODS for member in archive.infolist()):
                raise ValueError("a member is packed by an unusual method")
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # as above
        raise damaged(path, error) from None
