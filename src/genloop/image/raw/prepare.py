"""From what people have to arrays: finds pictures, reads them, brings them to one size, splits and writes them.

docs/pictures.md says what a raw folder may hold. Pictures are decoded once, in order, and written as they come:
so memory stays flat and the bytes do not depend on the number of cores.
"""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genloop.choices import ImagePrepare
from genloop.errors import GenloopError
from genloop.image.raw.recognize import find_source
from genloop.image.raw.report import build_report
from genloop.image.raw.source import Bad, Source
from genloop.image.raw.split import check_splits, split_records
from genloop.image.raw.survey import Shape, choose_shape, survey
from genloop.image.raw.write import write_records
from genloop.outputs import check_disk, replace_folder, work_beside, write_json

NAMED = 5  # bad records that a message names


def prepare(raw: Path, choices: ImagePrepare, out: Path) -> None:
    """Write the pictures of ``raw`` as bytes [records, channels, height, width], with labels, schema and report.

    Raises:
        GenloopError: no pictures, some that cannot be read, or too few for a split; ``out`` stays as it was.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), work_beside(out.with_name(f"{out.name}.unpacked")) as scratch:
        warnings.simplefilter("ignore")  # what Pillow thinks of a file's metadata; what cannot be decoded is an error
        found = find_source(raw, choices.format, scratch)
        source = _without_single_class(found.source)
        splits = split_records(source, choices, raw)
        used = np.flatnonzero(splits != "validation")
        measured = survey(source, used)
        shape = choose_shape(source, used, measured, choices, raw)
        check_disk(out.parent, len(used) * int(np.prod(shape)))
        with replace_folder(out) as folder:
            written = write_records(source, splits, shape, choices.resize, folder)
            bad = [*source.bad, *written.bad]
            check_bad(bad, len(source.names) + len(source.bad), choices, raw)
            kept = written.kept
            check_splits(source.labels, source.classes, kept["train"], kept["test"], raw)
            write_labels(source, kept, folder)
            write_json(folder / "schema.json", build_schema(source, kept["train"], shape))
            report = build_report(found, source, splits, measured, written, choices.holdout_by)
            write_json(folder / "report.json", report)
    leaked = report["duplicates"]["test_in_train"]
    if leaked:
        told = f"{leaked} of {report['test']} test pictures also occur in training"
        print(f"genloop: {raw}: {told}, so scores flatter; {out}/report.json names them", file=sys.stderr)


def _without_single_class(source: Source) -> Source:
    """Return a source without its classes where there is just one, which tells nothing apart."""
    if len(source.classes) != 1:
        return source
    note = f"one class only ({source.classes[0]}), so the pictures are taken as having none"
    return replace(source, labels=None, classes=(), notes=(*source.notes, note))


def write_labels(source: Source, kept: dict[str, list[int]], folder: Path) -> None:
    """Write the labels of both splits as positions in the classes, where there are classes."""
    if source.labels is not None:
        for split, indices in kept.items():
            np.save(folder / f"{split}_labels.npy", source.labels[indices])


def build_schema(source: Source, train: list[int], shape: Shape) -> dict[str, Any]:
    """Return what the networks must know; ``class_counts`` are training records for each class."""
    counts = [] if source.labels is None else np.bincount(source.labels[train], minlength=len(source.classes)).tolist()
    channels, height, width = shape
    schema = {"modality": "image", "channels": channels, "height": height, "width": width}
    return schema | {"classes": source.classes, "class_counts": counts}


def check_bad(bad: Sequence[Bad], total: int, choices: ImagePrepare, place: object) -> None:
    """Refuse bad records where they are not to be set aside, or are too many.

    Raises:
        GenloopError: names the first of them with the reasons.
    """
    if not bad or (choices.on_bad_record == "set_aside" and len(bad) <= choices.bad_limit * total):
        return
    named = "; ".join(f"{one.name} ({one.reason})" for one in bad[:NAMED]) + (" ..." if len(bad) > NAMED else "")
    remedy = "mend or remove them, or set on_bad_record: set_aside"
    if choices.on_bad_record == "set_aside":
        remedy = f"that is more than bad_limit: {choices.bad_limit}; mend or remove them, or raise it"
    raise GenloopError(f"{place}: {len(bad)} of {total} pictures cannot be used: {named}; {remedy}")
