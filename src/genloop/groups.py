"""Kinds of records that are found where no classes are asked for, and told to a GAN as classes would be.

A generator learns several times as much in the same time when critic and generator know what kind of record is meant
(Liu et al. 2020, "Diverse image generation via self-conditioned GANs"). The kinds are those of k-means over coarse
records; whoever samples never sees them.
"""

import dataclasses
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


def grouped(run: Gan | Vae, records: Records, schema: Schema) -> tuple[Records, Schema]:
    """Return training records with their groups and a schema that knows them, or both as they are."""
    count = number_of_groups(run, len(records))
    if not count:
        return records, schema
    groups = find_groups(run, records, schema, count)
    counts = tuple(torch.bincount(groups, minlength=count).tolist())
    known: Any = schema
    return Grouped(records, groups.to(torch.int16), count), dataclasses.replace(known, group_counts=counts)


def find_groups(run: Any, records: Records, schema: Schema, count: int) -> Tensor:
    """Return the group of each record by k-means (Lloyd 1982) over up to 20,000 records: [records]."""
    outline = plugins.data(run.modality).outline

    def coarse(indices: np.ndarray) -> np.ndarray:
        return outline(records.gather(indices), schema).cpu().numpy()

    def blocks(indices: np.ndarray) -> list[np.ndarray]:
        return np.array_split(indices, -(-len(indices) // BLOCK))

    order = keyed_generator(run.seed, "groups").permutation(len(records))[:FITTED]
    fit = KMeans(count, n_init=1, max_iter=ITERATIONS, random_state=keyed_seed(run.seed, "groups") % 2**32)
    with threadpool_limits(1):  # sums in one order
        fit.fit(np.concatenate([coarse(block) for block in blocks(order)]))
        found = [fit.predict(coarse(block)) for block in blocks(np.arange(len(records)))]
    return torch.from_numpy(np.concatenate(found)).long()
