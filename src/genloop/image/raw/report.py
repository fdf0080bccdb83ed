"""What ``prepare`` found and decided, for people: report.json."""

from typing import Any

import numpy as np

from genloop.choices import HoldoutBy
from genloop.image.raw.duplicates import find_duplicates
from genloop.image.raw.recognize import Found
from genloop.image.raw.source import Source
from genloop.image.raw.write import Written
from genloop.splitting import DRAWN

LISTED = 20  # ignored files, and records left out, that are named


def build_report(
    found: Found, source: Source, splits: np.ndarray, measured: np.ndarray, written: Written, holdout_by: HoldoutBy
) -> dict[str, Any]:
    """Return the report; ``splits`` are of all records of the source, ``measured`` of those that were to be written."""
    train, test = written.kept["train"], written.kept["test"]
    left_out = np.flatnonzero(splits == "validation").tolist()
    bad = [*source.bad, *written.bad]
    sides = measured[measured[:, 0] > 0, 1:]
    official = source.splits is not None and "test" in source.splits
    return {
        "format": source.format,
        "unpacked": found.unpacked,
        "notes": source.notes,
        "found": len(source.names) + len(source.bad),
        "split": "official" if official else DRAWN[holdout_by],
        "train": len(train),
        "test": len(test),
        "left_out": {"validation": len(left_out), "named": [source.names[index] for index in left_out[:LISTED]]},
        "set_aside": [{"name": one.name, "reason": one.reason} for one in bad],
        "ignored": {"files": len(found.ignored), "named": found.ignored[:LISTED]},
        "sides": [sides.min(0).tolist(), sides.max(0).tolist()],
        "duplicates": find_duplicates(
            written.prints("train"),
            written.prints("test"),
            [source.names[index] for index in train],
            [source.names[index] for index in test],
        ),
    }
