"""What a person opens beside curves and scores: the outputs' files, the weights' card, all choices, a table of rows."""

import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as parquet
from mlflow.entities import RunTag
from PIL import Image
from safetensors import safe_open

from genloop.tracking.card import PICTURE, Facts, Network, card
from genloop.tracking.parameters import WHOLE, Chosen
from genloop.tracking.store import Store

LAYOUT = 1  # to be raised with any change of what is logged here, so that older runs get it as well
WIDEST = 680  # pixels of a picture in a description, in a window of 1,500
ROWS, ROWS_SHOWN = "samples/rows.json", 100
TABLES = "mlflow.loggedArtifacts"  # the tag by which the UI finds tables that it can compare


class Outputs(NamedTuple):
    """Where the outputs of a run lie."""

    weights: Path
    samples: Path
    report: Path
    metrics: Path


def log_artifacts(store: Store, run_id: str, outputs: Outputs, facts: Facts, chosen: Chosen) -> None:
    """Log what the outputs hold and what follows from them; doing it twice is as once."""
    client = store.client
    for folder, target in zip(outputs[:3], ("weights", "samples", "report"), strict=True):
        client.log_artifacts(run_id, str(folder), target)
    client.log_artifact(run_id, str(outputs.metrics), "metrics")
    client.log_text(run_id, card(facts), "weights/README.md")
    with Image.open(outputs.samples / "grid.png") as grid:
        client.log_image(run_id, described(grid), PICTURE)
    client.log_text(run_id, json.dumps(chosen._asdict(), indent=2, sort_keys=True), WHOLE)
    rows = outputs.samples / "samples.parquet"
    if rows.exists():
        client.log_text(run_id, first_rows(rows), ROWS)
        store.log(run_id, tags=[RunTag(TABLES, json.dumps([{"path": ROWS, "type": "table"}]))])


def described(grid: Image.Image) -> Image.Image:
    """Return a picture that is as wide as a description at most: the UI would cut off the rest."""
    scale = WIDEST / grid.width
    return grid.convert("RGB").resize((WIDEST, max(1, round(grid.height * scale)))) if scale < 1 else grid.copy()


def first_rows(path: Path) -> str:
    """Return the first hundred rows of a file as the UI reads tables; MLflow's own ``log_table`` would append them."""
    with parquet.ParquetFile(path) as file:
        batch = next(file.iter_batches(ROWS_SHOWN), None)
    table = (batch or file.schema_arrow.empty_table()).to_pandas()
    return str(table.to_json(orient="split", index=False, date_format="iso", force_ascii=False))


def networks_in(path: Path) -> tuple[Network, ...]:
    """Return what a file of weights holds, by network; its tensors are not read."""
    layers: dict[str, int] = defaultdict(int)
    numbers: dict[str, int] = defaultdict(int)
    with safe_open(path, "numpy") as tensors:
        for key in tensors.keys():  # noqa: SIM118
            network, count = key.partition(".")[0], 1
            for side in tensors.get_slice(key).get_shape():
                count *= side
            layers[network] += key.endswith(".weight")
            numbers[network] += count
    return tuple(Network(name, layers[name], numbers[name]) for name in sorted(numbers))
