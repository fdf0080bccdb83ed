"""What a record is asked to be: numbers beside the latent or the record, none in a run that is not conditional."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genloop import plugins
from genloop.config import Training
from genloop.errors import GenloopError

Conditions = Float[Tensor, "batch conditions"]
GRID = 64  # records in a grid of a run without conditions


def condition_size(run: Training, schema: Any) -> int:
    """Return how many numbers a condition has.

    Raises:
        GenloopError: the run is conditional and the data set has nothing to ask for.
    """
    if run.conditional and not schema.conditions:
        raise GenloopError(
            f"conditional: the data set '{run.data}' has no classes; set conditional: false, or label it"
        )
    return int(schema.conditions) if run.conditional else 0


def known_conditions(run: Training, records: plugins.Records, indices: Any) -> Conditions:
    """Return the conditions of records."""
    return records.conditions(indices) if run.conditional else torch.zeros(len(indices), 0)


def drawn_conditions(run: Training, schema: Any, count: int, label: str | None) -> Conditions:
    """Draw conditions from the global generator as often as in training, or all as ``label`` says."""
    if not run.conditional:
        return torch.zeros(count, 0)
    return plugins.data(run.modality).draw_conditions(schema, count, label)


def grid_conditions(run: Training, schema: Any) -> Conditions:
    """Return the conditions of the records in a grid."""
    return plugins.data(run.modality).even_conditions(schema) if run.conditional else torch.zeros(GRID, 0)
