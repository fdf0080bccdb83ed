"""Which records are held out: by the split that the data brings, or by a seeded one, of each class its share."""

import hashlib
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath

import numpy as np

from genloop.choices import ImagePrepare
from genloop.errors import GenloopError
from genloop.image.raw.duplicates import fingerprint, start_fingerprint
from genloop.image.raw.source import Encoded, Source
from genloop.image.raw.survey import each
from genloop.randomness import keyed_generator
from genloop.splitting import held_out_by_content

NAMES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "t10k": "test",  # the ten thousand test pictures of MNIST and its kin
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}


def split_of_folder(name: str) -> str | None:
    """Return the split that a folder of this name holds."""
    return NAMES.get(name.lower())


def split_of_file(name: str) -> str | None:
    """Return the split that a file's name tells, as in ``train-00000.parquet``, else the nearest folder's."""
    for part in reversed(PurePosixPath(name).parts):
        spoken = {NAMES[word] for word in re.split(r"[^a-z0-9]+", part.lower()) if word in NAMES}
        if len(spoken) == 1:
            return spoken.pop()
    return None


def official_splits(found: dict[str, str | None], place: object) -> dict[str, str] | None:
    """Return the split of each folder or file, or None where the names speak of no split that can be used.

    A split can be used with a part for training and one for testing. A part alone is no split:
    its records are split as any others.

    Raises:
        GenloopError: a part that belongs to none of the splits lies beside them, or the part for training is missing.
    """
    parts = {name: split for name, split in found.items() if split is not None}
    known = set(parts.values())
    if len(known) < 2:
        return None
    outside = sorted(found.keys() - parts.keys())
    if outside:
        raise GenloopError(f"{place}: {outside[0]} lies beside a split into {' and '.join(sorted(parts))}; move it")
    if "train" not in known:
        raise GenloopError(f"{place}: holds {' and '.join(sorted(parts))} but no train; add it, or rename the others")
    return parts


def stratified_split(labels: np.ndarray | None, count: int, holdout: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted indices of training and of held-out records; each class gives its share, at least one of two.

    The order within a class is keyed by the seed and the class, so a further class moves no record of another.
    """
    groups = [np.arange(count)] if labels is None else [np.flatnonzero(labels == label) for label in np.unique(labels)]
    train, test = [], []
    for position, group in enumerate(groups):
        shuffled = keyed_generator(seed, "split", position).permutation(group)
        held_out = min(max(round(len(group) * holdout), 1), len(group) - 1)
        test.append(shuffled[:held_out])
        train.append(shuffled[held_out:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def held_out_pictures(source: Source, pictures: np.ndarray, holdout: float, seed: int) -> np.ndarray:
    """Return which of the pictures are held out, [pictures], by what is stored of each; equal ones end on one side.

    Each class gives its share about, and at least one picture of two that are unlike.
    """
    contents = np.frombuffer(b"".join(each(source, pictures, "read pictures", stored_hash)), np.uint64)
    labels = np.zeros(len(pictures)) if source.labels is None else source.labels[pictures]
    held_out = np.zeros(len(pictures), dtype=bool)
    for label in np.unique(labels):
        group = labels == label
        held_out[group] = held_out_by_content(contents[group], holdout, seed)
    return held_out


def stored_hash(encoded: Encoded) -> bytes:
    """Return eight bytes that stand for a picture as it is stored; those of nothing, where it cannot be read."""
    if isinstance(encoded, Path):
        with suppress(OSError), encoded.open("rb") as file:  # what cannot be read is told when it is decoded
            return hashlib.file_digest(file, start_fingerprint).digest()
        return fingerprint(b"")
    if isinstance(encoded, np.ndarray):
        return fingerprint(f"{encoded.dtype} {encoded.shape}".encode() + encoded.tobytes())
    return fingerprint(encoded)


def split_records(source: Source, choices: ImagePrepare, place: object) -> np.ndarray:
    """Return train, test or validation for each record: the data's own split, else a drawn one of what is to train on.

    A drawn split is of all records, before any is decoded; so one that is set aside later moves no other.
    """
    splits = np.array(source.splits or ["train"] * len(source.names))
    if "test" not in splits:
        usable = np.flatnonzero(splits == "train")
        if len(usable):
            splits[_drawn(source, usable, choices)] = "test"
    train, test = (np.flatnonzero(splits == split).tolist() for split in ("train", "test"))
    check_splits(source.labels, source.classes, train, test, place)
    return splits


def _drawn(source: Source, usable: np.ndarray, choices: ImagePrepare) -> np.ndarray:
    """Return the indices of those of the usable records that are held out."""
    if choices.holdout_by == "content":
        return usable[held_out_pictures(source, usable, choices.holdout, choices.seed)]
    labels = None if source.labels is None else source.labels[usable]
    return usable[stratified_split(labels, len(usable), choices.holdout, choices.seed)[1]]


def check_splits(
    labels: np.ndarray | None, classes: tuple[str, ...], train: list[int], test: list[int], place: object
) -> None:
    """Check that both splits hold something, and that every class of one can be learned from the other.

    Raises:
        GenloopError: says which split or class lacks records.
    """
    if len(train) < 2 or not test:
        raise GenloopError(f"{place}: {len(train) + len(test)} pictures are too few for training and testing; add some")
    if labels is not None:
        strange = np.setdiff1d(labels[test], labels[train])
        if len(strange):
            raise GenloopError(
                f"{place}: class {classes[strange[0]]} is in the test split only; add some for training, or remove it"
            )
