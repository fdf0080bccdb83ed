"""What a raw folder may hold, and what is refused with which message."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genloop.config import Prepare
from genloop.errors import GenloopError
from genloop.image.data import (
    PictureRecords,
    PictureSchema,
    open_labels,
    open_records,
    read_samples,
    read_schema,
    write_samples,
)
from genloop.image.raw.prepare import prepare
from tests.conftest import tiny_pictures

CHOICES = Prepare(modality="image")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def save(path: Path, mode: str = "L", size: tuple[int, int] = (12, 12), value: int = 90, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).convert(mode).save(path, **options)  # type: ignore[arg-type]


def run(raw: Path, choices: Prepare = CHOICES) -> Path:
    prepare(raw, choices, raw.parent / "out")
    return raw.parent / "out"


def test_class_folders_keep_their_classes_in_both_splits(raw: Path) -> None:
    for index in range(10):
        save(raw / "cats" / f"{index}.png", value=10)
        save(raw / "dogs" / f"{index}.jpg", value=200)
    out = run(raw)
    assert read_schema(out) == PictureSchema(1, 12, 12, ("cats", "dogs"))
    assert len(open_records(out, "train")) == 16
    labels = open_labels(out, "test")
    assert labels is not None
    assert labels.tolist() == [0, 0, 1, 1]
    pictures = np.asarray(np.load(out / "test.npy"))
    assert pictures[labels == 0].max() < 100 < pictures[labels == 1].min()
    assert json.loads((out / "report.json").read_text())["format"] == "class folders"


def test_a_flat_folder_has_no_classes(raw: Path) -> None:
    for index in range(10):
        save(raw / f"{index}.png")
    out = run(raw)
    assert read_schema(out).classes == ()
    assert open_labels(out, "train") is None


@pytest.mark.parametrize(("mode", "suffix", "channels"), [("L", "png", 1), ("1", "png", 1), ("LA", "png", 1), ("RGB", "jpg", 3), ("RGBA", "png", 3), ("P", "gif", 3), ("CMYK", "tiff", 3), ("RGB", "webp", 3), ("RGB", "bmp", 3)])  # fmt: skip
def test_modes_and_formats(raw: Path, mode: str, suffix: str, channels: int) -> None:
    for index in range(4):
        save(raw / f"{index}.{suffix}", mode, value=255 if mode == "1" else 90)
    assert read_schema(run(raw)).channels == channels


def test_one_colored_picture_makes_all_of_them_colored(raw: Path) -> None:
    for index in range(4):
        save(raw / f"{index}.png", "RGB" if index == 3 else "L")
    assert np.load(run(raw) / "train.npy").shape == (3, 3, 12, 12)


def test_any_shape_is_cropped_and_scaled_to_the_median_of_the_shorter_sides(raw: Path) -> None:
    for index, size in enumerate([(20, 40), (40, 24), (24, 24), (24, 90)]):
        save(raw / f"{index}.png", size=size)
    assert np.load(run(raw) / "train.npy").shape[2:] == (24, 24)
    assert np.load(run(raw, Prepare(modality="image", size=16)) / "train.npy").shape[2:] == (16, 16)


def test_large_pictures_come_down_to_what_the_networks_serve(raw: Path) -> None:
    for index in range(4):
        save(raw / f"{index}.png", size=(300, 200))
    assert np.load(run(raw) / "train.npy").shape[2:] == (64, 64)


def test_pictures_are_turned_upright(raw: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    for index in range(4):
        picture = Image.new("L", (16, 16), 0)
        picture.paste(255, (0, 0, 8, 16))  # bright at the left, so at the top when upright
        picture.save(raw / f"{index}.png", exif=exif)
    pictures = np.load(run(raw) / "train.npy")
    assert pictures[:, :, :7].mean() > 250 > 5 > pictures[:, :, 9:].mean()


def test_an_archive_keeps_bytes_and_the_split_is_the_same_every_time(raw: Path) -> None:
    images, labels = tiny_pictures()
    np.savez(raw / "x.npz", images=images, labels=labels)
    first = {path.name: path.read_bytes() for path in run(raw).iterdir()}
    stored = np.concatenate([np.load(raw.parent / "out" / f"{split}.npy") for split in ("train", "test")])
    assert sorted(picture.tobytes() for picture in stored) == sorted(picture.tobytes() for picture in images)
    assert {path.name: path.read_bytes() for path in run(raw).iterdir()} == first
    run(raw, Prepare(modality="image", seed=1))
    assert (raw.parent / "out" / "test.npy").read_bytes() != first["test.npy"]


def test_generated_pictures_can_serve_as_raw_data(raw: Path) -> None:
    images, _ = tiny_pictures()
    records = PictureRecords(images[:, None])
    write_samples(raw, records.gather(slice(None)), torch.zeros(80, 0), PictureSchema(1, 8, 8))
    assert (read_samples(raw) == records.pictures).all()
    assert len(open_records(run(raw), "train")) == 64


def write(raw: Path, **arrays: np.ndarray) -> None:
    np.savez(raw / "x.npz", **arrays)  # type: ignore[arg-type]


def truncate(path: Path) -> None:
    save(path, size=(64, 64))
    path.write_bytes(path.read_bytes()[:40])


IMAGES, LABELS = tiny_pictures()
REFUSED = {
    "nothing": (lambda raw: None, "holds no pictures; put class folders of .bmp, .gif"),
    "one picture": (lambda raw: save(raw / "a.png"), "1 pictures are too few to hold out 20%"),
    "a truncated picture": (lambda raw: (save(raw / "a.png"), truncate(raw / "b.png")), "1 of 2 pictures cannot be read: b.png"),
    "an empty file": (lambda raw: (save(raw / "a.png"), (raw / "b.png").write_bytes(b"")), "1 of 2 pictures cannot be read: b.png"),
    "a text called png": (lambda raw: (save(raw / "a.png"), (raw / "b.png").write_text("x")), "1 of 2 pictures cannot be read: b.png"),
    "a picture beside class folders": (lambda raw: (save(raw / "cats/a.png"), save(raw / "b.png")), "b.png lies beside class folders"),
    "an archive beside pictures": (lambda raw: (save(raw / "a.png"), write(raw, images=IMAGES)), "keep one NPZ file or pictures"),
    "a broken archive": (lambda raw: (raw / "x.npz").write_bytes(b"PK\x03\x04 broken"), "cannot be read as NPZ"),
    "a pickle in an archive": (lambda raw: write(raw, images=np.array([{}], dtype=object)), "cannot be read as NPZ"),
    "an archive without images": (lambda raw: write(raw, pictures=IMAGES), "needs 'images' as bytes"),
    "floating point": (lambda raw: write(raw, images=IMAGES / 255), "needs 'images' as bytes"),
    "too few labels": (lambda raw: write(raw, images=IMAGES, labels=LABELS[:3]), "one whole number or word for each of the 80 pictures"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_named_and_leaves_earlier_outputs(raw: Path, name: str) -> None:
    (raw.parent / "out").mkdir()
    (raw.parent / "out" / "train.npy").write_text("earlier")
    make, message = REFUSED[name]
    make(raw)
    with pytest.raises(GenloopError) as caught:
        run(raw)
    assert message in str(caught.value)
    assert (raw.parent / "out" / "train.npy").read_text() == "earlier"
    assert [path.name for path in raw.parent.iterdir() if path.name.startswith(".")] == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(GenloopError, match="no such folder"):
        prepare(tmp_path / "raw", CHOICES, tmp_path / "out")


def test_a_full_disk_is_foreseen(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(raw, images=IMAGES)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100})())
    with pytest.raises(GenloopError, match=r"needs 0\.00 GiB of disk and 0\.00 GiB are free"):
        run(raw)
