"""What each file of a raw folder is, by its first bytes; a name decides only where the content says nothing."""

import bz2
import gzip
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from genloop.errors import GenloopError
from genloop.guards import check_stays, fault_of

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
UNREAD_SUFFIXES = {".heic", ".heif", ".avif", ".jxl", ".jp2"}  # pictures too, and better named than passed over
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
SKIPPED = {"__macosx", "thumbs.db", "desktop.ini"}  # and whatever begins with a dot
PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}  # bytes of the second header in the known versions of the format
HEAD = 512  # bytes that tell every kind, a tar archive's mark being the last


@dataclass(frozen=True)
class Tree:
    """The files below a folder by their kind, named relative to it and sorted by their parts."""

    root: Path
    files: dict[str, list[str]] = field(default_factory=dict)

    def of(self, kind: str) -> list[str]:
        """Return the names of a kind: picture, npz, idx, parquet, csv, archive or other."""
        return self.files.get(kind, [])


def is_skipped(name: str) -> bool:
    """Say whether a name is hidden, or one of those that systems leave lying around."""
    return any(part.startswith(".") or part.lower() in SKIPPED for part in PurePosixPath(name).parts)


def look(root: Path) -> Tree:
    """List all files below a folder by their kind.

    Raises:
        GenloopError: names a link to a folder or out of this one, a name that deceives, or what is no file at all.
    """
    names = []
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if not is_skipped(name))
        for name in folders:
            if (Path(folder) / name).is_symlink():
                raise GenloopError(f"{root / inside / name}: is a link to a folder; put the folder itself there")
        for name in folders + [name for name in files if not is_skipped(name)]:
            if fault := fault_of(name):
                raise GenloopError(f"{root / inside / name}: its name {fault}; rename it")
        names += [(inside / name).as_posix() for name in files if not is_skipped(name)]
    tree = Tree(root)
    for name in sorted(names, key=lambda name: name.split("/")):
        kind = kind_of(root / name)
        check_stays(root / name, root)
        tree.files.setdefault(kind, []).append(name)
    return tree


def kind_of(path: Path) -> str:
    """Return what a file is: picture, npz, idx, parquet, csv, archive or other.

    Raises:
        GenloopError: it cannot be opened, or is no ordinary file.
    """
    if not path.is_file():
        raise GenloopError(f"{path}: is no file, or a link that leads nowhere; remove it")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise GenloopError(f"{path}: cannot be opened ({error.strerror}); mend or remove it") from None
    return _kind_by_content(path, head) or _kind_by_name(path.name.lower())


def _kind_by_content(path: Path, head: bytes) -> str | None:
    if _is_picture(head):
        return "picture"
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _kind_of_zip(path)
    packing = next((opener for magic, opener in PACKED.items() if head.startswith(magic)), None)
    inner = _unpacked_head(path, packing) if packing else head
    if inner[257:262] == b"ustar":
        return "archive"
    return "idx" if inner[:2] == b"\0\0" and inner[2:3] in b"\x08\x09\x0b\x0c\x0d\x0e" and len(inner) > 3 else None


def _is_picture(head: bytes) -> bool:
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return True
    if head.startswith(b"BM"):
        return int.from_bytes(head[14:18], "little") in BMP_HEADERS
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _kind_of_zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None  # broken: its name says what it was meant to be
    if members and all(member.endswith(".npy") for member in members):
        return "npz"
    return "archive" if path.suffix.lower() in (".zip", "") else None  # documents and programs are ZIP files too


def _unpacked_head(path: Path, opener: Callable[..., Any]) -> bytes:
    try:
        with opener(path) as stream:
            return stream.read(HEAD)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
        return b""


def _kind_by_name(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    if suffix in PICTURE_SUFFIXES | UNREAD_SUFFIXES:
        return "picture"
    if name.endswith(ARCHIVE_SUFFIXES):
        return "archive"
    if "-idx" in name or ".idx" in name or "ubyte" in name:
        return "idx"
    return {".npz": "npz", ".parquet": "parquet", ".csv": "csv", ".tsv": "csv"}.get(suffix, "other")
