"""New pictures beside known ones: shape, classes, repeats, and how they look to a network with fixed weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from genloop.deliveries.chances import shares
from genloop.deliveries.choices import Drift
from genloop.deliveries.contents import compare_contents
from genloop.deliveries.findings import Compared, Finding, Trial
from genloop.deliveries.repeated import repeated
from genloop.image.data import PictureRecords, PictureSchema, open_records, read_schema
from genloop.image.encoding.features import random_features
from genloop.image.looks import CLASSES, PICTURES, KnownLabels, NewLabels, flat_pictures, looks
from genloop.image.raw.duplicates import fingerprint
from genloop.randomness import keyed_generator

MOST = 5_000  # pictures of either side that are looked at
BLOCK = 250  # of them at a time


@dataclass(frozen=True)
class Pictures:
    """Splits of a prepared data set as one, with classes as places in ``classes``; -1 where there are none."""

    schema: PictureSchema
    splits: tuple[PictureRecords, ...]
    labels: Int[np.ndarray, " pictures"]

    @staticmethod
    def open(folder: Path, names: Sequence[str] = ("train", "test")) -> "Pictures":
        """Open the splits of these names in the folder; no picture is read."""
        splits = tuple(open_records(folder, name) for name in names)
        labels = [np.full(len(part), -1) if part.labels is None else part.labels for part in splits]
        return Pictures(read_schema(folder), splits, np.concatenate(labels).astype(np.int64))

    def hashes(self) -> UInt64[np.ndarray, " pictures"]:
        """Return a number for each picture, the same for equal ones of the same class."""
        names, found, place = [name.encode() for name in self.schema.classes], bytearray(), 0
        for part in self.splits:
            for start in range(0, len(part), BLOCK):
                for picture in np.asarray(part.pictures[start : start + BLOCK]):
                    label = self.labels[place]
                    found += fingerprint(picture.tobytes() + (names[label] if label >= 0 else b""))
                    place += 1
        return np.frombuffer(bytes(found), np.uint64)

    def look(
        self, places: Int[np.ndarray, " chosen"]
    ) -> tuple[Float[np.ndarray, "chosen features"], Bool[np.ndarray, " chosen"]]:
        """Return the features of the pictures at sorted places, and which of them are of one color all over."""
        found, flat, start = [], [], 0
        for part in self.splits:
            own = places[(places >= start) & (places < start + len(part))] - start
            for first in range(0, len(own), BLOCK):
                chosen = own[first : first + BLOCK]
                found.append(random_features(part.gather(chosen)).double().numpy())
                pixels = np.asarray(part.pictures[chosen])
                flat.append((pixels == pixels[:, :, :1, :1]).all((1, 2, 3)))
            start += len(part)
        return np.concatenate(found), np.concatenate(flat)


def compare(before: Path, now: Path, drift: Drift) -> Compared:
    """Return what is new in prepared pictures, and tests of whether it is like what was there.

    Raises:
        GenloopError: a folder is damaged.
    """
    known, delivered = Pictures.open(before), Pictures.open(now)
    sizes, names = (len(known.labels), len(delivered.labels)), (PICTURES, CLASSES)
    findings = _changes(known.schema, delivered)
    if _shape(known.schema) != _shape(delivered.schema):
        return Compared(*sizes, sizes[1], sizes[0], tuple(findings), (), names)
    hashes = known.hashes(), delivered.hashes()
    found = compare_contents(*hashes)
    trials: list[Trial] = []
    if len(found.new):
        labels = _same_classes(known, delivered)[found.new]
        chosen = _drawn(np.arange(len(labels)), "new")
        places = _drawn(_alike(known.labels, labels, drift), "known")
        trials += _class_shares(known, labels)
        looked = known.look(places), delivered.look(found.new[chosen])
        trials += looks(looked[0][0], looked[1][0], known.labels[places], labels[chosen])
        trials += flat_pictures(looked[0][1], looked[1][1])
        trials += repeated(hashes[0], hashes[1][found.new], places, chosen, PICTURES)
    return Compared(*sizes, len(found.new), found.gone, tuple(findings), tuple(trials), names)


def split_hashes(before: Path, now: Path) -> tuple[UInt64[np.ndarray, " trained"], UInt64[np.ndarray, " held_out"]]:
    """Return a number for each training picture of ``before`` and each held-out one of ``now``, equal for equal ones.

    Raises:
        GenloopError: a folder is damaged.
    """
    return Pictures.open(before, ["train"]).hashes(), Pictures.open(now, ["test"]).hashes()


def _shape(schema: PictureSchema) -> tuple[int, int, int]:
    return schema.channels, schema.height, schema.width


def _changes(before: PictureSchema, delivered: Pictures) -> list[Finding]:
    """Return another shape, and classes that are new or gone."""
    now, found = delivered.schema, []
    if _shape(before) != _shape(now):
        shapes = [f"{schema.height}x{schema.width} with {schema.channels} channels" for schema in (now, before)]
        told = f"pictures are {shapes[0]}, were {shapes[1]}; state size and channels in params.yaml to keep them"
        found.append(Finding(PICTURES, told, True))
    counts = np.bincount(delivered.labels[delivered.labels >= 0], minlength=len(now.classes))
    new = [f"'{name}' ({count})" for name, count in zip(now.classes, counts, strict=True) if name not in before.classes]
    gone = [f"'{name}'" for name in before.classes if name not in now.classes]
    for told, names in (("new, with pictures", new), ("gone", gone)):
        if names:
            more_told = f" and {len(names) - 10} more" if len(names) > 10 else ""
            found.append(Finding(CLASSES, f"{told}: {', '.join(names[:10])}{more_told}", True))
    return found


def _same_classes(known: Pictures, delivered: Pictures) -> Int[np.ndarray, " pictures"]:
    """Return the classes of delivered pictures as places in the known classes, -1 where they are none of these."""
    places = {name: place for place, name in enumerate(known.schema.classes)}
    table = np.array([*(places.get(name, -1) for name in delivered.schema.classes), -1])
    return table[delivered.labels]


def _drawn(places: Int[np.ndarray, " places"], name: str) -> Int[np.ndarray, " drawn"]:
    return np.sort(keyed_generator(0, "delivery", name).permutation(places)[:MOST])


def _alike(known: KnownLabels, new: NewLabels, drift: Drift) -> Int[np.ndarray, " places"]:
    """Return known pictures to compare with: where classes may move, in the classes' new shares."""
    if CLASSES not in drift.moving or not np.isin(new, known).any():
        return np.arange(len(known))
    classes, wanted = np.unique(new[np.isin(new, known)], return_counts=True)
    groups = [np.flatnonzero(known == label) for label in classes]
    most = min(len(group) / count for group, count in zip(groups, wanted, strict=True))
    kept = [
        keyed_generator(0, "delivery", "alike", int(label)).permutation(group)[: max(int(most * count), 1)]
        for label, group, count in zip(classes, groups, wanted, strict=True)
    ]
    return np.sort(np.concatenate(kept))


def _class_shares(known: Pictures, labels: NewLabels) -> list[Trial]:
    """Return whether classes are as frequent among the new pictures as among the known ones."""
    names, labels = known.schema.classes, labels[labels >= 0]
    if len(names) < 2 or not len(labels):
        return []
    sides = [np.bincount(side, minlength=len(names)) for side in (known.labels, labels)]
    found = shares(sides[0], sides[1], keyed_generator(0, "delivery", CLASSES))
    parts = [side / side.sum() for side in sides]
    most = int(np.abs(parts[1] - parts[0]).argmax())
    told = f"classes have other shares: '{names[most]}' is {parts[1][most]:.1%}, was {parts[0][most]:.1%}"
    return [Trial.of(CLASSES, told, "likelihood-ratio chi-squared", f"G = {found.statistic:.4g}", found, "shift")]
