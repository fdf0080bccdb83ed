"""What a report is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genloop.illustrations import Illustration, Listed
from genloop.reading import read_json


@dataclass(frozen=True)
class ReportFacts:
    """All that is known of a run once it has been scored."""

    run: str
    choices: Mapping[str, Any]  # as resolved: weights/<run>/run.json
    metrics: Mapping[str, Any]  # scores by name, and intervals, left_out, baselines and protocol
    weights: Path  # folder of curves, layers and previews
    samples: Path  # folder of pictures of samples
    illustrations: Sequence[Illustration] = ()  # further pictures
    suspicious: Illustration | Listed | None = None  # the samples nearest to training records, beside these
    training: Mapping[str, Any] = field(default_factory=dict)  # weights/<run>/training.json: epochs, findings
    identity: Mapping[str, str] = field(default_factory=dict)  # hashes by what they are of


def read_training(weights: Path) -> dict[str, Any]:
    """Return what is known of how a training went: nothing where nobody noted it."""
    path = weights / "training.json"
    return dict(read_json(path)) if path.exists() else {}
