"""Makes the golden folder of the present format: ``python -m tests.golden.make``.

It holds tiny runs as they were trained, in the form of ``data/``, and what they drew and said when they were new. Later
versions must read it (``tests/test_formats.py``), so it is made once, by the version that brings the format, and kept.
"""

import json
import platform
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter

from genloop import plugins
from genloop.bound_scores import bound_scores
from genloop.choices import ImagePrepare, TablePrepare
from genloop.config import Gan, ImageSample, TableSample, Train, Vae, VaeEvaluate
from genloop.formats import FORMAT, read_run
from genloop.outputs import write_json
from genloop.sampling import sample
from genloop.table.fill import fill
from genloop.training import train
from tests.conftest import tiny_pictures, tiny_table
from tests.test_training import Watch

GOLDEN = Path(__file__).parent
DATA: dict[str, Any] = {
    "pictures": ImagePrepare(modality="image"),
    "rows": TablePrepare(modality="table", rules=("end >= start", "total = price + tip")),  # dates, a key and gaps too
}
PICTURES = {"data": "pictures", "modality": "image", "epochs": 2, "width": 4, "latent": 4, "batch": 16}
ROWS = {"data": "rows", "modality": "table", "epochs": 2, "width": 8, "latent": 4}
RUNS: dict[str, dict[str, Any]] = {
    "groups_gan": {**PICTURES, "family": "gan", "groups": 3},
    "layers_vae": {**PICTURES, "family": "vae", "conditional": True, "layers": 2, "second_stage": False},
    "rows_gan": {**ROWS, "family": "gan"},
    "rows_vae": {**ROWS, "family": "vae", "prior": "mixture", "second_stage": True},
}
SAMPLES: dict[str, ImageSample | TableSample] = {
    "image": ImageSample(count=40, seed=7),
    "table": TableSample(count=40, seed=7),
}
BOUNDS = VaeEvaluate(draws=2, importance=4)
KEPT = (
    "filled/*.csv",
    "prepared/*/*",
    "samples/*/manifest.json",
    "samples/*/samples.csv",
    "samples/*/samples.npz",
    "weights/*/*.csv",
    "weights/*/*.json",
    "weights/*/*.safetensors",
)  # pictures for people are not read again


def main() -> None:
    """Train the runs and keep what later versions are compared with."""
    golden = GOLDEN / f"format_{FORMAT}"
    if golden.exists():
        sys.exit(f"{golden} is there; the folder of a format that was released must stay as it is")
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        prepare_data(data)
        said = {name: train_run(name, run, data) for name, run in RUNS.items()}
        for file in (file for kept in KEPT for file in data.glob(kept)):
            (golden / file.relative_to(data)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, golden / file.relative_to(data))
    write_json(golden / "made.json", {"by": arithmetic(), "bounds": said})


def prepare_data(data: Path) -> None:
    """Write and prepare the tiny data, and a table with gaps to fill."""
    for folder in ("raw/pictures", "raw/rows", "filled"):
        (data / folder).mkdir(parents=True)
    images, labels = tiny_pictures()
    np.savez(data / "raw/pictures/pictures.npz", images=images, labels=labels)
    tiny_table(90).to_csv(data / "raw/rows/rows.csv", index=False)
    for name, choices in DATA.items():
        plugins.raw(choices.modality).prepare(data / "raw" / name, choices, data / "prepared" / name)
    gaps = tiny_table(20, seed=3).astype(str)
    gaps.loc[::2, ["member", "price"]] = ""
    gaps.loc[1::3, "end"] = ""
    gaps.to_csv(data / "filled" / "gaps.csv", index=False)


def train_run(name: str, choices: dict[str, Any], data: Path) -> dict[str, float]:
    """Train a run, draw from it, fill gaps with it, and return what it says of the test split, if it can."""
    run: Gan | Vae = TypeAdapter(Train).validate_python(choices)
    weights = data / "weights" / name
    train(name, run, data / "prepared" / run.data, weights, data / "state", Watch())
    sample(weights, SAMPLES[run.modality], data / "samples" / name)
    if run.modality == "table":
        fill(weights, data / "filled" / "gaps.csv", data / "filled" / f"{name}.csv", seed=7)
    return bounds_of(weights, data) if isinstance(run, Vae) else {}


def bounds_of(weights: Path, data: Path) -> dict[str, float]:
    """Return what a VAE says of the test split, in nats."""
    run = read_run(weights)
    assert isinstance(run, Vae)
    values = bound_scores(weights, run, data / "prepared" / run.data, BOUNDS).scores
    return {name: values[name] for name in ("rate", "distortion", "importance_bound")}


def arithmetic() -> dict[str, str]:
    """Return what equal bytes depend on beside the code: the kind of processor and the version of PyTorch."""
    stated = Path("/proc/cpuinfo")
    lines = stated.read_text().split("\n\n")[0].splitlines() if stated.exists() else []
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    kind = {name: known.get(name, "unknown") for name in ("vendor_id", "cpu family", "model")}
    capability = torch.backends.cpu.get_cpu_capability()
    return kind | {"machine": platform.machine(), "capability": capability, "torch": torch.__version__}


def read_made(golden: Path) -> dict[str, Any]:
    """Return by what a golden folder was made, and what its VAEs said of the test split."""
    return dict(json.loads((golden / "made.json").read_text()))


if __name__ == "__main__":
    main()
