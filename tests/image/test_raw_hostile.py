"""Raw pictures made to harm: nothing is written elsewhere, memory stays low, and each is refused by its name."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from genloop.errors import GenloopError
from genloop.image.raw.decode import BadPicture, fit_picture, is_gray
from tests.image.test_raw import BYTES, IMAGES, encoded, npz, parquet, raw, report, run, save, save_all
from tests.image.test_raw_refused import idx_with, png, tar_with, zip_with

__all__ = ["raw"]  # the fixture
GIB = 2**30


@contextmanager
def at_most(growth: int) -> Iterator[None]:
    """Demand that the memory of this process does not grow by more bytes than this, not even for a moment."""
    status = Path("/proc/self/status")
    if not status.exists():
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = held(status, "VmRSS")
    yield
    assert held(status, "VmHWM") - before < growth


def held(status: Path, key: str) -> int:
    return int(next(line for line in status.read_text().splitlines() if line.startswith(key)).split()[1]) * 1024


def tar_of_zeros(raw: Path, kind: bytes, size: int) -> None:
    """A tar whose first member, or whose first header, is as long as this and holds zeros alone."""
    info = tarfile.TarInfo("big.png")
    info.size, info.type = size, kind
    with gzip.open(raw / "x.tar.gz", "wb", compresslevel=1) as stream:
        stream.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(size // 2**24):
            stream.write(bytes(2**24))
        stream.write(bytes(1024))


def tar_of_negative_size(raw: Path) -> None:
    """A tar whose member ends before it begins, which leads Python's tarfile to the same place again and again."""
    info = tarfile.TarInfo("a.png")
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    head[124:136] = b"\xff" * 10 + (-1536 & 0xFFFF).to_bytes(2, "big")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    (raw / "x.tar").write_bytes(bytes(head) + bytes(10_240))


def tar_of_names(raw: Path, count: int) -> None:
    folder = tarfile.TarInfo("a")
    folder.type = tarfile.DIRTYPE
    info = folder.tobuf(tarfile.USTAR_FORMAT)
    with gzip.open(raw / "x.tar.gz", "wb", compresslevel=1) as stream:
        for _ in range(count // 1000):
            stream.write(info * 1000)
        stream.write(bytes(1024))


def zip_by(raw: Path, method: int) -> None:
    with zipfile.ZipFile(raw / "x.zip", "w", method) as packed:
        packed.writestr("a.png", bytes(2**20))


def zip_of_zeros(raw: Path) -> None:
    """Three members of 64 MiB of zeros, which DEFLATE packs a thousand to one."""
    with zipfile.ZipFile(raw / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for index in range(3):
            packed.writestr(f"{index}.png", bytes(2**26))


def npz_by(raw: Path, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(raw / "x.npz", "w", method) as packed:
        packed.writestr(name, content)


def npy(shape: str, content: bytes = b"", kind: str = "|u1") -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + content


def link(raw: Path, target: str, name: str = "b.png") -> None:
    save_all(raw)
    (raw / name).symlink_to(target)


def odd_name(raw: Path, name: str | bytes) -> None:
    save_all(raw)
    Path(os.fsdecode(os.fsencode(raw) + b"/" + (name if isinstance(name, bytes) else name.encode()))).write_bytes(
        encoded(9)
    )


def pipe(raw: Path) -> None:
    save_all(raw)
    os.mkfifo(raw / "b.png")


def parquet_of_zeros(raw: Path) -> None:
    pq.write_table(
        pa.table({"image": [bytes(65 * 2**20)]}),
        raw / "x.parquet",
        compression="lz4",
        use_dictionary=False,
        write_statistics=False,
    )


CASES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "tar: a member of zeros": (lambda raw: tar_of_zeros(raw, tarfile.REGTYPE, 2**28), "x.tar.gz: unpacks to 256 MiB or more from"),
    "tar: a header of zeros": (lambda raw: tar_of_zeros(raw, tarfile.XHDTYPE, 2**26), "x.tar.gz: cannot be unpacked (a header is longer than it can be)"),
    "tar: a name of zeros": (lambda raw: tar_of_zeros(raw, tarfile.GNUTYPE_LONGNAME, 2**26), "x.tar.gz: cannot be unpacked (a header is longer than it can be)"),
    "tar: a member that ends before it begins": (tar_of_negative_size, "x.tar: cannot be unpacked ("),
    "tar: names without end": (lambda raw: tar_of_names(raw, 12_000), "x.tar.gz: holds more than 10,000 files and folders, too many for its size; unpack it yourself"),
    "tar: a pipe": (lambda raw: tar_with(raw, tarfile.FIFOTYPE, "pipe"), "x.tar: pipe is a link, a device"),
    "tar: a long name": (lambda raw: tar_with(raw, name="b" * 300 + ".png"), "has a name of more than 255 bytes"),
    "tar: a line break in a name": (lambda raw: tar_with(raw, name="b\n.png"), "x.tar: b\\n.png holds a control character"),
    "tar: half a letter in a name": (lambda raw: tar_with(raw, name="b\udcff.png"), "x.tar: b\\udcff.png holds a byte that is no UTF-8"),
    "tar: a file below a file": (lambda raw: tar_with(raw, name="a.png/b.png"), "x.tar: cannot be unpacked ("),
    "zip: members of zeros": (zip_of_zeros, "x.zip: unpacks to 128 MiB or more from 0.2 MiB"),
    "zip: bzip2 within": (lambda raw: zip_by(raw, zipfile.ZIP_BZIP2), "x.zip: a.png is packed by an unusual method"),
    "zip: LZMA within": (lambda raw: zip_by(raw, zipfile.ZIP_LZMA), "x.zip: a.png is packed by an unusual method"),
    "zip: no name": (lambda raw: zip_with(raw, ""), "x.zip: a member has no name; if you trust the archive"),
    "zip: a turned name": (lambda raw: zip_with(raw, "\u202egnp.exe.png"), "x.zip: \\u202egnp.exe.png holds a mark that turns the direction"),
    "gz: zeros": (lambda raw: idx_with(raw, gzip.compress(b"\0\0\x08\3" + struct.pack(">III", 2**10, 2**10, 2**10) + bytes(2**20))), "ubyte: unpacks to 1,024 MiB or more"),
    "npz: a way out": (lambda raw: npz_by(raw, "../../train_x.npy", npy("(2, 8, 8)", bytes(128))), "2 pictures are too few"),
    "npz: zeros": (lambda raw: npz_by(raw, "images.npy", npy("(100, 1024, 1024)", bytes(100 * 2**20))), "x.npz: unpacks to 100 MiB or more"),
    "npz: bzip2 within": (lambda raw: npz_by(raw, "images.npy", npy("(8, 8, 8)", bytes(512)), zipfile.ZIP_BZIP2), "x.npz: cannot be read as NPZ (packed by an unusual method)"),
    "npz: more than there is": (lambda raw: npz_by(raw, "images.npy", npy("(1099511627776, 8, 8)", bytes(512))), "x.npz: cannot be read as NPZ (images: "),
    "npz: a header without end": (lambda raw: npz_by(raw, "images.npy", npy("(" * 60)), "x.npz: cannot be read as NPZ (images: "),
    "npz: pickled pictures": (lambda raw: np.savez(raw / "x.npz", images=np.array([{}], dtype=object)), "x.npz: cannot be read as NPZ (images: it holds pickled objects, which are not read)"),
    "npz: a class with a line break": (lambda raw: npz(raw, images=IMAGES, labels=np.array(["a", "b\nc"] * 40)), "the class 'b\\nc' holds a control character; rename it"),
    "npz: a class of what is no letter": (lambda raw: npz(raw, images=IMAGES, labels=np.full(80, 2**31, np.uint32).view("<U1")), "x.npz: 'labels' hold what is no letter of Unicode; write them anew"),
    "npz: giant pictures": (lambda raw: npz(raw, images=np.broadcast_to(np.uint8(0), (3, 6000, 6000))), "pictures that are too large; scale them down"),
    "idx: a trillion": (lambda raw: idx_with(raw, b"\0\0\x08\3" + struct.pack(">III", 2**20, 2**10, 2**10) + bytes(99)), "announces (1048576, 1024, 1024) values in 1,099,511,627,776 bytes and holds 99; get it anew"),
    "parquet: pages of zeros": (parquet_of_zeros, "x.parquet: unpacks to 65 MiB or more from"),
    "parquet: a class of a terminal's commands": (lambda raw: parquet(raw, {"a": BYTES, "label": ["a", "\x1b[2J"] * 4}), "the class '\\x1b[2J' holds a control character"),
    "a picture of 3.6 billion pixels": (lambda raw: (save_all(raw), (raw / "b.png").write_bytes(png(60_000, 60_000))), "b.png (60000 x 60000 pixels are more than 100,000,000)"),
    "a link out of the folder": (lambda raw: link(raw, "/etc/passwd"), "b.png: is a link that leads out of the folder; put the file itself there"),
    "a link out, written relatively": (lambda raw: ((raw.parent / "out.png").write_bytes(encoded(9)), link(raw, "../out.png")), "b.png: is a link that leads out"),
    "a link to a device": (lambda raw: link(raw, "/dev/zero"), "b.png: is no file"),
    "a link to itself": (lambda raw: link(raw, "b.png"), "b.png: is no file"),
    "a pipe": (pipe, "b.png: is no file"),
    "a name with a line break": (lambda raw: odd_name(raw, "b\nc.png"), "b\\nc.png: its name holds a control character; rename it"),
    "a name that is no UTF-8": (lambda raw: odd_name(raw, b"b\xff.png"), "b\\udcff.png: its name holds a byte that is no UTF-8; rename it"),
    "a turned name": (lambda raw: odd_name(raw, "\u202egnp.exe.png"), "its name holds a mark that turns the direction of writing"),
    "a class folder with a command to the terminal": (lambda raw: (save(raw / "a/1.png"), save(raw / "\x1b[2J/1.png")), "raw/\\x1b[2J: its name holds a control character"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_hostile_pictures_are_refused_and_nothing_lands_elsewhere(raw: Path, name: str) -> None:
    make, message = CASES[name]
    make(raw)
    known = {path for path in raw.parent.rglob("*") if raw not in path.parents}
    with at_most(GIB // 2), pytest.raises(GenloopError) as caught:
        run(raw)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert {path for path in raw.parent.rglob("*") if raw not in path.parents} == known


def test_names_that_differ_in_case_alone_are_kept_apart_or_refused(raw: Path) -> None:
    with zipfile.ZipFile(raw / "x.zip", "w") as packed:
        for index, name in enumerate(("a.png", "A.png", "b.png", "c.png")):
            packed.writestr(name, encoded(10 * index))
    try:
        assert report(raw)["found"] == 4
    except GenloopError as error:
        told = str(error)
        assert "twice" in told


def test_a_link_within_the_folder_and_a_folder_that_is_a_link_are_fine(raw: Path) -> None:
    save_all(raw)
    (raw / "b.png").symlink_to("0.png")
    raw.rename(raw.parent / "elsewhere")
    raw.symlink_to(raw.parent / "elsewhere")
    assert report(raw)["found"] == 5


LARGE = {
    "png": ("RGBA", "PNG"),
    "gray png": ("I;16", "PNG"),
    "palette": ("P", "GIF"),
    "tiff": ("CMYK", "TIFF"),
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_pictures_are_brought_to_size_in_little_more_than_they_take(kind: str) -> None:
    mode, form = LARGE[kind]
    stream = io.BytesIO()
    Image.new(mode, (3000, 3000)).save(stream, form, **({"compression": "tiff_lzw"} if form == "TIFF" else {}))
    with at_most(9_000_000 * 12):
        assert fit_picture(stream.getvalue(), (3, 8, 8), "crop").shape == (3, 8, 8)
    with at_most(9_000_000 * 12):
        assert is_gray(stream.getvalue())


SEEDS = [(form, encode) for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF") for encode in [io.BytesIO()]]
for _form, _stream in SEEDS:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(_stream, _form)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([stream.getvalue() for _, stream in SEEDS]),
    st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=6)), max_size=6),
)
@pytest.mark.filterwarnings("ignore")
def test_any_picture_is_decoded_or_bad(content: bytes, changes: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(content)
    for place, put in changes:
        damaged[place : place + len(put)] = put
    try:
        assert fit_picture(bytes(damaged), (1, 8, 8), "crop").shape == (1, 8, 8)
    except BadPicture as error:
        told = str(error)
        assert len(told.splitlines()) == 1
