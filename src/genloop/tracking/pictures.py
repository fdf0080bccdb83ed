"""Pictures by step: the same latents drawn again as training goes on, in files that MLflow's image charts look for."""

import io
import re
import tempfile
import time
import uuid
from pathlib import Path

from mlflow import MlflowClient
from PIL import Image

KEY = "previews"
FOLDER = "images"
SHOWN = "mlflow.loggedImages"  # the tag that makes the UI show the charts
SIDE = 256  # in pixels, of the small copies that the charts show first
Sizes = dict[str, int]  # of files, in bytes, by name


def known_previews(client: MlflowClient, run_id: str) -> dict[int, Sizes]:
    """Return the files that MLflow has of each epoch's grid."""
    found: dict[int, Sizes] = {}
    for artifact in client.list_artifacts(run_id, FOLDER):
        name = artifact.path.rpartition("/")[2]
        if match := re.match(rf"{KEY}\W+step\W+(\d+)\W", name):
            found.setdefault(int(match.group(1)), {})[name] = int(artifact.file_size or 0)
    return found


def complete_preview(client: MlflowClient, run_id: str, epoch: int, picture: bytes, known: Sizes) -> None:
    """Log one grid and its small copy, each unless MLflow has it whole; a file that is cut short is replaced.

    MLflow's own ``log_image`` draws a new name for each call, so that a repeated one would show the grid twice.

    Args:
        client: of the store.
        run_id: the MLflow run.
        epoch: after which it was drawn.
        picture: a PNG file.
        known: the files that MLflow has of this grid.
    """
    names = (name.partition("+compressed")[0].removesuffix(".png") for name in sorted(known))
    stem = next(names, f"{KEY}+step+{epoch}+timestamp+{int(time.time() * 1000)}+{uuid.uuid4()}")
    for name, content in ((f"{stem}.png", picture), (f"{stem}+compressed.webp", _small(picture))):
        if known.get(name) != len(content):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                path.write_bytes(content)
                client.log_artifact(run_id, str(path), FOLDER)


def _small(picture: bytes) -> bytes:
    with Image.open(io.BytesIO(picture)) as whole:
        scale = SIDE / max(whole.size)
        small = whole.resize((max(1, int(whole.width * scale)), max(1, int(whole.height * scale))))
    content = io.BytesIO()
    small.save(content, "webp")
    return content.getvalue()


def show_previews(client: MlflowClient, run_id: str) -> None:
    """Have the UI show the charts of a run's pictures."""
    client.set_tag(run_id, SHOWN, "True")


def complete_previews(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Log the grids in a folder of previews that MLflow does not have yet."""
    known = known_previews(client, run_id)
    for path in sorted(folder.glob("epoch_*.png")):
        epoch = int(path.stem.removeprefix("epoch_"))
        complete_preview(client, run_id, epoch, path.read_bytes(), known.get(epoch, {}))
    show_previews(client, run_id)
