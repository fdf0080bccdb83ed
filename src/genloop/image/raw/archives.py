"""ZIP and tar archives, unpacked so that nothing can be written outside a folder or beyond what was announced."""

import lzma
import re
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from genloop.errors import GenloopError
from genloop.faults import explain_fault
from genloop.guards import check_growth, fault_of
from genloop.image.raw.files import PACKED, Tree, is_skipped
from genloop.outputs import check_disk
from genloop.reading import METHODS

BLOCK = 2**20
MOST_MEMBERS = 500_000  # whose names alone take a quarter of a GiB
FEW_MEMBERS = 10_000  # that any archive may hold
LEAST = 64  # bytes that a member takes of an archive, at least, where there are more
LONGEST_PART = 255  # bytes of a file's name, which common file systems allow
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Member:
    """A file in an archive, checked."""

    name: str
    size: int
    content: zipfile.ZipInfo | tarfile.TarInfo


def unpack(tree: Tree, folder: Path) -> None:
    """Unpack all archives of a tree; one alone into ``folder`` itself, several each into a folder of its own name.

    CSV files that lie beside them are copied, since they may name pictures inside.

    Raises:
        GenloopError: names the archive, and the member where it is one that is refused.
    """
    names = tree.of("archive")
    for name in names:
        stem = re.sub(r"(?i)(\.tar)?\.[a-z0-9]+$", "", name)
        _unpack_one(tree.root / name, folder if len(names) == 1 else folder / stem)
    for name in tree.of("csv"):
        if (folder / name).exists():
            raise GenloopError(f"{tree.root / name}: lies beside an archive that holds {name} too; keep one of them")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree.root / name, folder / name)


def _unpack_one(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
        if head.startswith(b"PK"):  # zipfile.is_zipfile would also take a tar that ends with a ZIP
            with zipfile.ZipFile(path) as zipped:
                _write_all(zipped, _zip_members(zipped, path), folder, path)
            return
        opener = next((opener for magic, opener in PACKED.items() if head.startswith(magic)), open)
        with opener(path, "rb") as stream:
            headers = _Headers(stream)
            with tarfile.open(fileobj=headers, mode="r:") as tarred:  # type: ignore[call-overload]
                _write_all(tarred, _tar_members(tarred, headers, path), folder, path)
    except (*BROKEN, OSError, ValueError) as error:
        if explain_fault(error):  # of the disk, not of the archive
            raise
        told = " ".join(str(error).split()) or type(error).__name__
        raise GenloopError(f"{path}: cannot be unpacked ({told}); pack it anew, or unpack it yourself") from None


def _write_all(archive: zipfile.ZipFile | tarfile.TarFile, members: Iterator[Member], folder: Path, path: Path) -> None:
    """Check all members, the sum of their sizes as it grows, and write them only then."""
    most, checked, names, total = _most_members(path), list[Member](), set[str](), 0
    for member in members:
        if member.name in names:
            raise GenloopError(f"{path}: holds {member.name} twice; pack it anew")
        checked.append(member)
        names.add(member.name)
        total += member.size
        check_growth(path, total)
        if len(checked) > most:
            raise _too_many(path, most)
    check_disk(folder, total)
    for member in checked:
        _write(archive, member, folder, path)


class _Headers:
    """What tarfile reads of an archive: no more for the headers of one member than any honest one has.

    Headers may say how long they are themselves, and tarfile would read them into memory as a whole.
    """

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, BLOCK
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        self.left -= size
        if size < 0 or self.left < 0:
            raise tarfile.ReadError("a header is longer than it can be")
        found: bytes = self.stream.read(size)
        return found

    def allow(self, size: int = BLOCK) -> None:
        """Allow so many bytes more."""
        self.left = size


def _zip_members(archive: zipfile.ZipFile, path: Path) -> Iterator[Member]:
    for info in archive.infolist():
        name, mode = _checked(info.filename, path), info.external_attr >> 16
        if info.is_dir():
            continue
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise _refused(path, info.filename, "is a link or a device")
        if info.flag_bits & 1:
            raise GenloopError(f"{path}: {info.filename} is encrypted; unpack it yourself and put the pictures there")
        if info.compress_type not in METHODS:
            raise GenloopError(
                f"{path}: {info.filename} is packed by an unusual method; pack it anew, or unpack it yourself"
            )
        if not is_skipped(name):
            yield Member(name, info.file_size, info)


def _tar_members(archive: tarfile.TarFile, headers: _Headers, path: Path) -> Iterator[Member]:
    most = _most_members(path)
    for number, info in enumerate(archive):
        headers.allow()
        name = _checked(info.name, path)
        if info.size < 0:  # which leads tarfile back to the same header
            raise tarfile.ReadError("a size below nothing")
        if number > most:
            raise _too_many(path, most)
        if info.isdir():
            continue
        if not info.isreg() or info.issparse():
            raise _refused(path, info.name, "is a link, a device or a file with holes")
        if not is_skipped(name):
            yield Member(name, info.size, info)
    headers.allow(sys.maxsize)  # all that follows is what members hold
    if headers.tell() < archive.offset + tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it lacks its end")  # tarfile takes an archive cut between two members for a whole one


def _checked(name: str, path: Path) -> str:
    """Return a member's name with forward slashes, if it stays inside the folder that it is unpacked to."""
    if not name:
        raise _refused(path, "a member", "has no name")
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or re.match(r"[A-Za-z]:", name):
        raise _refused(path, name, "has an absolute path")
    if ".." in parts.parts:
        raise _refused(path, name, "leads outside by '..'")
    if fault := fault_of(name):
        raise _refused(path, name, fault)
    if any(len(part.encode()) > LONGEST_PART for part in parts.parts):
        raise _refused(path, name, f"has a name of more than {LONGEST_PART} bytes")
    return parts.as_posix()


def _refused(path: Path, member: str, reason: str) -> GenloopError:
    return GenloopError(f"{path}: {member} {reason}; if you trust the archive, unpack it yourself")


def _most_members(path: Path) -> int:
    """Return how many files and folders an archive of this size may hold; empty ones pack to next to nothing."""
    return min(MOST_MEMBERS, max(FEW_MEMBERS, path.stat().st_size // LEAST))


def _too_many(path: Path, most: int) -> GenloopError:
    return GenloopError(
        f"{path}: holds more than {most:,} files and folders, too many for its size; unpack it yourself"
    )


def _write(archive: zipfile.ZipFile | tarfile.TarFile, member: Member, folder: Path, path: Path) -> None:
    target = folder / member.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise GenloopError(f"{path}: holds {member.name} twice; pack it anew")
    open_member: Any = archive.open if isinstance(archive, zipfile.ZipFile) else archive.extractfile
    with open_member(member.content) as packed, target.open("xb") as unpacked:
        written = 0
        while block := packed.read(BLOCK):
            written += len(block)
            if written > member.size:
                raise GenloopError(f"{path}: {member.name} is larger than it says; get the archive anew")
            unpacked.write(block)
    if written < member.size:
        raise GenloopError(f"{path}: {member.name} is cut off; get the archive anew")
