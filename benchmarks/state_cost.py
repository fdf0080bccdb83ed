"""The share of a training's time that saving states takes: of the shipped runs, and of a network with large states.

python -m benchmarks.state_cost

Needs the prepared data of this checkout (run `dvc repro` first). Times are of one process; only their ratio counts.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from genloop import training
from genloop.config import Gan, ImageVae, Train, Vae
from genloop.outputs import read_choices
from genloop.resume import SaveState
from tests.test_training import Watch

ROOT = Path(__file__).parents[1]
SHIPPED = ("digits_gan", "digits_vae", "cancer_gan", "cancer_vae")
LARGE = ImageVae(
    data="digits", modality="image", family="vae", networks="genloop.image.networks.dense", width=3000, epochs=12
)


class Measured(SaveState):
    """The same, and it can be asked afterwards."""

    last: "Measured"
    states = 0
    spent = 0.0  # seconds
    bytes = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        Measured.last = self

    def _save(self, trainer: Any, step: int) -> None:
        super()._save(trainer, step)
        self.spent += self.cost
        self.states += 1
        self.bytes = max(path.stat().st_size for path in self.files.folder.glob("*.ckpt"))


def measure(name: str, run: Gan | Vae) -> None:
    """Train a run and print a row."""
    folder = Path(tempfile.mkdtemp())
    start = time.monotonic()
    training.train(name, run, ROOT / "data/prepared" / run.data, folder / "out", folder / "state", Watch())
    seconds, saving = time.monotonic() - start, Measured.last
    print(
        f"| {name} | {saving.states} | {saving.bytes / 2**20:.1f} MiB | {1000 * saving.spent / saving.states:.0f} ms | "
        f"{saving.spent / seconds:.1%} |",
        flush=True,
    )


def main() -> None:
    """Print a table."""
    training.SaveState = Measured  # type: ignore[assignment, attr-defined]
    print("| run | states | size | a state takes | share of the time |\n|---|---|---|---|---|")
    for name in SHIPPED:
        measure(name, read_choices(ROOT / "data/config" / name / "train.json", Train))
    measure("large", LARGE)


if __name__ == "__main__":
    main()
