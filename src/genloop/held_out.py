"""The validation part of the training records: split off before training, seen by no step, looked at now and then."""

from typing import NamedTuple

import numpy as np

from genloop.config import Training, Vae
from genloop.errors import GenloopError
from genloop.plugins import Records
from genloop.randomness import keyed_generator

MOST = 2_000  # records, real or fake, that a check looks at
FEWEST = 2  # records of a split: an unbiased figure needs two
FEWEST_FAKES = 200
SHARE = 0.1  # of the time of all steps that checks may take
# Time of a record that a check looks at, against one that steps see, a little more than was measured.
COST, COST_IN_TURN = 0.7, 1.25  # the latter where a VAE tells a row span by span


def figure_of(run: Training) -> str:
    """Return the name of the figure by which a run's weights are kept.

    The elbo of rows falls long before rows that are drawn get worse, so tables have the distance for both families.
    """
    return "elbo" if isinstance(run, Vae) and run.modality == "image" else "kernel_distance"


class Plan(NamedTuple):
    """When checks are made, and how many fakes are drawn at each; 0: none are looked at."""

    epochs: frozenset[int]
    fakes: int


def split_records(run: Training, records: Records) -> list[Records]:
    """Return the records that steps see and, where there are to be any and can be, those that only checks see.

    Raises:
        GenloopError: the run has patience, and there are too few records for any that only checks see.
    """
    count = min(round(run.validation * len(records)), MOST)
    if run.validation:
        count = max(count, FEWEST)
    if not count or len(records) - count < FEWEST:
        if run.patience is not None:
            raise GenloopError(
                f"patience: {len(records)} records are too few for a validation part of {count}, by which gains are "
                "seen; remove patience, lower validation, or add records"
            )
        return [records]
    order = keyed_generator(run.seed, "validation").permutation(len(records))
    return [records.part(np.sort(order[count:])), records.part(np.sort(order[:count]))]


def plan_checks(run: Training, epochs: int, seen: int, held_out: int) -> Plan:
    """Spread checks evenly over the epochs, the last among them, so that they take a tenth of the time at most.

    There is one check at least, at the end; where that alone looks at more, the bound does not hold.

    Args:
        run: says how many checks are wished for.
        epochs: of the training.
        seen: records that steps see in an epoch.
        held_out: validation records.
    """
    in_turn = isinstance(run, Vae) and run.modality == "table"
    affordable = int(SHARE / (COST_IN_TURN if in_turn else COST) * epochs * seen)
    fakes = 0
    if figure_of(run) == "kernel_distance":
        fakes = min(max(affordable // run.validations - held_out, FEWEST_FAKES, held_out), MOST)
    checks = max(min(run.validations, epochs, affordable // (held_out + fakes)), 1)
    return Plan(frozenset(round(epochs * (check + 1) / checks) for check in range(checks)), fakes)
