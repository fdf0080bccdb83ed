"""A fully connected VAE, 784-400-20, Bernoulli likelihood on pixel values, Adam, batch 128: pictures per second.

genloop's whole training in bf16, compiled and not, against (a) a conventional loop that loads each picture by itself,
fp32; (b) a bare loop over resident bytes, fp32; (c) the same in bf16; (d) pythae 0.1.2 on one tensor, in an environment
of its own. Must: 4 times (a) and 2 times (d). One thread is timed by processor time, two by the clock, so the latter
wants an idle machine.

For (d): python -m venv V; V/bin/pip install torch==2.13.0 and then pythae==0.1.2; --pythae V/bin/python
"""

import argparse
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from benchmarks.data import arguments, prepare_idx
from benchmarks.genloop_run import training_rate, vae
from benchmarks.measure import Rate, interleave, machine, medians, ratio, step_rate, table
from genloop.config import Trainer

WIDTH, LATENT, BATCH, LR, EPOCHS = 400, 20, 128, 1e-3, 3
GENLOOP = "genloop, bf16, compiled"
FULLY_CONNECTED = {"networks": "genloop.image.networks.dense", "likelihood": "bernoulli", "width": WIDTH}


class DenseVae(nn.Module):
    """The networks of the bare loops."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2 * LATENT))
        self.decoder = nn.Sequential(nn.Linear(LATENT, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 784))

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean negative elbo of pictures in [0, 1], in nats."""
        mean, log_variance = self.encoder(x.flatten(1)).float().chunk(2, 1)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        logits = self.decoder(z).float()
        distortion = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1)
        rate = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
        return (rate + distortion).mean()


class OneByOne(Dataset[tuple[Tensor, int]]):
    """Pictures as courses load them: each by itself, from bytes by way of a PIL image to floats, with its label."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray) -> None:
        self.pictures, self.labels = torch.from_numpy(pictures[:, 0]), torch.from_numpy(labels)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return a picture in [0, 1], [1, 28, 28], and its label."""
        picture = Image.fromarray(self.pictures[index].numpy())
        pixels = torch.from_numpy(np.array(picture)).view(*picture.size[::-1], 1)
        return pixels.permute(2, 0, 1).contiguous().float().div(255), int(self.labels[index])


def one_by_one(pictures: np.ndarray, labels: np.ndarray) -> Iterator[Tensor]:
    """Yield batches of a conventional loader without end."""
    loader = DataLoader(OneByOne(pictures, labels), BATCH, shuffle=True, drop_last=True)
    while True:
        for batch, _ in loader:
            yield batch


def gathered(pictures: np.ndarray) -> Iterator[Tensor]:
    """Yield batches that are gathered by index from resident bytes, without end."""
    resident = torch.from_numpy(pictures)
    while True:
        for indices in torch.randperm(len(resident)).split(BATCH)[: len(resident) // BATCH]:
            yield resident[indices].float().div_(255)


def bare_step(batches: Iterator[Tensor], bf16: bool) -> Callable[[], None]:
    """Return a function that makes one step of a bare loop."""
    network = DenseVae()
    optimizer = torch.optim.Adam(network.parameters(), LR)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = network(next(batches))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def genloop_rate(prepared: Path, threads: int, clock: Callable[[], float], compiled: bool) -> float:
    """Return the rate of genloop's whole training in bf16."""
    run = vae(
        data="fashion", prior="standard", latent=LATENT, batch=BATCH, lr=LR, epochs=EPOCHS, threads=threads, previews=2,
        trainer=Trainer(precision="bf16-mixed", compile=compiled), **FULLY_CONNECTED,
    )  # fmt: skip
    return training_rate(run, prepared, clock)


def pythae_rate(python: str, prepared: Path, threads: int) -> float:
    """Return the rate that pythae prints."""
    numbers = [str(number) for number in (threads, BATCH, EPOCHS, WIDTH, LATENT)]
    command = [python, "benchmarks/pythae_rate.py", str(prepared / "train.npy"), *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def contenders(prepared: Path, threads: int, pythae: str | None) -> dict[str, Rate]:
    """Return who is measured, by name."""
    clock = time.process_time if threads == 1 else time.perf_counter
    pictures, labels = np.load(prepared / "train.npy"), np.load(prepared / "train_labels.npy")
    steps = len(pictures) // BATCH

    def bare(batches: Iterator[Tensor], bf16: bool) -> Rate:
        step = bare_step(batches, bf16)
        return lambda: step_rate(step, steps, BATCH, clock)

    found: dict[str, Rate] = {
        "(a) one by one, fp32": bare(one_by_one(pictures, labels), bf16=False),
        "(b) bare, fp32": bare(gathered(pictures), bf16=False),
        "(c) bare, bf16": bare(gathered(pictures), bf16=True),
    }
    if pythae:
        found["(d) pythae, fp32"] = lambda: pythae_rate(pythae, prepared, threads)
    return found | {
        "genloop, bf16": lambda: genloop_rate(prepared, threads, clock, compiled=False),
        GENLOOP: lambda: genloop_rate(prepared, threads, clock, compiled=True),
    }


def main(choices: argparse.Namespace) -> None:
    """Measure with each number of threads."""
    prepared = prepare_idx(choices.data / "mnist", choices.records)
    rows = []
    for threads in choices.threads:
        torch.set_num_threads(threads)
        print(machine(), flush=True)
        results = interleave(contenders(prepared, threads, choices.pythae), choices.rounds)
        for name, rate in medians(results).items():
            rows.append((str(threads), name, rate, ratio(results, GENLOOP, name)))
    print(
        machine(),
        table(("threads", "what", "pictures/s", "genloop, compiled, is so many times as fast"), rows),
        sep="\n\n",
    )
    if not choices.pythae:
        print("\npythae was not measured: no --pythae given")


if __name__ == "__main__":
    parser = arguments(__doc__, records=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--pythae", help="the Python of an environment with pythae 0.1.2")
    main(parser.parse_args())
