"""Which run is which: hashes over content, never over names, times or places."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from genloop.errors import GenloopError
from genloop.reading import damaged
from genloop.strict_yaml import declared_dependencies


def hash_weights(path: Path) -> str:
    """Return the hash of the tensors of a safetensors file."""
    return hash_tensors(read_tensors(path))


def hash_tensors(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 over the sorted tensors: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        GenloopError: it is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise damaged(path, error) from None


def hash_json(content: Any) -> str:
    """Return the SHA-256 of what JSON can hold, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def group_of(choices: dict[str, Any], asked: dict[str, Any]) -> str:
    """Return a hash that runs share when their choices of training and of sampling differ in nothing but seeds."""
    return hash_json([{key: value for key, value in part.items() if key != "seed"} for part in (choices, asked)])


def hash_files(paths: Iterable[Path]) -> str:
    """Return the SHA-256 over files and folders: their names below the given path, and their bytes."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(p for p in path.rglob("*") if _counts(p)) if path.is_dir() else [path]:
            digest.update(f"{path.as_posix()} {file.relative_to(path).as_posix()} {hash_file(file)}\n".encode())
    return digest.hexdigest()


def hash_folder(folder: Path) -> str:
    """Return the SHA-256 over the files of a folder, the same wherever it lies and whatever its name is."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if _counts(path)):
        digest.update(f"{file.relative_to(folder).as_posix()} {hash_file(file)}\n".encode())
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, of which few are held at a time."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _counts(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts  # as in .dvcignore


def stage_dependencies(stage: str, key: str, item: dict[str, Any], pipeline: Path = Path("dvc.yaml")) -> list[Path]:
    """Return the dependencies that ``pipeline`` declares for one instance of a ``foreach`` stage."""
    declared = declared_dependencies(pipeline, stage, "do")
    filled = [dependency.replace("${key}", key) for dependency in declared]
    for name, value in item.items():
        filled = [dependency.replace(f"${{item.{name}}}", str(value)) for dependency in filled]
    return [Path(dependency) for dependency in filled]


def fingerprint(key: str, run: Any) -> str:
    """Return the hash of all that a training depends on, known before it starts: choices, data and code.

    Raises:
        GenloopError: a dependency is missing.
    """
    item = {"data": run.data, "modality": run.modality, "family": run.family}
    dependencies = stage_dependencies("train", key, item)
    missing = [str(path) for path in dependencies if not path.exists()]
    if missing:
        raise GenloopError(f"{missing[0]}: missing; run 'dvc repro train@{key}', which makes it")
    return hash_files(dependencies)
