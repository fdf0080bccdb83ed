"""From trained weights to generated records, without Lightning or MLflow."""

from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from genloop import plugins
from genloop.config import Gan, Sample, Train, Vae
from genloop.identity import hash_tensors, read_tensors
from genloop.numerics import make_reproducible
from genloop.outputs import read_choices, replace_folder, write_json
from genloop.priors import Prior, build_prior
from genloop.randomness import keyed_seed

T = TypeVar("T", bound=nn.Module)
BLOCK = 256  # records drawn at a time: the first n records are the same whatever the count


def load_run(weights: Path) -> Gan | Vae:
    """Read the resolved choices that a folder of weights was trained with."""
    return read_choices(weights / "run.json", Train)


def load_network(weights: Path, network: T, name: str) -> T:
    """Fill ``network`` with the tensors saved under ``name`` and set it to evaluation."""
    tensors = read_tensors(weights / "weights.safetensors")
    prefix = f"{name}."
    network.load_state_dict(
        {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    )
    network.eval()
    return network


@torch.no_grad()
def draw(network: nn.Module, prior: Prior, count: int, seed: int) -> Tensor:
    """Return ``count`` records from latents of the prior, keyed by ``seed``: [count, ...]."""
    blocks = []
    for block in range(-(-count // BLOCK)):
        torch.manual_seed(keyed_seed(seed, "sample", block))
        blocks.append(network(prior.sample(BLOCK)).sample())
    return torch.cat(blocks)[:count]


def sample(weights: Path, choices: Sample, out: Path) -> None:
    """Write generated records, a picture of them and a manifest to ``out``."""
    run = load_run(weights)
    make_reproducible(run.threads)
    module = plugins.data(run.modality)
    schema = module.read_schema(weights)
    name, network = plugins.sampled_network(run, schema)
    prior = load_network(weights, build_prior(run), "prior")
    records = draw(load_network(weights, network, name), prior, choices.count, choices.seed)
    with replace_folder(out) as folder:
        module.write_samples(folder, records, schema)
        module.draw(records).save(folder / "grid.png")
        manifest = {
            "count": choices.count,
            "seed": choices.seed,
            "weights": hash_tensors(weights / "weights.safetensors"),
        }
        write_json(folder / "manifest.json", manifest)
