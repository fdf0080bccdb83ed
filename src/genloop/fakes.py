"""What a check sees of fakes: how near they come to validation records, how varied they are, what a critic says."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits
from torch import Tensor

from genloop import plugins
from genloop.conditions import drawn_conditions, known_conditions
from genloop.kernel import KernelDistance, kernel_distance_by_record
from genloop.modes import evaluating
from genloop.numerics import seed_noise
from genloop.plugins import Records, Schema
from genloop.randomness import keyed_generator, keyed_seed
from genloop.repeats import MOST, Repeats

BLOCK = 256  # records at a time, at most
FEWEST = 20  # training records, among which repeated ones are looked for
NEIGHBORS = 500  # records among which nearest ones are looked for
ROUNDING = 1e-6  # deviation of features up to which records are equal

Features = Float[np.ndarray, "records features"]
Verdicts = Float[np.ndarray, " records"]


class Chosen(NamedTuple):
    """Some of the records, which are read only when they are asked for."""

    records: Records
    indices: Int[np.ndarray, " chosen"]

    def blocks(self) -> Iterator[tuple[Tensor, Int[np.ndarray, " block"]]]:
        """Yield the records block by block, with their indices."""
        for block in blocks(len(self.indices)):
            yield self.records.gather(self.indices[block]), self.indices[block]


class Fakes:
    """Fakes of the same latents and conditions at every check, beside validation records.

    No more than a block of records or fakes is held at a time, beside the features of all.
    """

    def __init__(self, run: Any, training: Records, validation: Records, schema: Schema, count: int) -> None:
        """Measure the validation records; draw what the fakes are made from."""
        self.run, self.schema, self.count = run, schema, count
        self.embed = plugins.data(run.modality).embed
        torch.manual_seed(keyed_seed(run.seed, "validation"))
        self.asked = drawn_conditions(run, schema, count, None)
        chosen = keyed_generator(run.seed, "compared").permutation(len(training))[: len(validation)]
        self.real, self.trained_on = Chosen(validation, np.arange(len(validation))), Chosen(training, chosen)
        compared = keyed_generator(run.seed, "repeated").permutation(len(training))[:MOST]
        features, known = (self._features_of(each) for each in (self.real, Chosen(training, np.sort(compared))))
        with threadpool_limits(1):  # sums in one order
            deviation = float(features.std(0).mean())
            self.center, self.scale = features.mean(0), deviation if deviation > ROUNDING else 1.0
            self.features = self._scaled(features)
            self.usual = spread(self.features)
            enough = len(known) >= FEWEST
            self.repeats = Repeats(self._scaled(known), self.features, run.seed) if enough else None

    def look(self, system: Any) -> tuple[dict[str, float], KernelDistance]:
        """Return the numbers of the system's fakes by which the doctor judges, and how far they are from records."""
        drawn, on_fake = [], []
        # A copy, since a critic that is normalized over the batch changes by being asked.
        critic = copy.deepcopy(system.trained["critic"]) if "critic" in system.trained else None
        for block in blocks(self.count):
            fake, asked = self._draw(system, block)
            drawn.append(self._embedded(fake))
            if critic is not None:
                on_fake.append(_verdicts(critic, fake, asked))
        if critic is not None:
            on_real, on_trained = (self._verdicts_on(critic, each, system) for each in (self.real, self.trained_on))
        features = self._scaled(np.concatenate(drawn))
        with threadpool_limits(1), np.errstate(all="ignore"):  # sums in one order; broken weights give broken numbers
            distance = kernel_distance_by_record(self.features, features)
            found = variety(self.usual, spread(features[: len(self.features)]))
            if self.repeats and np.isfinite(features).all():
                found |= self.repeats.look(features)
            if critic is not None:
                found |= judged(on_real, on_trained, np.concatenate(on_fake))
        return found, distance

    @torch.no_grad()
    def _draw(self, system: Any, block: slice) -> tuple[Tensor, Tensor]:
        """Return some of the fakes, and what they were asked to be."""
        generator, asked = system.sampled[plugins.SAMPLED[self.run.family].lower()], self.asked[block]
        seed_noise(keyed_seed(self.run.seed, "validation", block.start))
        z = system.sampled["prior"].sample(len(asked)).to(system.device)
        asked = asked.to(system.device)
        with evaluating(generator):
            fake = generator(z, asked).sample()
        return fake, asked

    def _conditions(self, records: Records, indices: Any) -> Tensor:
        """Return what is known of records: nothing, where what is known would be in the records."""
        condition = known_conditions(self.run, records, indices)
        return (
            condition if condition.shape[1] == self.asked.shape[1] else torch.zeros(len(indices), self.asked.shape[1])
        )

    def _embedded(self, records: Tensor) -> Features:
        return self.embed(records.float(), self.schema).cpu().double().numpy()

    def _features_of(self, chosen: Chosen) -> Features:
        return np.concatenate([self._embedded(records) for records, _ in chosen.blocks()])

    def _scaled(self, features: Features) -> Features:
        """Return features that have the mean 0 and about the deviation 1 over the validation records, if they vary."""
        return (features - self.center) / self.scale

    def _verdicts_on(self, critic: Any, chosen: Chosen, system: Any) -> Verdicts:
        return np.concatenate(
            [
                _verdicts(critic, x.to(system.device), self._conditions(chosen.records, indices).to(system.device))
                for x, indices in chosen.blocks()
            ]
        )


def blocks(count: int) -> list[slice]:
    """Return ``count`` places in blocks of nearly equal size, so that no last one is too small to be normalized."""
    number = -(-count // BLOCK)
    ends = [count * place // number for place in range(number + 1)]
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


@torch.no_grad()
def _verdicts(critic: Any, x: Tensor, condition: Tensor) -> Verdicts:
    verdicts: Verdicts = critic(x, condition).double().cpu().numpy()
    return verdicts


def judged(
    on_real: Float[np.ndarray, " real"], on_trained: Float[np.ndarray, " trained"], on_fake: Float[np.ndarray, " fake"]
) -> dict[str, float]:
    """Return how well a critic tells records from fakes, those it has learned from and others.

    ``memorized`` is how far its verdicts on the others are on the way to those on fakes (Karras et al. 2020,
    "Training generative adversarial networks with limited data", equation 1).
    """
    return {
        "told": told_apart(on_real, on_fake),
        "told_learned": told_apart(on_trained, on_fake),
        "spread": float(np.concatenate([on_real, on_fake]).std()),
        "memorized": float((on_trained.mean() - on_real.mean()) / (on_trained.mean() - on_fake.mean())),
    }


class Spread(NamedTuple):
    """How varied records are: the sum of their features' variances, and the median distance to the nearest other."""

    variance: float
    nearest: float


def spread(x: Features) -> Spread:
    """Return how varied records are."""
    return Spread(float(x.var(0, ddof=1).sum()), float(np.median(nearest_other(x[:NEIGHBORS]))))


def variety(real: Spread, fake: Spread) -> dict[str, float]:
    """Return how varied fakes are, as a multiple of how varied as many records are.

    ``diversity`` compares the mean squared distance of two, ``nearest`` the median distance to the nearest other.
    """
    nearest = fake.nearest / real.nearest if real.nearest > 0 else 1.0
    return {"diversity": fake.variance / max(real.variance, 1e-12), "nearest": nearest}


def nearest_other(x: Features) -> Verdicts:
    """Return the distance from each record to the nearest other one."""
    distances = cdist(x, x)
    np.fill_diagonal(distances, np.inf)
    nearest: Verdicts = distances.min(1)
    return nearest


def told_apart(real: Float[np.ndarray, " real"], fake: Float[np.ndarray, " fake"]) -> float:
    """Return how often a record gets a higher verdict than a fake, equal ones half: the area under the ROC curve."""
    ranks = rankdata(np.concatenate([real, fake]))[: len(real)].sum()
    return float((ranks - len(real) * (len(real) + 1) / 2) / (len(real) * len(fake)))
