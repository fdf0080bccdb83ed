"""Files that a stage reads and writes: resolved choices, deterministic JSON, folders replaced as a whole."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from genloop.errors import GenloopError


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, so that equal content gives equal bytes; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")
    unfinished.replace(path)


def read_choices(path: Path, kind: Any) -> Any:
    """Read choices that ``configure`` wrote; every one must be stated, so that no default can enter here."""
    if not path.exists():
        raise GenloopError(f"{path}: missing; run 'dvc repro' or 'python -m stages.configure' first")
    return check_choices(path, json.loads(path.read_text()), kind)


def check_choices(path: Path, stated: Any, kind: Any) -> Any:
    """Check choices as JSON holds them.

    Raises:
        GenloopError: one is missing, unknown or not of its kind; ``path`` is where they stand.
    """
    try:
        choices = TypeAdapter(kind).validate_json(json.dumps(stated))
    except ValidationError as error:
        fault = error.errors()[0]
        raise GenloopError(
            f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}; run 'dvc repro' to write it anew"
        ) from None
    missing = _keys(choices.model_dump()) - _keys(stated)
    if missing:
        raise GenloopError(f"{path}: lacks {', '.join(sorted(missing))}; run 'dvc repro' to write it anew")
    return choices


def _keys(choices: Any, prefix: str = "") -> set[str]:
    if isinstance(choices, BaseModel):
        choices = choices.model_dump()
    if not isinstance(choices, dict):
        return {prefix}
    return set().union(*(_keys(value, f"{prefix}.{key}" if prefix else key) for key, value in choices.items()))


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of ``path`` if all goes well, else ``path`` stays as it was."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    shutil.rmtree(path, ignore_errors=True)
    unfinished.rename(path)


def check_disk(path: Path, needed: int) -> None:
    """Refuse to write ``needed`` bytes below ``path`` where they do not fit.

    Raises:
        GenloopError: says how much is missing.
    """
    free = shutil.disk_usage(path).free
    if needed > free:
        raise GenloopError(f"{path}: needs {needed / 2**30:.2f} GiB of disk and {free / 2**30:.2f} GiB are free")
