"""The format of a folder of trained weights: which one is written, and how older ones are read.

``run.json`` states the format beside the resolved choices; one that states none is of format 1. What an older format
did not state is filled in with what it did. That happens in memory, whenever a folder is read: weights stay as they
were trained. How a new format comes about: ``docs/releasing.md``.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genloop.config import Gan, Train, Vae
from genloop.errors import GenloopError
from genloop.outputs import check_choices
from genloop.reading import damaged, read_json

Stated = dict[str, Any]  # the choices of a run as JSON holds them


def _saved_at_epochs(run: Stated) -> Stated:
    """Format 1: kernels always deterministic; a state saved at the end of an epoch, ten seconds after the last."""
    return run | {"trainer": {"deterministic": True, "save_every": 10.0} | run.get("trainer", {})}


MIGRATIONS: tuple[Callable[[Stated], Stated], ...] = (_saved_at_epochs,)  # from format 1 to 2, from 2 to 3, ...
FORMAT = len(MIGRATIONS) + 1


def state_format(choices: Stated) -> Stated:
    """Return what ``run.json`` holds: the choices that weights were trained with, and the present format."""
    return {"format": FORMAT} | choices


def read_run(weights: Path) -> Gan | Vae:
    """Read the resolved choices that a folder of weights was trained with, whichever format it has.

    Raises:
        GenloopError: there are no weights, ``run.json`` is damaged, or its format is newer than this genloop.
    """
    path = weights / "run.json"
    choices: Gan | Vae = check_choices(path, _up_to_date(path, _read(path)), Train)
    return choices


def _read(path: Path) -> Stated:
    if not path.exists():
        raise GenloopError(f"{path}: missing; run 'dvc repro', which trains")
    stated = read_json(path)
    if not isinstance(stated, dict):
        raise damaged(path, ValueError("it holds no choices"))
    return stated


def _up_to_date(path: Path, stated: Stated) -> Stated:
    """Return choices of any format as those of the present one."""
    found = stated.pop("format", 1)
    if type(found) is not int or found < 1:
        raise damaged(path, ValueError(f"there is no format {json.dumps(found)}"))
    if found > FORMAT:
        raise GenloopError(
            f"{path}: has format {found}, made by a newer genloop; this one reads 1 to {FORMAT}: update genloop"
        )
    try:
        for migrate in MIGRATIONS[found - 1 :]:
            stated = migrate(stated)
    except (KeyError, TypeError):
        raise damaged(path, ValueError(f"it does not hold the choices of format {found}")) from None
    return stated
