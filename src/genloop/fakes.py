"""What a check sees of fakes: how near they come to validation records, how varied they are, what a critic says."""

import copy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from torch import Tensor

from genloop import plugins
from genloop.conditions import drawn_conditions, known_conditions
from genloop.kernel import KernelDistance, kernel_distance_by_record
from genloop.numerics import seed_noise
from genloop.plugins import Records, Schema
from genloop.randomness import keyed_generator, keyed_seed
from genloop.repeats import MOST, Repeats

BLOCK = 256  # records at a time
FEWEST = 20  # training records, among which repeated ones are looked for
NEIGHBORS = 500  # records among which nearest ones are looked for

Features = Float[np.ndarray, "records features"]
Verdicts = Float[np.ndarray, " records"]


class Fakes:
    """Fakes of the same latents and conditions at every check, beside validation records."""

    def __init__(self, run: Any, training: Records, validation: Records, schema: Schema, count: int) -> None:
        """Measure the validation records; draw what the fakes are made from."""
        self.run, self.schema, self.count = run, schema, count
        self.embed = plugins.data(run.modality).embed
        torch.manual_seed(keyed_seed(run.seed, "validation"))
        self.asked = drawn_conditions(run, schema, count, None)
        chosen = keyed_generator(run.seed, "compared").permutation(len(training))[: len(validation)]
        self.real = self._with_conditions(validation, np.arange(len(validation)))
        self.trained_on = self._with_conditions(training, chosen)
        features = self._features(self.real[0])
        self.center, self.scale = features.mean(0), max(float(features.std(0).mean()), 1e-12)
        self.features = self._scaled(features)
        compared = keyed_generator(run.seed, "repeated").permutation(len(training))[:MOST]
        known = self._scaled(self._features(training.gather(np.sort(compared))))
        self.repeats = Repeats(known, self.features, run.seed) if len(known) >= FEWEST else None

    def look(self, system: Any) -> tuple[dict[str, float], KernelDistance]:
        """Return the numbers of the system's fakes by which the doctor judges, and how far they are from records."""
        fake = self._draw(system)
        features = self._scaled(self._features(fake))
        with np.errstate(all="ignore"):  # broken weights give broken numbers
            distance = kernel_distance_by_record(self.features, features)
            found = variety(self.features, features[: len(self.features)])
            if self.repeats and np.isfinite(features).all():
                found |= self.repeats.look(features)
            if "critic" in system.trained:
                found |= self._verdicts(system, fake)
        return found, distance

    @torch.no_grad()
    def _draw(self, system: Any) -> Tensor:
        generator, blocks = system.sampled[plugins.SAMPLED[self.run.family].lower()], []
        training = generator.training
        generator.eval()
        for start in range(0, self.count, BLOCK):
            asked = self.asked[start : start + BLOCK]
            seed_noise(keyed_seed(self.run.seed, "validation", start))
            z = system.sampled["prior"].sample(len(asked)).to(system.device)
            blocks.append(generator(z, asked.to(system.device)).sample())
        generator.train(training)
        return torch.cat(blocks)

    def _with_conditions(self, records: Records, indices: Any) -> tuple[Tensor, Tensor]:
        """Return records with what is known of them: nothing, where what is known would be in the records."""
        condition = known_conditions(self.run, records, indices)
        if condition.shape[1] < self.asked.shape[1]:
            condition = torch.zeros(len(condition), self.asked.shape[1])
        return records.gather(indices), condition

    def _features(self, records: Tensor) -> Features:
        blocks = records.float().split(BLOCK)
        return torch.cat([self.embed(block, self.schema).cpu() for block in blocks]).double().numpy()

    def _scaled(self, features: Features) -> Features:
        """Return features that have the mean 0 and about the deviation 1 over the validation records."""
        return (features - self.center) / self.scale

    @torch.no_grad()
    def _verdicts(self, system: Any, fake: Tensor) -> dict[str, float]:
        """Return how well a copy of the critic tells records from fakes, those it has learned from and others.

        ``memorized`` is how far its verdicts on the others are on the way to those on fakes (Karras et al. 2020,
        "Training generative adversarial networks with limited data", equation 1).

        A copy, since a critic that is normalized over the batch changes by being asked.
        """
        critic = copy.deepcopy(system.trained["critic"])
        on_real, on_trained, on_fake = (
            critic(x.to(system.device), condition.to(system.device)).double().cpu().numpy()
            for x, condition in (self.real, self.trained_on, (fake, self.asked))
        )
        both = np.concatenate([on_real, on_fake])
        return {
            "told": told_apart(on_real, on_fake),
            "told_learned": told_apart(on_trained, on_fake),
            "spread": float(both.std()),
            "memorized": float((on_trained.mean() - on_real.mean()) / (on_trained.mean() - on_fake.mean())),
        }


def variety(real: Features, fake: Float[np.ndarray, "fakes features"]) -> dict[str, float]:
    """Return how varied fakes are, as a multiple of how varied as many records are.

    ``diversity`` compares the mean squared distance of two, ``nearest`` the median distance to the nearest other.
    """
    diversity = fake.var(0, ddof=1).sum() / max(real.var(0, ddof=1).sum(), 1e-12)
    among_real, among_fake = (np.median(nearest_other(each[:NEIGHBORS])) for each in (real, fake))
    return {"diversity": diversity, "nearest": among_fake / among_real if among_real > 0 else 1.0}


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
