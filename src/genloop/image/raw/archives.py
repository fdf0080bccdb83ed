"""ZIP and tar archives, unpacked so that nothing can be written outside a folder or beyond what was announced."""

import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from genloop.errors import GenloopError
from genloop.faults import explain_fault
from genloop.image.raw.files import Tree, is_skipped
from genloop.outputs import check_disk

BLOCK = 2**20
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
            zipped = stream.read(2) == b"PK"  # zipfile.is_zipfile would also take a tar that ends with a ZIP
        with zipfile.ZipFile(path) if zipped else tarfile.open(path) as archive:
            members = list(
                _zip_members(archive, path)
                if isinstance(archive, zipfile.ZipFile)
                else _tar_members(archive, path, folder)
            )
            check_disk(folder, sum(member.size for member in members))
            for member in members:
                _write(archive, member, folder, path)
    except (*BROKEN, OSError, ValueError) as error:
        if explain_fault(error):  # of the disk, not of the archive
            raise
        told = " ".join(str(error).split()) or type(error).__name__
        raise GenloopError(f"{path}: cannot be unpacked ({told}); pack it anew, or unpack it yourself") from None


def _zip_members(archive: zipfile.ZipFile, path: Path) -> Iterator[Member]:
    for info in archive.infolist():
        name, mode = _checked(info.filename, path), info.external_attr >> 16
        if info.is_dir():
            continue
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise _refused(path, info.filename, "is a link or a device")
        if info.flag_bits & 1:
            raise GenloopError(f"{path}: {info.filename} is encrypted; unpack it yourself and put the pictures there")
        if not is_skipped(name):
            yield Member(name, info.file_size, info)


def _tar_members(archive: tarfile.TarFile, path: Path, folder: Path) -> Iterator[Member]:
    for info in archive:
        name = _checked(info.name, path)
        if info.isdir():
            continue
        if not info.isreg() or info.issparse():
            raise _refused(path, info.name, "is a link, a device or a file with holes")
        try:
            tarfile.data_filter(info, str(folder))
        except tarfile.FilterError as error:
            raise _refused(path, info.name, f"is refused by tarfile ({error})") from None
        if not is_skipped(name):
            yield Member(name, info.size, info)
    if archive.fileobj is not None and archive.fileobj.tell() < archive.offset + tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it lacks its end")  # tarfile takes an archive cut between two members for a whole one


def _checked(name: str, path: Path) -> str:
    """Return a member's name with forward slashes, if it stays inside the folder that it is unpacked to."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or re.match(r"[A-Za-z]:", name):
        raise _refused(path, name, "has an absolute path")
    if ".." in parts.parts:
        raise _refused(path, name, "leads outside by '..'")
    return parts.as_posix()


def _refused(path: Path, member: str, reason: str) -> GenloopError:
    return GenloopError(f"{path}: {member} {reason}; if you trust the archive, unpack it yourself")


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
