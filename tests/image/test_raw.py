"""What a raw folder may hold, and what becomes of it."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from genloop.choices import ImagePrepare
from genloop.image.data import (
    PictureRecords,
    PictureSchema,
    open_labels,
    open_records,
    read_samples,
    read_schema,
    write_samples,
)
from genloop.image.raw.decode import fit_picture, in_order
from genloop.image.raw.prepare import prepare
from tests.conftest import tiny_pictures

CHOICES = ImagePrepare(modality="image")
IMAGES, LABELS = tiny_pictures()
GENERATOR = np.random.default_rng(0)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def save(path: Path, mode: str = "L", size: tuple[int, int] = (12, 12), value: int = 90, **options: Any) -> None:
    """Save a picture of one color; in modes with color, one that is not gray."""
    path.parent.mkdir(parents=True, exist_ok=True)
    gray = mode in ("1", "L", "LA")
    Image.new("L" if gray else "RGB", size, value if gray else (value, 20, 60)).convert(mode).save(path, **options)


def save_all(folder: Path, count: int = 4, suffix: str = "png", **options: Any) -> None:
    """Save different pictures."""
    for index in range(count):
        save(folder / f"{index}.{suffix}", value=10 + 9 * index, **options)


def encoded(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (8, 8), value).save(stream, "png")
    return stream.getvalue()


def run(raw: Path, **choices: Any) -> Path:
    prepare(raw, ImagePrepare(modality="image", **choices), raw.parent / "out")
    return raw.parent / "out"


def report(raw: Path, **choices: Any) -> dict[str, Any]:
    return json.loads((run(raw, **choices) / "report.json").read_text())


def idx(path: Path, array: np.ndarray, open_file: Callable[..., Any] = open) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lengths = np.array(array.shape, ">u4").tobytes()
    with open_file(path, "wb") as stream:
        stream.write(bytes([0, 0, 8, array.ndim]) + lengths + array.astype(np.uint8).tobytes())


def npz(raw: Path, name: str = "x.npz", **arrays: np.ndarray) -> None:
    np.savez(raw / name, **arrays)  # type: ignore[arg-type]


def parquet(raw: Path, columns: dict[str, Any], name: str = "x.parquet") -> None:
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), raw / name)


def class_folders(folder: Path, count: int = 4) -> None:
    for name, low in (("cats", 10), ("dogs", 150)):
        for index in range(count):
            save(folder / name / f"{index}.png", value=low + 9 * index)


def archive(raw: Path, name: str, fill: Callable[[Path], Any] = class_folders) -> None:
    folder = raw.parent / f"packed-{name}"
    fill(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if name.endswith(".zip"):
        with zipfile.ZipFile(raw / name, "w") as packed:
            for path in files:
                packed.write(path, path.relative_to(folder))
        return
    mode = {"gz": "w:gz", "tgz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}.get(name.rpartition(".")[2], "w")
    with tarfile.open(raw / name, mode) as packed:  # type: ignore[call-overload]
        for path in files:
            packed.add(path, path.relative_to(folder).as_posix())


def pair(raw: Path, folder: str = "") -> None:
    for split, count in (("train", 4), ("t10k", 2)):
        idx(raw / folder / f"{split}-images-idx3-ubyte", IMAGES[:count])
        idx(raw / folder / f"{split}-labels-idx1-ubyte", LABELS[:count])


def table(raw: Path, text: str, name: str = "labels.csv") -> None:
    (raw / name).write_text(text, encoding="utf-8")


def csv(raw: Path, text: str, name: str = "labels.csv", folder: str = "") -> None:
    save_all(raw / folder)
    table(raw, text, name)


def in_splits(fill: Callable[[Path], Any], *names: str) -> Callable[[Path], Any]:
    return lambda raw: [fill(raw / name) for name in names]


BYTES = [encoded(value) for value in range(10, 90, 10)]
ROWS = "file,kind\n0.png,a\n1.png,b\n2.png,a\n3.png,b\n"
NESTED = [picture.tolist() for picture in IMAGES[:8]]
STRUCTS = [{"bytes": content, "path": f"{index}.png"} for index, content in enumerate(BYTES)]

# what lies in the folder -> format, classes, training records, test records, and whether the split is official
ACCEPTED: dict[str, tuple[Callable[[Path], Any], tuple[str, list[str], int, int, str]]] = {
    "class folders": (class_folders, ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "class folders with folders inside": (lambda raw: (save_all(raw / "a/x"), save_all(raw / "b/y")), ("folders", ["a", "b"], 6, 2, "drawn")),
    "class folders in a folder": (lambda raw: class_folders(raw / "pets"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "a flat folder": (save_all, ("flat", [], 3, 1, "drawn")),
    "one class folder": (lambda raw: save_all(raw / "a"), ("flat", [], 3, 1, "drawn")),
    "spaces and other letters": (lambda raw: (save_all(raw / "große Käfer"), save_all(raw / "小さい 虫")), ("folders", ["große Käfer", "小さい 虫"], 6, 2, "drawn")),
    "upper-case suffixes": (lambda raw: save_all(raw, suffix="PNG"), ("flat", [], 3, 1, "drawn")),
    "no suffix and a wrong one": (lambda raw: [(raw / name).write_bytes(encoded(10)) for name in ("a", "b.txt", "c.jpg", "d.json")], ("flat", [], 3, 1, "drawn")),
    "train and test": (in_splits(class_folders, "train", "test"), ("folders", ["cats", "dogs"], 8, 8, "official")),
    "Training and TESTING, flat": (in_splits(save_all, "Training", "TESTING"), ("flat", [], 4, 4, "official")),
    "train, val and test in a folder": (in_splits(class_folders, "x/train", "x/val", "x/test"), ("folders", ["cats", "dogs"], 8, 8, "official")),
    "train and validation": (in_splits(class_folders, "train", "validation"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "test alone": (in_splits(class_folders, "test"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "a class called train": (in_splits(save_all, "train", "bus"), ("folders", ["bus", "train"], 6, 2, "drawn")),
    "a zip": (lambda raw: archive(raw, "x.zip"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "a tar": (lambda raw: archive(raw, "x.tar"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "a tgz": (lambda raw: archive(raw, "x.tgz"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "a tar.gz of a flat folder": (lambda raw: archive(raw, "x.tar.gz", save_all), ("flat", [], 3, 1, "drawn")),
    "a tar.xz": (lambda raw: archive(raw, "x.tar.xz"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "a tar.bz2": (lambda raw: archive(raw, "x.tar.bz2"), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "an archive for each class": (lambda raw: (archive(raw, "a.zip", save_all), archive(raw, "b.tar.gz", save_all)), ("folders", ["a", "b"], 6, 2, "drawn")),
    "an archive for each split": (lambda raw: (archive(raw, "train.zip", in_splits(class_folders, "train")), archive(raw, "test.zip")), ("folders", ["cats", "dogs"], 8, 8, "official")),
    "a CSV beside an archive": (lambda raw: (archive(raw, "x.zip", save_all), table(raw, ROWS)), ("csv", ["a", "b"], 2, 2, "drawn")),
    "IDX": (pair, ("idx", ["0", "1"], 4, 2, "official")),
    "IDX alone": (lambda raw: idx(raw / "pictures", IMAGES[:5]), ("idx", [], 4, 1, "drawn")),
    "IDX packed": (lambda raw: (idx(raw / "a.gz", IMAGES[:8], gzip.open), idx(raw / "b.gz", LABELS[:8], gzip.open)), ("idx", ["0", "1"], 6, 2, "drawn")),
    "IDX in an archive": (lambda raw: archive(raw, "x.zip", lambda folder: pair(folder, "raw")), ("idx", ["0", "1"], 4, 2, "official")),
    "NPZ": (lambda raw: npz(raw, images=IMAGES, labels=LABELS), ("npz", ["0", "1"], 64, 16, "drawn")),
    "NPZ with words": (lambda raw: npz(raw, images=IMAGES, labels=np.array(["b", "a"])[LABELS]), ("npz", ["a", "b"], 64, 16, "drawn")),
    "NPZ in color": (lambda raw: npz(raw, images=np.stack([IMAGES] * 3, axis=3)), ("npz", [], 64, 16, "drawn")),
    "NPZ by columns": (lambda raw: npz(raw, images=np.asfortranarray(IMAGES)), ("npz", [], 64, 16, "drawn")),
    "NPZ for each split": (lambda raw: (npz(raw, "train.npz", images=IMAGES), npz(raw, "test.npz", images=IMAGES[:5])), ("npz", [], 80, 5, "official")),
    "NPZ with splits inside": (lambda raw: npz(raw, x_train=IMAGES, y_train=LABELS[:, None], x_test=IMAGES[:4], y_test=LABELS[:4, None], val_images=IMAGES[:3], val_labels=LABELS[:3]), ("npz", ["0", "1"], 80, 4, "official")),
    "Parquet with bytes": (lambda raw: parquet(raw, {"image": BYTES, "label": list("abababab")}), ("parquet", ["a", "b"], 6, 2, "drawn")),
    "Parquet with structs": (lambda raw: parquet(raw, {"image": STRUCTS, "label": [0, 1] * 4}), ("parquet", ["0", "1"], 6, 2, "drawn")),
    "Parquet with lists": (lambda raw: parquet(raw, {"pixels": NESTED}), ("parquet", [], 6, 2, "drawn")),
    "Parquet with fixed lists": (lambda raw: parquet(raw, {"pixels": pa.array(NESTED, pa.list_(pa.list_(pa.uint8(), 8), 8)), "id": range(8), "label": [3, 5] * 4}), ("parquet", ["3", "5"], 6, 2, "drawn")),
    "Parquet for each split": (lambda raw: [parquet(raw, {"image": BYTES}, f"{name}.parquet") for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "validation-00000-of-00001")], ("parquet", [], 16, 8, "official")),
    "CSV": (lambda raw: csv(raw, ROWS), ("csv", ["a", "b"], 2, 2, "drawn")),
    "CSV without suffixes": (lambda raw: csv(raw, ROWS.replace(".png", "")), ("csv", ["a", "b"], 2, 2, "drawn")),
    "CSV without a header": (lambda raw: csv(raw, ROWS.split("\n", 1)[1]), ("csv", ["a", "b"], 2, 2, "drawn")),
    "CSV whose labels are numbers too": (lambda raw: csv(raw, "id,n\n0,1\n1,2\n2,1\n3,2\n"), ("csv", ["1", "2"], 2, 2, "drawn")),
    "CSV with semicolons, the label first": (lambda raw: csv(raw, "kind;file\nx;0.png\ny;1.png\nx;2.png\ny;3.png\n"), ("csv", ["x", "y"], 2, 2, "drawn")),
    "CSV with paths and further columns": (lambda raw: csv(raw, "n,path,label\n1,./d/0.png,x\n1,d/1.png,y\n1,d/2.png,x\n1,d\\3.png,y\n", folder="d"), ("csv", ["x", "y"], 2, 2, "drawn")),
    "CSV for each split": (lambda raw: (csv(raw, "f,l\n0.png,a\n1.png,b\n", "train.csv"), table(raw, "f,l\n2.png,a\n3.png,b\n", "test.csv")), ("csv", ["a", "b"], 2, 2, "official")),
    "CSV over train and test": (lambda raw: (in_splits(lambda folder: save_all(folder, 2), "train", "test")(raw), table(raw, "f,l\ntrain/0.png,a\ntrain/1.png,b\ntest/0.png,a\ntest/1.png,b\n")), ("csv", ["a", "b"], 2, 2, "official")),
    "a CSV about other things beside class folders": (lambda raw: (class_folders(raw), table(raw, "x,y\n1,2\n")), ("folders", ["cats", "dogs"], 6, 2, "drawn")),
    "pictures among other files": (lambda raw: (save_all(raw), [save(raw / name) for name in (".hidden.png", "__MACOSX/a.png", "Thumbs.db/x.png")], (raw / "README.md").write_text("x"), (raw / ".DS_Store").write_text("x")), ("flat", [], 3, 1, "drawn")),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(raw: Path, name: str) -> None:
    make, (form, classes, train, test, split) = ACCEPTED[name]
    make(raw)
    found = report(raw)
    schema = json.loads((raw.parent / "out/schema.json").read_text())
    assert (found["format"], schema["classes"], found["train"], found["test"], found["split"]) == (form, classes, train, test, split)  # fmt: skip
    assert len(np.load(raw.parent / "out/train.npy")) == train
    assert sum(schema["class_counts"]) == (train if classes else 0)
    assert [path.name for path in raw.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("make", ["class folders", "CSV", "Parquet with bytes", "a zip"])
def test_labels_belong_to_their_pictures(raw: Path, make: str) -> None:
    ACCEPTED[make][0](raw)
    out = run(raw)
    pictures = np.concatenate([np.load(out / f"{split}.npy")[:, 0, 0, 0] for split in ("train", "test")])
    labels = np.concatenate([np.load(out / f"{split}_labels.npy") for split in ("train", "test")])
    if make in ("class folders", "a zip"):
        assert (labels == (pictures > 100)).all()
    else:
        order = np.argsort(pictures)
        assert labels[order].tolist() == [0, 1] * (len(labels) // 2)


def test_the_report_says_what_was_passed_over(raw: Path) -> None:
    ACCEPTED["pictures among other files"][0](raw)
    assert report(raw)["ignored"] == {"files": 1, "named": ["README.md"]}


def test_validation_is_left_out_and_named(raw: Path) -> None:
    ACCEPTED["train, val and test in a folder"][0](raw)
    left_out = report(raw)["left_out"]
    assert left_out["validation"] == 8
    assert left_out["named"][0] == "x/val/cats/0.png"


def test_class_folders_keep_their_classes_in_both_splits(raw: Path) -> None:
    class_folders(raw, 10)
    out = run(raw)
    assert read_schema(out) == PictureSchema(1, 12, 12, ("cats", "dogs"), (8, 8))
    assert len(open_records(out, "train")) == 16
    labels = open_labels(out, "test")
    assert labels is not None
    assert labels.tolist() == [0, 0, 1, 1]


def test_a_flat_folder_has_no_classes(raw: Path) -> None:
    save_all(raw)
    out = run(raw)
    assert read_schema(out).classes == ()
    assert open_labels(out, "train") is None


def test_a_forced_format_decides_between_two(raw: Path) -> None:
    class_folders(raw)
    table(raw, "f,l\n" + "".join(f"{name}/{i}.png,{i % 2}\n" for name in ("cats", "dogs") for i in range(4)))
    npz(raw, images=IMAGES)
    assert report(raw, format="folders")["ignored"]["named"] == ["labels.csv", "x.npz"]
    assert read_schema(run(raw, format="csv")).classes == ("0", "1")
    assert read_schema(run(raw, format="flat")).classes == ()
    assert report(raw, format="npz")["found"] == 80


MODES = [("L", "png", 1), ("1", "png", 1), ("LA", "png", 1), ("P", "png", 3), ("P", "gif", 3), ("RGB", "png", 3), ("RGB", "jpg", 3), ("RGBA", "png", 3), ("CMYK", "tiff", 3), ("CMYK", "jpg", 3), ("RGB", "webp", 3), ("RGB", "bmp", 3), ("L", "bmp", 1), ("YCbCr", "jpg", 3)]  # fmt: skip


@pytest.mark.parametrize(("mode", "suffix", "channels"), MODES)
def test_modes_and_formats(raw: Path, mode: str, suffix: str, channels: int) -> None:
    for index in range(4):
        save(raw / f"{index}.{suffix}", mode, value=255 if mode == "1" else 90)
    pictures = np.load(run(raw) / "train.npy").astype(int)
    assert pictures.shape[1] == channels
    expected = [255] if mode == "1" else [90, 20, 60] if channels == 3 else [90]
    assert abs(pictures[0].mean((1, 2)) - expected).max() < 5


def test_gray_pictures_in_color_files_are_gray_unless_one_is_not(raw: Path) -> None:
    for index in range(4):
        Image.new("RGB", (12, 12), (index, index, index)).save(raw / f"{index}.png")
    assert np.load(run(raw) / "train.npy").shape == (3, 1, 12, 12)
    assert np.load(run(raw, channels=3) / "train.npy").shape == (3, 3, 12, 12)
    save(raw / "9.png", "RGB")
    assert np.load(run(raw) / "train.npy").shape == (4, 3, 12, 12)
    assert np.load(run(raw, channels=1) / "train.npy").shape == (4, 1, 12, 12)


def fitted(path: Path, channels: int = 1) -> list[int]:
    return fit_picture(path, (channels, 8, 8), "crop")[:, 4, 4].tolist()


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (200, 0, 0, 0)).save(tmp_path / "a.png")
    assert fitted(tmp_path / "a.png", 3) == [255, 255, 255]
    Image.new("LA", (8, 8), (0, 128)).save(tmp_path / "b.png")
    assert fitted(tmp_path / "b.png") == [127]
    Image.new("P", (8, 8), 3).save(tmp_path / "c.gif", transparency=3)
    assert fitted(tmp_path / "c.gif", 3) == [255, 255, 255]


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    for value, expected in ((0, 0), (256, 1), (32768, 128), (65535, 255)):
        for suffix in ("png", "tiff"):
            Image.fromarray(np.full((8, 8), value, np.uint16)).save(tmp_path / f"a.{suffix}")
            assert fitted(tmp_path / f"a.{suffix}") == [expected]


def test_an_animation_gives_its_first_picture(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), value) for value in (40, 200)]
    for suffix in ("gif", "webp"):
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
        assert abs(fitted(tmp_path / f"a.{suffix}")[0] - 40) < 3


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_pictures_are_turned_upright(raw: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    for index in range(4):
        picture = Image.new("L", (16, 24), 0)
        picture.paste(255, (0, 0, 8, 24))  # bright at the left, so at the top when upright
        picture.save(raw / f"{index}.{suffix}", exif=exif)
    pictures = np.load(run(raw, channels=1) / "train.npy")
    assert pictures.shape[2:] == (16, 24)
    assert pictures[:, :, :7].mean() > 245 > 10 > pictures[:, :, 9:].mean()


def halves(path: Path) -> None:
    """Save a picture of 32 x 16 pixels: black, white and gray from left to right."""
    pixels = np.full((16, 32), 128, np.uint8)
    pixels[:, :8], pixels[:, 8:24] = 0, 255
    Image.fromarray(pixels).save(path)


def test_resize_rules(raw: Path) -> None:
    for index in range(4):
        halves(raw / f"{index}.png")
    row = {rule: np.load(run(raw, size=16, resize=rule) / "train.npy")[0, 0] for rule in ("crop", "pad", "stretch")}
    assert (row["crop"] == 255).all()
    assert (row["pad"][:4] == 255).all()
    assert row["pad"][8, [0, 8, 15]].tolist() == [0, 255, 128]
    assert row["stretch"][0, [0, 8, 15]].tolist() == [0, 255, 128]
    assert np.load(run(raw, size=[8, 16]) / "train.npy").shape == (3, 1, 8, 16)


@pytest.mark.parametrize(("sides", "expected"), [([(20, 40), (40, 24), (24, 24), (24, 90)], (24, 24)), ([(20, 40)] * 4, (40, 20)), ([(512, 384)] * 4, (48, 64)), ([(6, 4)] * 4, (8, 12)), ([(300, 400), (400, 500), (300, 300)], (64, 64)), ([(2000, 4)] * 3, (8, 64))])  # fmt: skip
def test_the_size_comes_from_the_data(raw: Path, sides: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    for index, side in enumerate(sides):
        save(raw / f"{index}.png", size=side)
    assert np.load(run(raw) / "train.npy").shape[2:] == expected


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_arrays_keep_their_channels(raw: Path, channels: int) -> None:
    images = np.stack([IMAGES // (channel + 1) for channel in range(channels)], axis=3)
    npz(raw, images=images)
    pictures = np.load(run(raw) / "train.npy")
    assert pictures.shape == (64, channels, 8, 8)
    assert {picture.tobytes() for picture in pictures} <= {
        picture.tobytes() for picture in images.transpose(0, 3, 1, 2)
    }
    assert np.load(run(raw, size=[16, 12]) / "train.npy").shape == (64, channels, 16, 12)


def test_arrays_and_files_are_resized_alike(raw: Path) -> None:
    color = GENERATOR.integers(0, 256, (4, 20, 30, 3), dtype=np.uint8)
    npz(raw, images=color)
    from_array = np.load(run(raw, size=16) / "train.npy")
    (raw / "x.npz").unlink()
    for index, picture in enumerate(color):
        Image.fromarray(picture).save(raw / f"{index}.png")
    assert (np.load(run(raw, size=16) / "train.npy") == from_array).all()


def test_large_jpegs_are_decoded_smaller_and_look_the_same(tmp_path: Path) -> None:
    smooth = Image.fromarray(GENERATOR.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
        (800, 600), Image.Resampling.BICUBIC
    )
    smooth.save(tmp_path / "a.jpg", quality=95)
    smooth.save(tmp_path / "a.png")
    small, whole = (fit_picture(tmp_path / name, (3, 32, 32), "crop").astype(int) for name in ("a.jpg", "a.png"))
    assert abs(small - whole).mean() < 2


def test_a_packed_array_keeps_bytes_and_the_split_is_the_same_every_time(raw: Path) -> None:
    npz(raw, images=IMAGES, labels=LABELS)
    first = {path.name: path.read_bytes() for path in run(raw).iterdir()}
    stored = np.concatenate([np.load(raw.parent / "out" / f"{split}.npy") for split in ("train", "test")])
    assert sorted(picture.tobytes() for picture in stored) == sorted(picture.tobytes() for picture in IMAGES)
    assert {path.name: path.read_bytes() for path in run(raw).iterdir()} == first
    np.save(raw.parent / "again.npy", np.load(raw.parent / "out/train.npy"))
    assert (raw.parent / "again.npy").read_bytes() == first["train.npy"]
    run(raw, seed=1)
    assert (raw.parent / "out" / "test.npy").read_bytes() != first["test.npy"]


def test_bytes_do_not_depend_on_the_number_of_cores(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_all(raw, 24)
    written = []
    for cores in (1, 5):
        monkeypatch.setattr("os.sched_getaffinity", lambda process, cores=cores: set(range(cores)))
        written.append({path.name: path.read_bytes() for path in run(raw).iterdir()})
    assert written[0] == written[1]


def test_work_is_done_in_order_and_only_a_little_ahead() -> None:
    taken: list[int] = []
    results = in_order(lambda item: -item, (taken.append(item) or item for item in range(1000)), workers=2)
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    assert len(taken) < 200
    assert list(results)[-1] == -999


def test_generated_pictures_can_serve_as_raw_data(raw: Path) -> None:
    records = PictureRecords(IMAGES[:, None])
    write_samples(raw, [(records.gather(slice(None)), torch.zeros(80, 0))], PictureSchema(1, 8, 8))
    np.testing.assert_array_equal(read_samples(raw, PictureSchema(1, 8, 8)).pictures, IMAGES[:, None])
    assert len(open_records(run(raw), "train")) == 64


def test_duplicates_are_counted_named_and_said(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, values in (("train", (1, 2, 1, 1)), ("test", (2, 9, 9))):
        for index, value in enumerate(values):
            save(raw / split / f"{index}.png", value=value * 20)
    assert report(raw)["duplicates"] == {
        "test_in_train": 1,
        "within_train": 2,
        "within_test": 1,
        "pairs": [
            ["train/1.png", "test/0.png"],
            ["train/0.png", "train/2.png"],
            ["train/0.png", "train/3.png"],
            ["test/1.png", "test/2.png"],
        ],
    }
    assert "1 of 3 test pictures also occur in training" in capsys.readouterr().err


def test_bad_records_are_set_aside_and_move_no_other(raw: Path) -> None:
    save_all(raw, 24)
    whole = run(raw, on_bad_record="set_aside")
    before = {split: np.load(whole / f"{split}.npy") for split in ("train", "test")}
    (raw / "7.png").write_bytes((raw / "7.png").read_bytes()[:50])
    found = report(raw, on_bad_record="set_aside")
    assert [one["name"] for one in found["set_aside"]] == ["7.png"]
    assert found["train"] + found["test"] == 23
    for split, pictures in before.items():
        kept = [picture for picture in pictures if picture[0, 0, 0] != 10 + 9 * 7]
        assert (np.load(raw.parent / "out" / f"{split}.npy") == np.stack(kept)).all()


def test_rows_without_a_picture_are_set_aside(raw: Path) -> None:
    csv(raw, ROWS + "9.png,a\n")
    save(raw / "unnamed.png")
    found = report(raw, on_bad_record="set_aside", bad_limit=0.5)
    assert [one["name"] for one in found["set_aside"]] == ["9.png", "unnamed.png"]


def test_parquet_is_read_across_batches_and_files(raw: Path) -> None:
    for number in range(2):
        rows = [encoded(value) for value in range(number * 100, number * 100 + 100)]
        parquet(raw, {"image": rows, "label": [None if row == 5 else row for row in range(100)]}, f"{number}.parquet")
    found = report(raw, on_bad_record="set_aside")
    assert [one["name"] for one in found["set_aside"]] == ["0.parquet[5]", "1.parquet[5]"]
    out = raw.parent / "out"
    for split in ("train", "test"):
        pixels, labels = np.load(out / f"{split}.npy")[:, 0, 0, 0].astype(int), np.load(out / f"{split}_labels.npy")
        words = [int(read_schema(out).classes[label]) for label in labels]
        assert (pixels % 100 == words).all()


def test_pandas_can_write_what_is_read(raw: Path) -> None:
    pd.DataFrame({"image": BYTES, "label": list("abababab")}).to_parquet(raw / "x.parquet")
    assert read_schema(run(raw)).classes == ("a", "b")


@pytest.mark.parametrize("packer", [gzip, bz2, lzma])
def test_what_is_packed_otherwise_is_passed_over(raw: Path, packer: Any) -> None:
    save_all(raw)
    (raw / "notes.x").write_bytes(packer.compress(b"notes"))
    assert report(raw)["ignored"]["files"] == 1
