"""What a record is asked to be: numbers beside the latent or the record, for its class or a group that was found."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genloop import plugins
from genloop.categories import draw_counted, one_hot
from genloop.config import Gan, Training
from genloop.errors import GenloopError
from genloop.randomness import keyed_generator

Conditions = Float[Tensor, "batch conditions"]


@dataclass(frozen=True)
class Grouped:
    """Records whose conditions are the groups that were found for them."""

    records: plugins.Records
    groups: Tensor  # of each record: [records]
    count: int

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    @property
    def nbytes(self) -> int:
        """Bytes that all records take on a device."""
        return self.records.nbytes

    def on(self, device: torch.device) -> "Grouped":
        """Return the same records held by a device."""
        return Grouped(self.records.on(device), self.groups, self.count)

    def part(self, chosen: np.ndarray) -> "Grouped":
        """Return some of the records."""
        return Grouped(self.records.part(chosen), self.groups[torch.from_numpy(chosen)], self.count)

    def gather(self, indices: Any) -> Tensor:
        """Return the records at ``indices``."""
        return self.records.gather(indices)

    def conditions(self, indices: Any) -> Tensor:
        """Return the groups of the records at ``indices``, one-hot."""
        return one_hot(self.groups[torch.as_tensor(indices)], self.count)

    def ask(self, indices: Any, run: Any, generator: np.random.Generator) -> tuple[Any, Tensor]:
        """Return the records that a GAN looks at, these, and their groups."""
        return indices, self.conditions(indices)


def condition_size(run: Training, schema: Any) -> int:
    """Return how many numbers a condition has.

    Raises:
        GenloopError: the run is conditional and the data set has nothing to ask for.
    """
    if run.conditional and not schema.conditions:
        raise GenloopError(
            f"conditional: the data set '{run.data}' has no classes; set conditional: false, or label it"
        )
    return int(schema.conditions) if run.conditional else len(schema.group_counts)


def known_conditions(run: Training, records: plugins.Records, indices: Any) -> Conditions:
    """Return the conditions of records."""
    told = run.conditional or isinstance(records, Grouped)
    return records.conditions(indices) if told else torch.zeros(len(indices), 0)


def asked_conditions(
    run: Any, records: plugins.Records, indices: Any, step: tuple[int, int, int]
) -> tuple[Any, Conditions]:
    """Return the records that a training step of a GAN looks at and what it is asked for; of a VAE, these as known.

    What is asked for is keyed by the epoch, the step and the rank of the device.
    """
    if isinstance(run, Gan) and (run.conditional or isinstance(records, Grouped)):
        return records.ask(indices, run, keyed_generator(run.seed, "asked", *step))
    return indices, known_conditions(run, records, indices)


def drawn_conditions(run: Any, schema: Any, count: int, asked: Any) -> Conditions:
    """Draw conditions from the global generator as often as in training, or as ``sample:`` asks for."""
    if run.conditional:
        return plugins.data(run.modality).draw_conditions(schema, count, asked)
    if not schema.group_counts:
        return torch.zeros(count, 0)
    return one_hot(draw_counted(schema.group_counts, count), len(schema.group_counts))


def shown_conditions(run: Any, schema: Any, asked: Any = None) -> Conditions:
    """Return the conditions of the records in a picture; ``asked`` are the choices of ``sample``, if it is of those."""
    module = plugins.data(run.modality)
    if run.conditional:
        return module.shown_conditions(schema, asked)
    groups, shown = len(schema.group_counts), module.shown(schema)
    return one_hot(torch.arange(shown) * groups // shown, groups) if groups else torch.zeros(shown, 0)
