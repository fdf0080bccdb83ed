"""The default store after its project was moved or copied: MLflow notes the artifacts' places as absolute paths.

MLflow has no call that changes them, and takes relative ones from the folder of whoever asks. So the places are
changed in our own database, and only those that end as ours do: in ``.mlflow/artifacts/`` and an experiment's name.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from mlflow.entities import Experiment

PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
OURS = "/.mlflow/artifacts/"


def mend(experiments: Iterable[Experiment], folder: Path) -> None:
    """Have the store in ``folder`` look for artifacts where they lie now; does nothing where it does so already.

    Args:
        experiments: as the store has them.
        folder: ``.mlflow`` of the main checkout.
    """
    now = f"{(folder / 'artifacts').as_uri()}/"
    roots = {found.artifact_location.rpartition("/")[0] + "/" for found in experiments}
    moved = [root for root in roots if root != now and root.startswith("file://") and root.endswith(OURS)]
    if not moved:
        return
    with closing(sqlite3.connect(folder / "mlflow.db", timeout=30)) as store, store:  # all of it or nothing
        for table, column in PLACES:
            for root in moved:
                change = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
                store.execute(change, (now, len(root) + 1, len(root), root))
