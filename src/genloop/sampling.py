"""From trained weights to generated records, without Lightning or MLflow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from genloop import plugins
from genloop.conditions import GRID, drawn_conditions, grid_conditions
from genloop.config import Gan, Sample, Train, Vae
from genloop.identity import hash_tensors, read_tensors
from genloop.numerics import make_reproducible
from genloop.outputs import read_choices, replace_folder, write_json
from genloop.priors import FittedMixture, build_prior
from genloop.randomness import keyed_seed

T = TypeVar("T", bound=nn.Module)
Tensors = dict[str, Tensor]
Sampler = Callable[[Tensor], Tensor]  # conditions to a latent for each, drawn from the global generator
BLOCK = 256  # records drawn at a time: the first n records are the same whatever the count


def load_run(weights: Path) -> Gan | Vae:
    """Read the resolved choices that a folder of weights was trained with."""
    return read_choices(weights / "run.json", Train)


def load_network(tensors: Tensors, network: T, name: str) -> T:
    """Fill ``network`` with the tensors saved under ``name`` and set it to evaluation."""
    network.load_state_dict(saved_under(tensors, name))
    network.eval()
    return network


def saved_under(tensors: Tensors, name: str) -> Tensors:
    """Return the tensors of one network."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def load_sampler(tensors: Tensors, run: Gan | Vae) -> Sampler:
    """Return what a run's latents are drawn from: the second stage where there is one, else the prior."""
    return load_second_stage(tensors).sample if isinstance(run, Vae) and run.second_stage else load_prior(tensors, run)


def load_second_stage(tensors: Tensors) -> FittedMixture:
    """Return the mixture that was fitted to latents after training."""
    return load_network(tensors, FittedMixture(*saved_under(tensors, "sampler")["slopes"].shape), "sampler")


def load_prior(tensors: Tensors, run: Gan | Vae) -> Sampler:
    """Return the prior, which knows no conditions."""
    prior = load_network(tensors, build_prior(run), "prior")
    return lambda conditions: prior.sample(len(conditions))


@torch.no_grad()
def decode(network: nn.Module, sampler: Sampler, conditions: Tensor) -> Tensor:
    """Return a record for each condition: [conditions, ...]."""
    return network(sampler(conditions), conditions).sample()


def draw(
    network: nn.Module, sampler: Sampler, run: Gan | Vae, schema: Any, count: int, seed: int, label: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return ``count`` records and their conditions from latents that are keyed by ``seed``."""
    records, conditions = [], []
    for block in range(-(-count // BLOCK)):
        torch.manual_seed(keyed_seed(seed, "sample", block))
        conditions.append(drawn_conditions(run, schema, BLOCK, label))
        records.append(decode(network, sampler, conditions[-1]))
    return torch.cat(records)[:count], torch.cat(conditions)[:count]


def sample(weights: Path, choices: Sample, out: Path) -> None:
    """Write generated records, a picture of them and a manifest to ``out``."""
    run = load_run(weights)
    make_reproducible(run.threads)
    module = plugins.data(run.modality)
    schema = module.read_schema(weights)
    tensors = read_tensors(weights / "weights.safetensors")
    name, network = plugins.sampled_network(run, schema)
    load_network(tensors, network, name)
    sampler = load_sampler(tensors, run)
    records, conditions = draw(network, sampler, run, schema, choices.count, choices.seed, choices.label)
    torch.manual_seed(keyed_seed(choices.seed, "grid"))
    shown = decode(network, sampler, grid_conditions(run, schema)) if run.conditional else records[:GRID]
    with replace_folder(out) as folder:
        module.write_samples(folder, records, conditions if run.conditional else conditions[:, :0], schema)
        module.draw(shown).save(folder / "grid.png")
        write_json(
            folder / "manifest.json",
            {
                "count": choices.count,
                "label": choices.label,
                "seed": choices.seed,
                "weights": hash_tensors(tensors),
            },
        )
