"""What is the matter where the machine fails a program: a full disk, a missing right, and what to do about it."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genloop.errors import GenloopError

AGAIN = "and run the same command again"
REMEDIES = {
    errno.ENOSPC: f"the disk is full; free some space there (df -h and df -i show what is left) {AGAIN}",
    errno.EDQUOT: f"your quota of the disk is used up; delete files of yours there {AGAIN}",
    errno.EFBIG: f"the file grew larger than the disk or a limit (ulimit -f) allows; raise it {AGAIN}",
    errno.EROFS: f"the disk can only be read; make it writable or work in another folder, {AGAIN}",
    errno.EACCES: f"permission denied; give yourself the right to it (ls -l shows whose it is) {AGAIN}",
    errno.EPERM: f"the system does not permit it; give yourself the right to it (lsattr, ls -l) {AGAIN}",
    errno.EIO: f"the disk did not read or write; look after it (dmesg says more) {AGAIN}",
}
SPELLED = {  # how libraries say it that pass on no number
    "no space left on device": errno.ENOSPC,
    r"disk is full": errno.ENOSPC,  # SQLite
    r"\d+ requested and \d+ written": errno.ENOSPC,  # NumPy
    r"unexpected pos \d+ vs \d+": errno.ENOSPC,  # PyTorch
    "disk quota exceeded": errno.EDQUOT,
    "file too large": errno.EFBIG,
    "read-?only (file system|database)": errno.EROFS,
    "permission denied": errno.EACCES,
    "(input/output|disk i/o) error": errno.EIO,
}

# SQLite where it cannot make its journal: of a full disk as well as of other causes, so the disk is asked.
NO_JOURNAL = re.compile("unable to open database file")


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Tell people what is the matter where the machine fails the work that writes ``place``.

    Raises:
        GenloopError: in place of an error whose fault is the machine's; others pass through.
    """
    try:
        yield
    except GenloopError:
        raise
    except Exception as error:
        if fault := explain_fault(error, place):
            raise GenloopError(fault) from error
        raise


def explain_fault(error: BaseException, place: Path | None = None) -> str | None:
    """Return what is the matter and what to do where the machine is at fault, in one line; else None.

    Args:
        error: what was raised, also by a library that says nothing but a text, or while it handled the first error.
        place: what was being written, named where the error names no file or an unfinished one.
    """
    for link in _chain(error):
        number = errno.ENOSPC if NO_JOURNAL.search(str(link)) and place and _is_full(place) else _number(link)
        if remedy := REMEDIES.get(number or 0):
            named = _named(link, place)
            return f"{named}: {remedy}" if named else remedy
    return None


def _is_full(folder: Path) -> bool:
    """Return whether the disk of a folder has no room for another file, or for its name."""
    if not folder.exists():
        return False
    left = os.statvfs(folder)
    return left.f_bavail == 0 or (left.f_files > 0 and left.f_favail == 0)  # some file systems do not count names


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error).lower()
    return next((number for pattern, number in SPELLED.items() if re.search(pattern, text)), None)


def _named(error: BaseException, place: Path | None) -> str | None:
    name = getattr(error, "filename2", None) or getattr(error, "filename", None)  # the former: where a copy goes to
    if name is None or ".unfinished" in str(name):
        return str(place or name) if place or name else None
    return str(name)
