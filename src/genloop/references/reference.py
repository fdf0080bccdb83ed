"""A run that somebody named, with all that is known of it: trained weights, scores and where they come from."""

from dataclasses import dataclass
from pathlib import Path

from genloop.comparison import Entry, read_metrics
from genloop.config import Gan, Vae
from genloop.errors import GenloopError
from genloop.formats import read_run
from genloop.identity import hash_weights


@dataclass(frozen=True)
class Origin:
    """Where a run was found."""

    commit: str | None = None  # that holds it, or at which it was trained, where that is known
    changed: bool = False  # whether it was trained with changes that no commit has
    data_hash: str | None = None  # DVC's, of the prepared records
    mlflow: str | None = None  # id of the MLflow run of these weights


@dataclass(frozen=True)
class Reference:
    """A run by the words that stand for it."""

    label: str  # as it was called; unlike for unlike runs
    name: str  # in params.yaml
    choices: Gan | Vae  # that it was trained with, in the present format
    entry: Entry  # its scores
    weights: Path  # folder; a temporary one where it was fetched
    origin: Origin

    @property
    def data(self) -> str:
        """The data set."""
        return str(self.choices.data)

    @property
    def modality(self) -> str:
        """The kind of data."""
        return str(self.choices.modality)

    @property
    def weights_hash(self) -> str:
        """The hash of its tensors."""
        return str(self.entry.identity["weights"])


def read_reference(label: str, name: str, weights: Path, metrics: str, origin: Origin) -> Reference:
    """Return a run whose weights lie in a folder; ``metrics`` is the text that ``evaluate`` wrote.

    Raises:
        GenloopError: the weights are missing, damaged or of a newer format, or the metrics are of other weights.
    """
    try:
        choices = read_run(weights)
        made = hash_weights(weights / "weights.safetensors")
    except GenloopError as error:  # the folder may be a temporary one, which says nothing to people
        raise GenloopError(f"{label}: {str(error).replace(f'{weights}/', '')}") from None
    entry = Entry(label, str(choices.data), read_metrics(metrics, f"{label}: its metrics"))
    if entry.identity.get("weights") != made:
        raise GenloopError(f"{label}: its metrics are of other weights; run 'dvc repro' to score these")
    return Reference(label, name, choices, entry, weights, origin)
