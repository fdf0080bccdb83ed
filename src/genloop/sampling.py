"""From trained weights to generated records, without Lightning or MLflow."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from genloop import plugins
from genloop.conditions import drawn_conditions, shown_conditions
from genloop.config import Gan, GanSample, ImageSample, TableSample, Vae, VaeSample
from genloop.formats import read_run
from genloop.identity import hash_tensors, read_tensors
from genloop.marking import Mark, mark_folder
from genloop.numerics import make_reproducible
from genloop.outputs import replace_folder, write_json
from genloop.priors import FittedMixture, Noise, build_prior, cooled, standard, truncated
from genloop.randomness import keyed_seed

T = TypeVar("T", bound=nn.Module)
Tensors = dict[str, Tensor]
Sampler = Callable[[Tensor, Noise], Tensor]  # conditions to a latent for each, drawn from the global generator
UNUSUAL = ("truncation", "temperature")  # choices that the manifest tells where they are made


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
    return lambda conditions, noise: prior.sample(len(conditions), noise)


def noise_of(asked: ImageSample | TableSample) -> Noise:
    """Return the noise that latents are drawn by."""
    if isinstance(asked, GanSample) and asked.truncation is not None:
        return truncated(asked.truncation)
    if isinstance(asked, VaeSample) and asked.temperature is not None:
        return cooled(asked.temperature)
    return standard


@torch.no_grad()
def decode(network: nn.Module, sampler: Sampler, conditions: Tensor, noise: Noise = standard) -> Tensor:
    """Return a record for each condition: [conditions, ...]."""
    return network(sampler(conditions, noise), conditions).sample()


def draw(
    network: nn.Module, sampler: Sampler, run: Gan | Vae, schema: Any, count: int, asked: ImageSample | TableSample
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield ``count`` records and their conditions in blocks, each keyed by its number and the seed of ``asked``."""
    size = plugins.data(run.modality).block(schema)
    for block in range(-(-count // size)):
        records, conditions = draw_block(network, sampler, run, schema, block, asked)
        left = count - block * size
        yield records[:left], conditions[:left]


def draw_block(
    network: nn.Module, sampler: Sampler, run: Gan | Vae, schema: Any, block: int, asked: ImageSample | TableSample
) -> tuple[Tensor, Tensor]:
    """Return the records of a block by its number, and their conditions; the global generator stays as they left it."""
    torch.manual_seed(keyed_seed(asked.seed, "sample", block))
    conditions = drawn_conditions(run, schema, plugins.data(run.modality).block(schema), asked)
    return decode(network, sampler, conditions, noise_of(asked)), conditions


class Source:
    """Trained weights that records are drawn from."""

    def __init__(self, weights: Path) -> None:
        """Load what a run's records come from."""
        self.run = read_run(weights)
        make_reproducible(self.run.threads)
        self.module = plugins.data(self.run.modality)
        self.schema: Any = self.module.read_schema(weights)
        self.tensors = read_tensors(weights / "weights.safetensors")
        name, self.network = plugins.sampled_network(self.run, self.schema)
        load_network(self.tensors, self.network, name)
        self.sampler = load_sampler(self.tensors, self.run)

    def draw(self, count: int, asked: ImageSample | TableSample) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield blocks of records with what was asked of them."""
        for records, conditions in draw(self.network, self.sampler, self.run, self.schema, count, asked):
            yield records, self._told(conditions)

    def draw_block(self, block: int, asked: ImageSample | TableSample) -> tuple[Tensor, Tensor]:
        """Return a whole block of records with what was asked of them."""
        records, conditions = draw_block(self.network, self.sampler, self.run, self.schema, block, asked)
        return records, self._told(conditions)

    def _told(self, conditions: Tensor) -> Tensor:
        """Return conditions as far as people are told of them: groups that were found are not."""
        return conditions if self.run.conditional else conditions[:, :0]

    def show(self, asked: ImageSample | TableSample) -> Tensor:
        """Return the records of a picture."""
        if not self.run.conditional:
            return next(draw(self.network, self.sampler, self.run, self.schema, self.module.shown(self.schema), asked))[
                0
            ]
        torch.manual_seed(keyed_seed(asked.seed, "grid"))
        shown = shown_conditions(self.run, self.schema, asked)
        return decode(self.network, self.sampler, shown, noise_of(asked))


def sample(weights: Path, choices: ImageSample | TableSample, out: Path) -> None:
    """Write generated records, a picture of them and a manifest to ``out``."""
    source = Source(weights)
    count = source.module.sample_count(source.schema, choices)
    with replace_folder(out) as folder:
        source.module.write_samples(folder, source.draw(count, choices), source.schema)
        source.module.draw(source.show(choices), source.schema).save(folder / "grid.png")
        unused = {key for key in UNUSUAL if getattr(choices, key, None) is None}
        asked = choices.model_dump(exclude={"modality", "family", *unused})
        manifest = asked | {"count": count, "weights": hash_tensors(source.tensors)}
        write_json(folder / "manifest.json", manifest)
        mark_folder(folder, mark_of(weights.name, source.run, manifest))


def mark_of(name: str, run: Gan | Vae, manifest: dict[str, Any]) -> Mark:
    """Return the mark of what comes from samples, given their manifest."""
    asked = dict(manifest)
    weights, seed, count = asked.pop("weights"), asked.pop("seed"), asked.pop("count")
    wanted = {key: value for key, value in asked.items() if value}
    return Mark(name, weights, seed, count, wanted, run.model_dump(mode="json"))
