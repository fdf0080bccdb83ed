"""Files that a stage reads and writes: resolved choices, deterministic JSON, files and folders replaced as a whole."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, TypeAdapter, ValidationError

from genloop.errors import GenloopError
from genloop.faults import explained
from genloop.reading import read_json

LOCK, NEW, EARLIER = "lock", "new", "earlier"  # in a folder of unfinished work


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, so that equal content gives equal bytes; the file appears whole or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text; the file appears whole or not at all."""
    with replace_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def read_choices(path: Path, kind: Any) -> Any:
    """Read choices that ``configure`` wrote; every one must be stated, so that no default can enter here."""
    if not path.exists():
        raise GenloopError(f"{path}: missing; run 'dvc repro' or 'python -m stages.configure' first")
    return check_choices(path, read_json(path), kind)


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
    """Give an empty folder to fill; it takes the place of ``path`` if all goes well, else ``path`` stays as it was.

    Raises:
        GenloopError: ``path`` is a file, another process is writing it, or the disk does not take it.
    """
    path = path.resolve() if path.is_symlink() else path  # the link stays
    if path.exists() and not path.is_dir():
        raise GenloopError(f"{path}: is a file, where a folder is to be written; name another place")
    with work_beside(path) as work:
        new = work / NEW
        new.mkdir()
        yield new
        _sync_all(new)
        if path.exists():  # is moved, not removed, so that a kill at any moment loses nothing
            path.rename(work / EARLIER)
        new.rename(path)
        sync(path.parent)


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give the path of a file to write; it takes the place of ``path`` if all goes well, else ``path`` stays as it was.

    Raises:
        GenloopError: ``path`` is a folder, another process is writing it, or the disk does not take it.
    """
    if path.is_dir():
        raise GenloopError(f"{path}: is a folder, where a file is to be written; name another place")
    with work_beside(path) as work:
        new = work / path.name
        yield new
        _sync_all(new)
        new.replace(path)
        sync(path.parent)


@contextmanager
def work_beside(path: Path) -> Iterator[Path]:
    """Give a folder beside ``path`` for unfinished work that no other process has; it is gone afterwards.

    What a killed process left there is cleared away first, and what it had moved away comes back.

    Raises:
        GenloopError: another process is writing ``path``, or the disk does not take it.
    """
    work = path.with_name(f".{path.name}.unfinished")
    within = any(parent.name.endswith(".unfinished") for parent in path.parents)  # then the outer one explains
    try:
        with nullcontext() if within else explained(path), _alone(work, path):
            try:
                _clear(work, path)
                yield work
            finally:
                _clear(work, path)
                (work / LOCK).unlink()
    finally:
        with suppress(OSError):  # of another process that has begun in it
            work.rmdir()


def _alone(work: Path, path: Path) -> AbstractContextManager[object]:
    """Make the folder ``work`` and hold it; the system lets go of it whenever this process ends, however it ends."""
    try:
        if work.is_file():  # of an earlier version
            work.unlink()
        work.mkdir(parents=True, exist_ok=True)
        return FileLock(work / LOCK).acquire(blocking=False)
    except (Timeout, FileNotFoundError):  # the latter: it has just been removed by a process that is done with it
        raise GenloopError(f"{path}: another process is writing it; wait for it or stop it") from None


def _clear(work: Path, path: Path) -> None:
    """Remove all but the lock, after bringing back to ``path`` what was moved away from it without a successor."""
    if (work / EARLIER).exists() and not path.exists():
        (work / EARLIER).rename(path)
    for entry in work.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def _sync_all(path: Path) -> None:
    """Wait until the disk holds a file, or a folder with all that is in it."""
    for folder, _, files in os.walk(path):
        for name in files:
            sync(Path(folder) / name)
        sync(Path(folder))
    if path.is_file():
        sync(path)


def sync(path: Path) -> None:
    """Wait until the disk holds a file's bytes, or a folder's names."""
    if os.name == "nt":  # which opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot be asked to wait
            raise
    finally:
        os.close(descriptor)


def check_disk(path: Path, needed: int) -> None:
    """Refuse to write ``needed`` bytes below ``path`` where they do not fit.

    Raises:
        GenloopError: says how much is missing.
    """
    free = shutil.disk_usage(path).free
    if needed > free:
        unfinished = (place.parent for place in (path, *path.parents) if place.name.endswith(".unfinished"))
        found = f"needs {_size(needed)} of disk and {_size(free)} are free"
        raise GenloopError(f"{next(unfinished, path)}: {found}; free some space there and run the same command again")


def _size(count: int) -> str:
    """Return a number of bytes as people say it."""
    power = min((max(count, 1).bit_length() - 1) // 10, 3)
    return f"{count / 1024**power:,.1f} {('bytes', 'KiB', 'MiB', 'GiB')[power]}"
