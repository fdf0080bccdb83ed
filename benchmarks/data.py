"""The data sets of the benchmarks as prepared folders, made from IDX files once and kept in benchmarks/prepared."""

import argparse
import shutil
from pathlib import Path

import numpy as np

from genloop.choices import ImagePrepare
from genloop.image.data import read_schema
from genloop.image.raw.prepare import prepare
from genloop.outputs import replace_folder, write_json
from genloop.randomness import keyed_generator

PREPARED = Path("benchmarks/prepared")
STACKED = {"train": 100_000, "test": 10_000}


def arguments(description: str | None, records: int | None = None) -> argparse.ArgumentParser:
    """Return a parser with what all benchmarks ask: where the data is and how much of it is used."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with mnist, fashion-mnist")
    parser.add_argument("--records", type=int, default=records, help="use only the first so many training pictures")
    return parser


def prepare_idx(source: Path, records: int | None = None) -> Path:
    """Return the prepared folder of ``source``, made where it is missing; of its first ``records`` only if said."""
    out = PREPARED / source.name
    if not out.exists():
        prepare(source, ImagePrepare(modality="image"), out)
    return out if records is None else subset(out, records)


def prepare_stacked(source: Path, seed: int = 0) -> Path:
    """Return MNIST stacked to 1,000 modes: each picture has three random digits in red, green and blue.

    Metz et al. 2017, "Unrolled generative adversarial networks", section 3.3.1; Lin et al. 2018, "PacGAN", 4.2.
    """
    out, digits = PREPARED / f"stacked-{seed}", prepare_idx(source)
    if not out.exists():
        with replace_folder(out) as folder:
            for split, count in STACKED.items():
                pictures, labels = np.load(digits / f"{split}.npy"), np.load(digits / f"{split}_labels.npy")
                chosen = keyed_generator(seed, "stacked", split).integers(len(pictures), size=(count, 3))
                np.save(folder / f"{split}.npy", pictures[chosen, 0])
                np.save(folder / f"{split}_labels.npy", labels[chosen].astype(np.int64) @ [100, 10, 1])
            write_schema(folder, channels=3, classes=1000)
    return out


def subset(prepared: Path, records: int) -> Path:
    """Return a prepared folder with the first training records only, made where it is missing."""
    out = prepared.with_name(f"{prepared.name}-first-{records}")
    if not out.exists():
        with replace_folder(out) as folder:
            shutil.copytree(prepared, folder, dirs_exist_ok=True)
            for path in folder.glob("train*.npy"):
                np.save(path, np.load(path)[:records])
            schema = read_schema(folder)
            write_schema(folder, schema.channels, len(schema.classes))
    return out


def write_schema(folder: Path, channels: int, classes: int) -> None:
    """Write ``schema.json`` of 28x28 pictures, with how many training pictures each class has."""
    counts = np.bincount(np.load(folder / "train_labels.npy"), minlength=classes).tolist() if classes else []
    schema = {
        "modality": "image",
        "channels": channels,
        "height": 28,
        "width": 28,
        "classes": [str(name) for name in range(classes)],
        "class_counts": counts,
    }
    write_json(folder / "schema.json", schema)
