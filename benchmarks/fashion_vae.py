"""Fashion-MNIST: are samples of a VAE as good as its reconstructions, and what does a second stage give?

Frechet distance between generated pictures and the test split in the features of genloop's reference classifier: drawn
from the prior of a plain VAE (standard normal), from a mixture learned with the elbo, and from the second stage of
each; beside them reconstructions of test pictures, and real training pictures. Trained in bf16 on one thread.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.data import arguments, prepare_idx
from benchmarks.fashion_gan import COUNT, keep, prepare_reference
from benchmarks.genloop_run import draw_all, in_bf16, train_anew, vae
from benchmarks.measure import Stopwatch, machine, scores_of, table
from genloop.bounds import Bounds
from genloop.config import Vae
from genloop.identity import read_tensors
from genloop.image.data import read_schema
from genloop.randomness import keyed_seed
from genloop.sampling import Sampler, load_prior, load_sampler

RUN = {"second_stage": True}  # what differs from genloop's defaults


@torch.no_grad()
def reconstructions(bounds: Bounds, seed: int) -> torch.Tensor:
    """Return what the decoder makes of one latent of each test picture: [records, 1, 28, 28]."""
    torch.manual_seed(keyed_seed(seed, "reconstructions"))
    found: list[torch.Tensor] = []
    encoder: Any = bounds.encoder
    for block in np.array_split(np.arange(len(bounds.test)), -(-len(bounds.test) // 256)):
        none = torch.zeros(len(block), 0)
        found.append(bounds.decoder(encoder(bounds.test.gather(block), none).rsample(), none).sample())
    return torch.cat(found)


def measure(run: Vae, prepared: Path, reference: Path) -> list[tuple[str | float, ...]]:
    """Train a run and return its rows of the table."""
    watch = Stopwatch()
    weights = train_anew(run, prepared, watch)
    bounds = Bounds(weights, run, prepared, run.seed)
    elbo = float(bounds.elbos(1).mean())
    tensors = read_tensors(weights / "weights.safetensors")
    samplers: dict[str, Sampler] = {
        "prior": load_prior(tensors, run),
        "second stage": load_sampler(tensors, run),
    }
    pictures = {
        name: draw_all(bounds.decoder, sampler, run, read_schema(weights), COUNT) for name, sampler in samplers.items()
    } | {"reconstructions": reconstructions(bounds, run.seed)}
    rows: list[tuple[str | float, ...]] = []
    for name, found in pictures.items():
        folder = keep(f"fashion_vae_{run.prior}_{name.replace(' ', '_')}", found, prepared)
        scores, _ = scores_of("image", folder, reference, prepared)
        rows.append(
            (
                f"{run.prior} prior",
                name,
                scores["frechet"],
                scores["frechet_real"],
                elbo,
                watch.marks[-1][1] / 60,
            )
        )
        print(rows[-1], flush=True)
    return rows


def main(choices: argparse.Namespace) -> None:
    """Measure the plain VAE and the one with a learned prior."""
    torch.set_num_threads(1)
    prepared = prepare_idx(choices.data / "fashion-mnist", choices.records)
    reference = prepare_reference(prepared)
    rows = []
    for prior in ("standard", "mixture"):
        run = in_bf16(vae(data="fashion", prior=prior, epochs=choices.epochs, seed=choices.seed, **RUN))
        rows += measure(run, prepared, reference)
    header = ("run", "latents from", "Frechet", "real pictures", "elbo, nats", "CPU minutes so far")
    print(machine(), table(header, rows), sep="\n\n")


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args())
