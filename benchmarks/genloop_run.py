"""genloop as a contender: runs from a few keys, trained through its own training, for a rate or for some minutes."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks.data import subset
from benchmarks.measure import Stopwatch
from genloop import plugins
from genloop.config import Gan, ImageGan, ImageSample, ImageVae, Vae
from genloop.identity import read_tensors
from genloop.sampling import Sampler, draw, load_network, load_sampler
from genloop.training import train

Run = TypeVar("Run", Gan, Vae)
WORK = Path("benchmarks/work")
CALIBRATION = 4_000  # records of the short training that tells how long an epoch takes
MARGIN = 0.98  # the start and the end of a training take their part


def gan(**keys: Any) -> ImageGan:
    """Return a GAN run on pictures."""
    return ImageGan(modality="image", family="gan", **keys)


def vae(**keys: Any) -> ImageVae:
    """Return a VAE run on pictures."""
    return ImageVae(modality="image", family="vae", **keys)


def in_bf16(run: Run) -> Run:
    """Return the run with bf16 where that keeps what is learned."""
    return type(run).model_validate(run.model_dump() | {"trainer": {"precision": "bf16-mixed"}})


def train_anew(run: Gan | Vae, prepared: Path, observer: Any) -> Path:
    """Train a run from its beginning, whatever an earlier training left, and return the folder of its weights."""
    name = f"{run.data}_{run.family}{'_classes' if run.conditional else ''}_{run.seed}"
    out, state = WORK / name, WORK / f"state_{name}"
    shutil.rmtree(state, ignore_errors=True)
    train(run.family, run, prepared, out, state, observer)
    return out


def training_rate(
    run: Gan | Vae, prepared: Path, clock: Callable[[], float] = time.process_time, follower: Any = None
) -> float:
    """Return records per second of a run's training after its first epoch, with all that surrounds the steps."""
    watch = Stopwatch(clock, follower)
    train_anew(run, prepared, watch)
    return watch.rate()


def train_for(run: Gan, prepared: Path, minutes: float, count: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """Train a run for as many epochs as fit into so many minutes of processor time; return ``count`` records.

    How many fit is found by a short training that is not counted. The training itself is counted as a whole.
    """
    rate = training_rate(run.model_copy(update={"epochs": 3}), subset(prepared, CALIBRATION))
    records = len(plugins.data(run.modality).open_records(prepared, "train"))
    epochs = max(1, int(60 * minutes * rate * MARGIN / records))
    watch, start = Stopwatch(), time.process_time()
    out = train_anew(run.model_copy(update={"epochs": epochs}), prepared, watch)
    took = {"minutes": (time.process_time() - start) / 60, "epochs": epochs, "records_seen": watch.marks[-1][0]}
    schema, tensors = plugins.data(run.modality).read_schema(out), read_tensors(out / "weights.safetensors")
    name, network = plugins.sampled_network(run, schema)
    load_network(tensors, network, name)
    return draw_all(network, load_sampler(tensors, run), run, schema, count), took


def draw_all(network: torch.nn.Module, sampler: Sampler, run: Gan | Vae, schema: Any, count: int) -> torch.Tensor:
    """Return ``count`` pictures at once."""
    return torch.cat([block for block, _ in draw(network, sampler, run, schema, count, ImageSample(seed=run.seed))])
