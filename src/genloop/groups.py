"""Kinds of records that are found where no classes are asked for, and told to a GAN as classes would be.

A generator learns several times as much in the same time when critic and generator know what kind of record is meant
(Liu et al. 2020, "Diverse image generation via self-conditioned GANs"). The kinds are those of k-means over coarse
records; whoever samples never sees them.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from genloop import plugins
from genloop.conditions import Grouped
from genloop.config import Gan, Vae
from genloop.plugins import Records, Schema
from genloop.randomness import keyed_generator, keyed_seed

GROUPS = 100  # at most, where the run does not say
RECORDS_PER_GROUP = 100  # at least, where the run does not say
FITTED = 20_000  # records that k-means looks at, at most
ITERATIONS = 50
BLOCK = 1024  # records made coarse at a time


def number_of_groups(run: Gan | Vae, records: int) -> int:
    """Return how many groups a run tells its networks; 0 where it has classes, or a latent that finds them itself."""
    if isinstance(run, Vae) or run.conditional:
        return 0
    groups = min(GROUPS, records // RECORDS_PER_GROUP) if run.groups is None else min(run.groups, records)
    return groups if groups > 1 else 0


def grouped(run: Gan | Vae, parts: Sequence[Records], schema: Schema) -> tuple[list[Records], Schema]:
    """Return parts of the training records with their groups and a schema that knows them, or all as they are.

    The groups are those of the first part; records of the others are told by them.
    """
    count = number_of_groups(run, len(parts[0]))
    if not count:
        return list(parts), schema
    groups = find_groups(run, parts, schema, count)
    counts = tuple(torch.bincount(groups[0], minlength=count).tolist())
    known: Any = schema
    told: list[Records] = [Grouped(part, g.to(torch.int16), count) for part, g in zip(parts, groups, strict=True)]
    return told, dataclasses.replace(known, group_counts=counts)


def find_groups(run: Any, parts: Sequence[Records], schema: Schema, count: int) -> list[Tensor]:
    """Return the group of each record of each part by k-means (Lloyd 1982) over up to 20,000 records of the first."""
    outline = plugins.data(run.modality).outline

    def coarse(records: Records, indices: np.ndarray) -> list[np.ndarray]:
        blocks = np.array_split(indices, -(-len(indices) // BLOCK))
        return [outline(records.gather(block), schema).cpu().numpy() for block in blocks]

    order = keyed_generator(run.seed, "groups").permutation(len(parts[0]))[:FITTED]
    fit = KMeans(count, n_init=1, max_iter=ITERATIONS, random_state=keyed_seed(run.seed, "groups") % 2**32)
    with threadpool_limits(1):  # sums in one order
        fit.fit(np.concatenate(coarse(parts[0], order)))
        found = [[fit.predict(block) for block in coarse(part, np.arange(len(part)))] for part in parts]
    return [torch.from_numpy(np.concatenate(each)).long() for each in found]
