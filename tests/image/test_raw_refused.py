"""Each odd input with the message that it gets; earlier outputs stay, and nothing is left lying around."""

import gzip
import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from genloop.errors import GenloopError
from genloop.image.raw.prepare import prepare
from tests.image.test_raw import (
    BYTES,
    CHOICES,
    IMAGES,
    LABELS,
    ROWS,
    archive,
    class_folders,
    csv,
    encoded,
    idx,
    in_splits,
    npz,
    pair,
    parquet,
    raw,
    run,
    save,
    save_all,
    table,
)

__all__ = ["raw"]  # the fixture


def damaged(raw: Path, content: bytes, name: str = "b.png") -> None:
    save_all(raw)
    (raw / name).write_bytes(content)


def png(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds nothing."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + b"\0\0\0\x10IDAT"


def tar_with(raw: Path, kind: bytes = tarfile.REGTYPE, name: str = "b.png", link: str = "") -> None:
    with tarfile.open(raw / "x.tar", "w") as packed:
        for member in ("a.png", name):
            info = tarfile.TarInfo(member)
            info.type, info.linkname = (kind, link) if member == name else (tarfile.REGTYPE, "")
            content = encoded(10) if info.isreg() else b""
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))


def zip_with(raw: Path, name: str, mode: int = 0) -> None:
    with zipfile.ZipFile(raw / "x.zip", "w") as packed:
        packed.writestr("a.png", encoded(10))
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        packed.writestr(info, encoded(20))


def changed_zip(raw: Path, offset_in_directory: int, content: bytes) -> None:
    """A ZIP whose directory says something else of its first member."""
    archive(raw, "x.zip", save_all)
    packed = bytearray((raw / "x.zip").read_bytes())
    start = packed.find(b"PK\x01\x02") + offset_in_directory
    packed[start : start + len(content)] = content
    (raw / "x.zip").write_bytes(packed)


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def idx_with(raw: Path, content: bytes, name: str = "train-images-idx3-ubyte") -> None:
    (raw / name).write_bytes(content)


FLOAT = Image.fromarray(np.zeros((8, 8), np.float32))
FOLDERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "nothing": (lambda raw: None, "holds no pictures; put class folders of .bmp, .gif"),
    "only other files": (lambda raw: (raw / "README.md").write_text("x"), "holds no pictures; put"),
    "one picture": (lambda raw: save(raw / "a.png"), "1 pictures are too few for training and testing; add some"),
    "a picture beside class folders": (lambda raw: (save(raw / "cats/a.png"), save(raw / "b.png")), "b.png lies beside class folders"),
    "a folder beside a split": (in_splits(save_all, "train", "test", "more"), "more lies beside a split into test and train; move it"),
    "a split without training": (in_splits(save_all, "val", "test"), "holds test and val but no train"),
    "class folders in one split only": (lambda raw: (class_folders(raw / "train"), save_all(raw / "test")), "test/0.png lies beside class folders"),
    "a class in the test split only": (lambda raw: (class_folders(raw / "train"), class_folders(raw / "test"), save(raw / "test/birds/a.png")), "class birds is in the test split only; add some for training"),
    "an empty test split": (lambda raw: (save_all(raw / "train", 1), save_all(raw / "test", 1)), "2 pictures are too few"),
    "a link to a folder": (lambda raw: (class_folders(raw), (raw / "linked").symlink_to(raw / "cats")), "linked: is a link to a folder; put the folder itself there"),
    "a link to nothing": (lambda raw: (save_all(raw), (raw / "b.png").symlink_to(raw / "none.png")), "b.png: is no file, or a link that leads nowhere"),
    "a mixture": (lambda raw: (save_all(raw), npz(raw, images=IMAGES)), "holds 0.png beside x.npz; keep one kind, or set format: folders or flat or csv or npz"),
    "arrays in two formats": (lambda raw: (pair(raw), npz(raw, images=IMAGES)), "keep one kind, or set format: npz or idx"),
    "an archive beside pictures": (lambda raw: (save_all(raw), archive(raw, "x.zip")), "holds x.zip beside 0.png; keep the archive or what is unpacked"),
}  # fmt: skip
PICTURES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (lambda raw: damaged(raw, encoded(10)[:40]), "1 of 5 pictures cannot be used: b.png ("),
    "empty": (lambda raw: damaged(raw, b""), "1 of 5 pictures cannot be used: b.png (no JPEG, PNG, WEBP, BMP, TIFF or GIF picture); mend or remove them, or set on_bad_record: set_aside"),
    "a text called jpg": (lambda raw: damaged(raw, b"<html>not found</html>", "b.jpg"), "b.jpg (no JPEG"),
    "a phone's format": (lambda raw: damaged(raw, b"\0\0\0\x18ftypheic", "b.heic"), "b.heic (no JPEG"),
    "a bomb": (lambda raw: damaged(raw, png(50_000, 50_000)), "b.png (50000 x 50000 pixels are more than 100,000,000)"),
    "without pixels": (lambda raw: damaged(raw, png(0, 5)), "1 of 5 pictures cannot be used: b.png ("),
    "floating point": (lambda raw: (save_all(raw), FLOAT.save(raw / "b.tiff")), "b.tiff (its 32-bit pixels have no known range; save it with 8 or 16 bits)"),
    "all of them": (lambda raw: [(raw / f"{index}.png").write_bytes(b"") for index in range(9)], "9 of 9 pictures cannot be used: 0.png (no JPEG, PNG, WEBP, BMP, TIFF or GIF picture); 1.png"),
}  # fmt: skip
ARCHIVES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "tar: an absolute path": (lambda raw: tar_with(raw, name="/tmp/b.png"), "x.tar: /tmp/b.png has an absolute path; if you trust the archive, unpack it yourself"),
    "tar: a way out": (lambda raw: tar_with(raw, name="a/../../b.png"), "x.tar: a/../../b.png leads outside by '..'"),
    "tar: a symbolic link": (lambda raw: tar_with(raw, tarfile.SYMTYPE, "cats", "/etc"), "x.tar: cats is a link, a device or a file with holes"),
    "tar: a hard link": (lambda raw: tar_with(raw, tarfile.LNKTYPE, "c.png", "a.png"), "x.tar: c.png is a link"),
    "tar: a device": (lambda raw: tar_with(raw, tarfile.CHRTYPE, "null"), "x.tar: null is a link, a device"),
    "tar: a name twice": (lambda raw: tar_with(raw, name="./a.png"), "x.tar: holds a.png twice"),
    "tar: cut off": (lambda raw: (archive(raw, "x.tar"), cut(raw / "x.tar")), "x.tar: cannot be unpacked (it lacks its end); pack it anew"),
    "tar.gz: cut off": (lambda raw: (archive(raw, "x.tar.gz"), cut(raw / "x.tar.gz")), "x.tar.gz: cannot be unpacked ("),
    "tar.gz: not packed at all": (lambda raw: (raw / "x.tar.gz").write_text("not found"), "x.tar.gz: cannot be unpacked ("),
    "zip: an absolute path": (lambda raw: zip_with(raw, "/b.png"), "x.zip: /b.png has an absolute path"),
    "zip: a drive": (lambda raw: zip_with(raw, "C:\\b.png"), "x.zip: C:\\b.png has an absolute path"),
    "zip: a way out": (lambda raw: zip_with(raw, "../b.png"), "x.zip: ../b.png leads outside by '..'"),
    "zip: a way out with backslashes": (lambda raw: zip_with(raw, "..\\b.png"), "leads outside by '..'"),
    "zip: a symbolic link": (lambda raw: zip_with(raw, "cats", 0o120777), "x.zip: cats is a link or a device"),
    "zip: encrypted": (lambda raw: changed_zip(raw, 8, b"\x01"), "x.zip: 0.png is encrypted; unpack it yourself"),
    "zip: announces far more than pictures grow to": (lambda raw: zip_of_giants(raw), "x.zip: unpacks to 65,536 MiB or more from 0.3 MiB, which no pictures or tables do; get it anew"),
    "zip: announces too little": (lambda raw: changed_zip(raw, 24, b"\x05\0\0\0"), "x.zip: cannot be unpacked (Bad CRC-32"),
    "zip: announces too much": (lambda raw: changed_zip(raw, 24, b"\xff\xff\0\0"), "x.zip: 0.png is cut off"),
    "zip: broken": (lambda raw: (raw / "x.zip").write_bytes(b"PK\x03\x04 broken"), "x.zip: cannot be unpacked ("),
    "zip: an archive inside": (lambda raw: archive(raw, "x.zip", lambda folder: (folder.mkdir(), archive(folder, "y.tar"))), "y.tar is an archive within an archive; unpack it yourself"),
    "zip: empty": (lambda raw: archive(raw, "x.zip", lambda folder: None), "holds no pictures"),
}  # fmt: skip
ARRAYS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "npz: broken": (lambda raw: (raw / "x.npz").write_bytes(b"PK\x03\x04 broken"), "cannot be read as NPZ"),
    "npz: a pickle": (lambda raw: npz(raw, images=np.array([{}], dtype=object)), "cannot be read as NPZ"),
    "npz: without images": (lambda raw: npz(raw, pictures=IMAGES), "needs 'images' as bytes (uint8), holds pictures; rename"),
    "npz: floating point": (lambda raw: npz(raw, images=IMAGES / 255), "needs 'images' as bytes (uint8) of shape [records, height, width] or [..., channels], has float64 [80, 8, 8]"),
    "npz: too few labels": (lambda raw: npz(raw, images=IMAGES, labels=LABELS[:3]), "one whole number or word for each of the 80 pictures"),
    "npz: channels first": (lambda raw: npz(raw, images=np.zeros((9, 3, 32, 32), np.uint8)), "would have 32 channels; the channels come last"),
    "npz: empty": (lambda raw: npz(raw, images=IMAGES[:0]), "holds no pictures that can be used; add some"),
    "npz: two of them": (lambda raw: (npz(raw, "a.npz", images=IMAGES), npz(raw, "b.npz", images=IMAGES)), "holds a.npz beside b.npz; keep one, or call them train.npz and test.npz"),
    "npz: labels in one split only": (lambda raw: npz(raw, x_train=IMAGES, y_train=LABELS, x_test=IMAGES), "x.npz:test has no labels and the other parts have"),
    "npz: two candidates": (lambda raw: npz(raw, x=IMAGES, images=IMAGES), "two of them could be the images; keep one"),
    "idx: wrong magic": (lambda raw: idx_with(raw, b"\1\2\3\4 and so on"), "is no IDX file, it begins with 01 02 03 04; get it anew"),
    "idx: too short": (lambda raw: (idx(raw / "a", IMAGES), cut(raw / "a")), "announces (80, 8, 8) values in 5,120 bytes and holds 2,552; get it anew"),
    "idx: too long": (lambda raw: idx_with(raw, b"\0\0\x08\3" + struct.pack(">III", 1, 2, 2) + b"12345"), "announces (1, 2, 2) values in 4 bytes and holds more"),
    "idx: more than announced, packed": (lambda raw: idx_with(raw, gzip.compress(b"\0\0\x08\3" + struct.pack(">III", 1, 2, 2) + bytes(10**6))), "values in 4 bytes and holds more"),
    "idx: announces far more than pictures grow to": (lambda raw: idx_with(raw, gzip.compress(b"\0\0\x08\3" + struct.pack(">III", 2**31, 2**10, 2**10))), "train-images-idx3-ubyte: unpacks to 2,147,483,648 MiB or more"),
    "idx: broken gz": (lambda raw: (idx(raw / "a-idx.gz", IMAGES, gzip.open), cut(raw / "a-idx.gz")), "a-idx.gz: cannot be unpacked (Compressed file ended"),
    "idx: fewer labels": (lambda raw: (idx(raw / "a", IMAGES), idx(raw / "b", LABELS[:9])), "b: 'labels' must be one whole number or word for each of the 80 pictures"),
    "idx: two files of pictures": (lambda raw: (idx(raw / "a", IMAGES), idx(raw / "b", IMAGES)), "a, b are not one file of pictures with at most one of labels"),
    "idx: labels alone": (lambda raw: idx(raw / "a", LABELS), "a are not one file of pictures"),
    "parquet: no pictures": (lambda raw: parquet(raw, {"x": [1.5], "label": [1]}), "no column holds pictures as bytes or as lists of lists, only x, label; add one"),
    "parquet: two columns of pictures": (lambda raw: parquet(raw, {"a": BYTES, "b": BYTES}), "a and b could hold the pictures; keep one"),
    "parquet: two labels": (lambda raw: parquet(raw, {"a": BYTES, "b": range(8), "c": range(8)}), "b and c could be the label; call one of them 'label'"),
    "parquet: labels with a fraction": (lambda raw: parquet(raw, {"a": BYTES, "label": [0.5] * 8}), "column 'label' is double; labels are whole numbers or words"),
    "parquet: no label in a row": (lambda raw: parquet(raw, {"a": BYTES, "label": [0, None] + [1] * 6}), "1 of 8 pictures cannot be used: x.parquet[1] (has no value in column 'label')"),
    "parquet: no bytes in a row": (lambda raw: parquet(raw, {"a": [None, *BYTES]}), "x.parquet[0] (no JPEG"),
    "parquet: lists of many lengths": (lambda raw: parquet(raw, {"a": [[[1, 2], [3, 4]], [[1, 2, 3], [3, 4, 5]]] * 3}), "its lists differ in length"),
    "parquet: large values": (lambda raw: parquet(raw, {"a": [[[1, 256], [3, 4]]] * 5}), "values must be whole numbers from 0 to 255"),
    "parquet: broken": (lambda raw: (parquet(raw, {"a": BYTES}), cut(raw / "x.parquet")), "cannot be read as Parquet"),
    "parquet: files that differ": (lambda raw: (parquet(raw, {"a": BYTES}, "a.parquet"), parquet(raw, {"b": BYTES}, "b.parquet")), "b.parquet has other columns than a.parquet"),
}  # fmt: skip
TABLES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "csv: a file that is not there": (lambda raw: csv(raw, ROWS + "9.png,a\n"), "1 of 5 pictures cannot be used: 9.png (is named in labels.csv, but there is no such picture)"),
    "csv: a name twice": (lambda raw: csv(raw, ROWS + "0.png,b\n"), "labels.csv: names 0.png twice; keep one row for each picture"),
    "csv: a picture in no row": (lambda raw: (csv(raw, ROWS), save(raw / "x.png")), "x.png (is in no row of the CSV)"),
    "csv: a row without a label": (lambda raw: csv(raw, ROWS.replace("1.png,b", "1.png,")), "1.png (has no label in the CSV)"),
    "csv: two columns of names": (lambda raw: csv(raw, "a,b,c\n0.png,1.png,x\n2.png,3.png,y\n"), "a and b both name pictures; keep one"),
    "csv: two labels": (lambda raw: csv(raw, "f,a,b\n0.png,1,x\n1.png,2,y\n"), "a and b could be the label; call one of them 'label'"),
    "csv: no label": (lambda raw: csv(raw, "f\n0.png\n1.png\n"), "there is no column of labels beside 'f'"),
    "csv: other names": (lambda raw: csv(raw, "f,l\nx.png,1\ny.png,2\n"), "labels.csv: no column names the pictures; correct it, or set format: flat or folders"),
    "csv: beside class folders": (lambda raw: (class_folders(raw), table(raw, "f,l\ncats/0.png,1\n")), "labels.csv names pictures that lie in class folders; set format: csv or format: folders"),
    "csv: two of them": (lambda raw: (csv(raw, ROWS), table(raw, ROWS, "more.csv")), "labels.csv and more.csv name pictures; keep one"),
    "csv: no text": (lambda raw: (save_all(raw), (raw / "labels.csv").write_bytes(b"\xff\xfe\0")), "labels.csv: cannot be read as CSV"),
    "csv: ragged": (lambda raw: csv(raw, ROWS + "1,2,3,4\n"), "labels.csv: cannot be read as CSV"),
}  # fmt: skip
REFUSED = {f"{group}: {name}": case for group, cases in (("folder", FOLDERS), ("picture", PICTURES), ("archive", ARCHIVES), ("array", ARRAYS), ("table", TABLES)) for name, case in cases.items()}  # fmt: skip


def zip_of_giants(raw: Path) -> None:
    """Announce 4 GiB for each of thousands of members."""
    with zipfile.ZipFile(raw / "x.zip", "w") as packed:
        for index in range(3000):
            packed.writestr(f"{index}.png", b"")
            packed.filelist[-1].file_size = 2**36


@pytest.mark.parametrize("name", REFUSED)
def test_refused(raw: Path, name: str) -> None:
    (raw.parent / "out").mkdir()
    (raw.parent / "out" / "train.npy").write_text("earlier")
    make, message = REFUSED[name]
    make(raw)
    with pytest.raises(GenloopError) as caught:
        run(raw)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert (raw.parent / "out" / "train.npy").read_text() == "earlier"
    assert [path.name for path in raw.parent.iterdir() if path.name.startswith(".")] == []
    assert not (raw.parent / "b.png").exists()


FORCED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "npz": (save_all, "format is npz, but there is none of it, only picture; correct or remove format"),
    "idx": (lambda raw: npz(raw, images=IMAGES), "format is idx, but there is none"),
    "parquet": (save_all, "format is parquet, but there is none"),
    "flat": (lambda raw: npz(raw, images=IMAGES), "format is flat, but there is none"),
    "csv": (save_all, "format is csv, but there is no CSV file"),
    "folders": (lambda raw: save_all(raw / "cats"), "format is folders, but there are no two class folders"),
}


@pytest.mark.parametrize("name", FORCED)
def test_a_forced_format_that_does_not_fit_is_refused(raw: Path, name: str) -> None:
    make, message = FORCED[name]
    make(raw)
    with pytest.raises(GenloopError, match=message):
        run(raw, format=name)


def test_setting_aside_has_a_limit(raw: Path) -> None:
    damaged(raw, b"")
    with pytest.raises(GenloopError, match=r"1 of 5 .* more than bad_limit: 0\.05; mend or remove them, or raise it"):
        run(raw, on_bad_record="set_aside")
    run(raw, on_bad_record="set_aside", bad_limit=0.2)


def test_a_class_that_is_set_aside_as_a_whole_is_refused(raw: Path) -> None:
    for split in ("train", "test"):
        class_folders(raw / split)
    for path in (raw / "train/cats").iterdir():
        path.write_bytes(b"")
    with pytest.raises(GenloopError, match="class cats is in the test split only"):
        run(raw, on_bad_record="set_aside", bad_limit=0.5)


def test_channels_that_do_not_fit_are_refused(raw: Path) -> None:
    npz(raw, images=np.zeros((9, 8, 8, 5), np.uint8))
    with pytest.raises(GenloopError, match="pictures of 5 channels stay as they are"):
        run(raw, channels=3)


def test_a_damaged_row_group_is_refused(raw: Path) -> None:
    pq.write_table(pa.table({"a": BYTES * 40}), raw / "x.parquet", compression="none", use_dictionary=False)
    content = bytearray((raw / "x.parquet").read_bytes())
    content[4:60] = bytes(56)
    (raw / "x.parquet").write_bytes(content)
    with pytest.raises(GenloopError, match="cannot be read as Parquet"):
        run(raw)


@pytest.mark.parametrize("choices", [{}, {"holdout_by": "content"}])
def test_a_damaged_page_with_fewer_rows_is_refused(raw: Path, choices: dict[str, Any]) -> None:
    pq.write_table(pa.table({"a": BYTES}), raw / "x.parquet", compression="none", use_dictionary=False)
    content = bytearray((raw / "x.parquet").read_bytes())
    assert content[14] == 2 * len(BYTES), "as Thrift writes the number of values"
    content[14] = len(BYTES)
    (raw / "x.parquet").write_bytes(content)
    told = "x.parquet: column 'a' has 4 rows and the file says that it has 8; write it anew"
    with pytest.raises(GenloopError, match=re.escape(told)):
        run(raw, **choices)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(GenloopError, match="no such folder"):
        prepare(tmp_path / "raw", CHOICES, tmp_path / "out")


def test_a_full_disk_is_foreseen(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_all(raw)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100})())
    with pytest.raises(GenloopError, match=r"needs \d.* of disk and 100\.0 bytes are free"):
        run(raw)
