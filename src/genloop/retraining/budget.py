"""A short training of some runs: choices of ``params.yaml`` that let two sides see as many records."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genloop.errors import GenloopError
from genloop.outputs import write_text
from genloop.reading import read_json
from genloop.schedule import resolve_epochs
from genloop.strict_yaml import read_yaml

PARAMS, GATE = "params.yaml", "gate"
MOST_COMPARED, MOST_DRAWN = 50_000, 100_000  # rows, where no count is stated: docs/params.md


@dataclass(frozen=True)
class Length:
    """How long a run trains by its own choices, and how many samples of it are looked at."""

    records: int  # training records
    epochs: int
    compared: int
    drawn: int

    @property
    def seen(self) -> int:
        """Records that its whole training sees."""
        return self.epochs * self.records


def keep_runs(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Leave in a folder's ``params.yaml`` nothing but some runs with their data, and return the data of each.

    So nothing else has to be there, nor to be right.

    Raises:
        GenloopError: there are no choices to be understood.
    """
    if not (folder / PARAMS).is_file():
        raise GenloopError(f"there is no {PARAMS}")
    params = read_yaml(folder / PARAMS)
    try:
        runs = {name: params["runs"][name] for name in names if name in params["runs"]}
        data = {name: str(run["data"]) for name, run in runs.items()}
        kept = {name: params["data"][name] for name in dict.fromkeys(data.values())}
        gate = {name: asked for name, asked in params.get(GATE, {}).items() if name in kept}
    except (AttributeError, KeyError, TypeError):
        raise GenloopError(f"{PARAMS} lacks runs or their data") from None
    _write(folder, {**params, "data": kept, "runs": runs} | ({GATE: gate} if GATE in params else {}))
    return data


def length_of(folder: Path, name: str, data: str) -> Length:
    """Return how long a run would train, from its resolved choices and the prepared records."""
    config, records = folder / "data/config", int(read_json(folder / f"data/prepared/{data}/report.json")["train"])
    training = read_json(config / name / "train.json")
    epochs = resolve_epochs(training["epochs"], training["records_seen"], records, most=training["most_epochs"])
    compared = read_json(config / data / "reference.json")["count"] or min(records, MOST_COMPARED)
    drawn = read_json(config / name / "sample.json")["count"] or min(records, MOST_DRAWN)
    return Length(records, epochs, compared, drawn)


def shorten(folder: Path, lengths: Mapping[str, Length], seen: Mapping[str, int]) -> None:
    """Have runs see about so many records, and draw no more samples than are compared."""
    params = read_yaml(folder / PARAMS)
    for name, length in lengths.items():
        run: dict[str, Any] = params["runs"][name]
        run["epochs"] = epochs_for(seen[name], length.records)
        if length.drawn > length.compared:
            run["sample"] = {**run.get("sample", {}), "count": length.compared}
    _write(folder, params)


def epochs_for(seen: int, records: int) -> int:
    """Return the epochs in which so many records are seen at least."""
    return max(math.ceil(seen / records), 1)


def _write(folder: Path, params: Mapping[str, Any]) -> None:
    write_text(folder / PARAMS, yaml.safe_dump(dict(params), sort_keys=False, allow_unicode=True))
