"""Hostile files for the fuzzer: pictures, archives, arrays and Parquet, most of them damaged, some made to harm."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.fuzz_text import ODD, Generator, as_csv, mutated, pick

FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "webp": "WEBP", "tif": "TIFF"}
MODES = {"PNG": ("L", "RGB", "RGBA", "P", "LA", "1", "I;16"), "JPEG": ("L", "RGB", "CMYK"), "GIF": ("P", "L"), "BMP": ("L", "RGB", "P"), "WEBP": ("RGB", "RGBA"), "TIFF": ("L", "RGB", "CMYK", "I;16", "F", "LAB")}  # fmt: skip
NAMES = ("../x.png", "/tmp/x.png", "C:\\x.png", "..\\x.png", "a/../../x.png", "x\n.png", "\x1b[2J.png", "\u202egnp.exe", "b" * 300 + ".png", "./0.png", "0.png", "A/0.PNG", "", ".", "a//b.png", "CON", "x.tar", "é.png")  # fmt: skip


def picture(kind: str, mode: str, side: int = 10, value: int = 90) -> bytes:
    """Return a small picture as a file's content."""
    noise = np.random.default_rng(value).integers(0, 255, (side, side, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image = image.convert("L").convert(mode) if mode in ("1", "LA", "I;16", "F") else image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


@cache
def pictures() -> tuple[tuple[str, bytes], ...]:
    """Return pictures of all formats and modes with their suffixes."""
    return tuple((suffix, picture(kind, mode)) for suffix, kind in FORMATS.items() for mode in MODES[kind])


def bomb(kind: int) -> bytes:
    """Return a picture that announces far more pixels than anybody has, with or without a few that are there."""
    width, height = ((60_000, 60_000), (2**31 - 1, 1), (1, 2**31 - 1), (9_999, 9_999), (100_000, 1_000))[kind % 5]
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, body, b"IEND")
    )


def odd_picture(generator: Generator) -> tuple[str, bytes]:
    """Return a picture that may be damaged, with its suffix."""
    suffix, content = pick(generator, pictures())
    way = generator.random()
    if way < 0.05:
        return "png", bomb(int(generator.integers(5)))
    if way < 0.7:
        content = mutated(content, generator, [other for _, other in pictures()])
    return suffix, content


def make_pictures(generator: Generator, folder: Path) -> None:
    """Write a raw folder of pictures of which some are damaged."""
    raw = folder / "raw"
    classes = pick(
        generator, (("",), ("cats", "dogs"), ("train", "test"), ("train/a", "train/b", "test/a"), ("a", "<b>x</b>"))
    )
    for number in range(int(generator.integers(5, 9))):
        suffix, content = (
            odd_picture(generator) if generator.random() < 0.3 else ("png", picture("PNG", "L", value=number))
        )
        path = raw / pick(generator, classes) / f"{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if generator.random() < 0.2:
        rows = {"file": [path.name for path in raw.rglob("*.*")], "label": []}
        rows["label"] = [str(pick(generator, ("a", "b", *ODD))) for _ in rows["file"]]
        (raw / "labels.csv").write_bytes(as_csv(rows, generator))
    if generator.random() < 0.1:
        (raw / "link.png").symlink_to(
            pick(generator, ("/etc/passwd", "/dev/zero", "link.png", "nowhere", "0.png", ".."))
        )
    write_choices(generator, folder)


def write_choices(generator: Generator, folder: Path) -> None:
    """Write the choices of ``data:`` for pictures."""
    choices: dict[str, Any] = {
        "modality": "image",
        "on_bad_record": pick(generator, ("fail", "set_aside")),
        "holdout_by": pick(generator, ("place", "content")),
        "bad_limit": 0.9,
    }
    if generator.random() < 0.05:
        choices["format"] = pick(generator, ("folders", "flat", "csv", "npz", "idx", "parquet"))
    (folder / "choices.json").write_text(json.dumps(choices))


def _tar(generator: Generator, members: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=pick(generator, (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)), errors="replace"
    ) as packed:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if generator.random() < 0.05:
                info.type = pick(
                    generator, (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE)
                )
                info.linkname = pick(generator, ("/etc/passwd", "../..", "0.png"))
            info.size = len(content) if info.isreg() else 0
            packed.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return stream.getvalue()


def _zip(generator: Generator, members: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    method = pick(
        generator, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, content in members:
            info = zipfile.ZipInfo(name or "x")
            info.compress_type = method
            if generator.random() < 0.05:
                info.external_attr = pick(generator, (0o120777, 0o010644, 0o020644, 0o040755)) << 16
            packed.writestr(info, content)
            if generator.random() < 0.03:
                packed.filelist[-1].file_size = pick(generator, (0, 1, 2**31, 2**40))
    return stream.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {".tar": bytes, ".tar.gz": gzip.compress, ".tar.xz": lzma.compress, ".tar.bz2": bz2.compress, ".tgz": gzip.compress}  # fmt: skip


@cache
def _zeros(packed: str) -> bytes:
    """Return a tar with one member of 512 MiB of zeros, packed, or with a header of as many."""
    size = 2**29
    info = tarfile.TarInfo("big.png")
    info.size = size
    if packed == "header":
        info.type = tarfile.XHDTYPE
    stream = io.BytesIO()
    with gzip.open(stream, "wb", compresslevel=1) as out:
        out.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(size // 2**24):
            out.write(bytes(2**24))
        out.write(bytes(1024))
    return stream.getvalue()


def make_archive(generator: Generator, folder: Path) -> None:
    """Write a raw folder with an archive that may be damaged or made to harm."""
    raw = folder / "raw"
    raw.mkdir()
    write_choices(generator, folder)
    if generator.random() < 0.01:
        (raw / "x.tar.gz").write_bytes(_zeros(pick(generator, ("member", "header"))))
        return
    members = [
        (f"{pick(generator, ('a', 'b'))}/{number}.png", picture("PNG", "L", value=number)) for number in range(8)
    ]
    for _ in range(int(generator.integers(3))):
        members.append((str(pick(generator, NAMES)), odd_picture(generator)[1]))
    if generator.random() < 0.4:
        name, content = "x.zip", _zip(generator, members)
    else:
        name = "x" + pick(generator, tuple(PACKERS))
        content = _tar(generator, members)
        if generator.random() < 0.3:
            content = mutated(content, generator)
        content = PACKERS[name[1:]](content)
    if generator.random() < 0.4:
        content = mutated(content, generator)
    (raw / name).write_bytes(content)
