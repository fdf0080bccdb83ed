"""Pictures by step: the same latents drawn again as training goes on."""

import re
from pathlib import Path

from mlflow import MlflowClient
from PIL import Image

KEY = "previews"


def log_preview(client: MlflowClient, run_id: str, epoch: int, picture: Image.Image) -> None:
    """Log one grid; MLflow's image charts have a slider over the step."""
    client.log_image(run_id, picture, key=KEY, step=epoch)


def logged_previews(client: MlflowClient, run_id: str) -> set[int]:
    """Return the epochs whose grids MLflow has, read from the names that it gave them."""
    names = (artifact.path for artifact in client.list_artifacts(run_id, "images"))
    found = (re.search(rf"/{KEY}\W+step\W+(\d+)\W", name) for name in names)
    return {int(match.group(1)) for match in found if match}


def complete_previews(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Log the grids in a folder of previews that MLflow does not have yet."""
    known = logged_previews(client, run_id)
    for path in sorted(folder.glob("epoch_*.png")):
        epoch = int(path.stem.removeprefix("epoch_"))
        if epoch not in known:
            with Image.open(path) as picture:
                log_preview(client, run_id, epoch, picture)
