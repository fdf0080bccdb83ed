"""The choices of a run as MLflow shows them: flat and short as parameters, and whole in an artifact."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from genloop.config import Training
from genloop.identity import group_of
from genloop.reading import read_json

WHOLE = "params.json"
LONGEST = 6000  # letters of a value that MLflow takes; it would cut a longer one without a word
NAME = re.compile(r"[A-Za-z0-9_]+")  # what MLflow takes in a name, and more; columns of tables may have any other


class Chosen(NamedTuple):
    """All that ``configure`` resolved for a run and its data set."""

    train: dict[str, Any]
    sample: dict[str, Any]
    evaluate: dict[str, Any]
    prepare: dict[str, Any]
    reference: dict[str, Any]

    def parameters(self) -> dict[str, str]:
        """Return the choices of training and data by names that are axes in the UI.

        MLflow never changes a parameter. So those of sampling and scoring, which may change while the weights stay, are
        in ``params.json`` and, as far as they made the scores, in tags.
        """
        found = flat(self.train) | flat({key: self.prepare[key] for key in self.prepare if key != "modality"}, "data.")
        return {key: _short(str(value)) for key, value in found.items()}

    def group(self) -> str:
        """Return a word for the runs that differ in nothing but seeds: their family and a hash of all other choices.

        It is known before the training, fits into the narrow column of the UI, and says nothing of the run's name: two
        names for equal choices are one group.
        """
        asked = {key: value for key, value in self.sample.items() if value}
        return f"{self.train['family']} {group_of(self.train, asked)[:7]}"


def read_chosen(name: str, run: Training, config: Path) -> Chosen:
    """Return the choices of a run; those of training are the ones that it was trained with.

    Raises:
        GenloopError: a file of ``config`` is missing or damaged.
    """
    sample, evaluate = (read_json(config / name / f"{stage}.json") for stage in ("sample", "evaluate"))
    prepare, reference = (read_json(config / run.data / f"{stage}.json") for stage in ("prepare", "reference"))
    return Chosen(run.model_dump(), sample, evaluate, prepare, reference)


def flat(choices: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested choices by names with dots; what has names of people's own choice is one value, as JSON."""
    found: dict[str, Any] = {}
    for key, value in choices.items():
        if isinstance(value, dict) and all(NAME.fullmatch(name) for name in value):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    return found


def _short(value: str) -> str:
    note = f"... (whole in {WHOLE})"
    return value if len(value) <= LONGEST else value[: LONGEST - len(note)] + note
