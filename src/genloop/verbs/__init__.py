"""What ``python -m genloop`` can do, one file for each verb: ``declare`` its arguments, ``work`` on them.

Heavy imports are made when a verb works, so that help and refusals come at once.
"""

from pathlib import Path

from genloop.errors import GenloopError


def trained(name: str) -> Path:
    """Return the folder of a run's weights in the workspace.

    Raises:
        GenloopError: there are none.
    """
    weights = Path("data/weights") / name
    if not (weights / "run.json").exists():
        raise GenloopError(f"{weights}: holds no weights; run 'dvc repro train@{name}' first")
    return weights
