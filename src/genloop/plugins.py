"""The narrow waist: what a kind of data (modality) and a kind of model (family) provide; the only dispatch by name.

A modality is a folder ``genloop/<modality>/`` with the modules ``raw.prepare``, ``data``, ``scores.compare`` and one of
networks that fulfill the Protocols below, and ``encoding`` with what they share. A family is a module
``genloop/<family>.py`` with a LightningModule.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

if TYPE_CHECKING:  # preparing and training do not depend on how scores are written down
    import pandas as pd

    from genloop.deliveries.choices import Drift
    from genloop.deliveries.findings import Compared
    from genloop.scored import Scored

SYSTEMS = {"gan": "GanSystem", "vae": "VaeSystem"}
DEFAULT_NETWORKS = {"image": "convolutional", "table": "dense"}
SAMPLED = {"gan": "Generator", "vae": "Decoder"}  # the network that turns a latent into records


@runtime_checkable
class Schema(Protocol):
    """What the networks must know of a data set's records."""

    @property
    def dimensions(self) -> int:
        """Numbers in one record, for figures per dimension."""
        ...

    @property
    def conditions(self) -> int:
        """Numbers in a condition, which says what a record is asked to be; 0 where nothing can be asked."""
        ...

    @property
    def heaviest(self) -> str:
        """What in the data takes most memory while training and how to have less of it, in words."""
        ...

    @property
    def group_counts(self) -> tuple[int, ...]:
        """Training records of each group that was found where no classes were asked for; of no group elsewhere."""
        ...


@runtime_checkable
class Likelihood(Protocol):
    """A distribution over a batch of records."""

    def rsample(self) -> Tensor:
        """Draw records, differentiable in the distribution's parameters."""
        ...

    def sample(self) -> Tensor:
        """Return the records that are handed out to people."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each record in nats: [batch]."""
        ...


@runtime_checkable
class Records(Protocol):
    """The records of one split, gathered by index."""

    def __len__(self) -> int:
        """Return the number of records."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that all records take on a device."""
        ...

    def on(self, device: torch.device) -> "Records":
        """Return the same records held by a device."""
        ...

    def part(self, chosen: np.ndarray) -> "Records":
        """Return some of the records, by their indices, as if there were no others."""
        ...

    def gather(self, indices: Any) -> Tensor:
        """Return the records at ``indices`` as the networks see them: [batch, ...]."""
        ...

    def conditions(self, indices: Any) -> Tensor:
        """Return the conditions of the records at ``indices``, all that is known of them: [batch, conditions]."""
        ...

    def ask(self, indices: Any, run: Any, generator: Any) -> tuple[Any, Tensor]:
        """Return the records that a GAN looks at instead of those at ``indices``, and what it is asked for."""
        ...


@runtime_checkable
class RawModule(Protocol):
    """``genloop.<modality>.raw.prepare``: from what people have to arrays of equal shape."""

    def prepare(self, raw: Path, choices: Any, out: Path) -> None:
        """Write ``train.*``, ``test.*``, ``schema.json`` and ``report.json`` to ``out``."""
        ...


@runtime_checkable
class DataModule(Protocol):
    """``genloop.<modality>.data``: prepared records in, generated records out."""

    def block(self, schema: Schema) -> int:
        """Return how many records are drawn at a time: the first n records are the same whatever the count."""
        ...

    def shown(self, schema: Schema) -> int:
        """Return how many records are in a picture of a run without conditions."""
        ...

    def read_schema(self, folder: Path) -> Schema:
        """Read ``schema.json``."""
        ...

    def open_records(self, folder: Path, split: str) -> Records:
        """Open the records of ``train`` or ``test`` without reading them all."""
        ...

    def draw_conditions(self, schema: Schema, count: int, asked: Any) -> Tensor:
        """Draw conditions as often as in training, or as the choices of ``sample`` ask for: [count, conditions]."""
        ...

    def shown_conditions(self, schema: Schema, asked: Any) -> Tensor:
        """Return conditions for a picture: all there are, or where these cannot be shown, what is ``asked``, if any."""
        ...

    def outline(self, records: Tensor, schema: Schema) -> Tensor:
        """Return few numbers of each record, by which alike records are near each other: [batch, numbers]."""
        ...

    def embed(self, records: Tensor, schema: Schema) -> Tensor:
        """Return the features by which two sets of records are compared while training: [batch, features]."""
        ...

    def sample_count(self, schema: Schema, asked: Any) -> int:
        """Return how many records ``sample`` draws."""
        ...

    def write_samples(self, folder: Path, blocks: Iterable[tuple[Tensor, Tensor]], schema: Schema) -> None:
        """Write blocks of generated records and their conditions as ``samples.*``, with pictures of them if any.

        Randomness comes from the global generator, which is seeded before each block.
        """
        ...

    def draw(self, records: Tensor, schema: Schema) -> Image:
        """Return one picture that shows the records to people."""
        ...

    def draw_sheet(self, records: Tensor, together: int, schema: Schema, titles: Sequence[str] = ()) -> Image:
        """Return one picture of records in groups of ``together`` that belong together, each with its title if any."""
        ...


@runtime_checkable
class Networks(Protocol):
    """``genloop.<modality>.networks.<DEFAULT>``, or a module of your own: networks built from choices and schema.

    A run of the family ``gan`` needs Generator and Critic, and where it augments those of :class:`Augmenting`; one of
    the family ``vae`` needs Encoder and Decoder. Their ``width`` is ``run.width``, their latent has ``run.latent``
    dimensions.
    """

    def Generator(self, run: Any, schema: Any) -> nn.Module:
        """Latent [batch, latent], condition [batch, conditions] -> Likelihood."""
        ...

    def Critic(self, run: Any, schema: Any) -> nn.Module:
        """Records [batch, ...], condition -> one logit per record [batch], high for real."""
        ...

    def Encoder(self, run: Any, schema: Any) -> nn.Module:
        """Records [batch, ...], condition -> posterior over the latent."""
        ...

    def Decoder(self, run: Any, schema: Any) -> nn.Module:
        """Latent [batch, latent], condition -> Likelihood; ``observed(x)`` is what that likelihood takes of records."""
        ...


@runtime_checkable
class Augmenting(Protocol):
    """Networks of a run that augments, besides those of :class:`Networks`."""

    def Augment(self) -> nn.Module:
        """Records, share in [0, 1] -> records of which that share is changed in ways that leave them plausible."""
        ...


@runtime_checkable
class ScoresModule(Protocol):
    """``genloop.<modality>.scores.compare``: how generated records compare with held-out ones."""

    def build_reference(self, prepared: Path, choices: Any, out: Path) -> None:
        """Write what every run on a data set is scored against, with the scores of real and of trivial records."""
        ...

    def score(self, samples: Path, reference: Path, prepared: Path, out: Path) -> "Scored":
        """Return the scores of a folder of samples, and the protocol under which they hold.

        The most suspicious pairs of generated and training records are shown in the folder ``out``.
        """
        ...


@runtime_checkable
class ServedModule(Protocol):
    """``genloop.<modality>.served``: generated records as answers to requests."""

    def keep(self, records: Tensor, conditions: Tensor, schema: Schema) -> Any:
        """Return what is kept of a block of records and their conditions until all requests for it are answered."""
        ...

    def answer(self, kept: Any, count: int, first: int, schema: Schema, form: Any, mark: Any) -> "pd.DataFrame":
        """Return the first ``count`` records of a block, before which there were ``first``, as a table."""
        ...


class Exportable(NamedTuple):
    """A network as a graph of tensors: each input is [batch, numbers], the output [batch, ...]."""

    network: nn.Module
    inputs: dict[str, int]  # numbers of a record, by name and in order; ``latent`` is the first
    output: str
    described: dict[str, Any]  # what must be known to read the output


@runtime_checkable
class ExportedModule(Protocol):
    """``genloop.<modality>.exported``: networks for programs other than this one."""

    def exportable(self, network: nn.Module, run: Any, schema: Schema) -> Exportable:
        """Return the graph of the network that a run's records come from, without anything drawn at random."""
        ...


@runtime_checkable
class DeliveryModule(Protocol):
    """``genloop.<modality>.delivery``: new records beside known ones."""

    def compare(self, before: Path, now: Path, drift: "Drift") -> "Compared":
        """Return what is new in ``now``, a prepared folder, and tests of whether it is like what is in ``before``."""
        ...

    def split_hashes(self, before: Path, now: Path) -> tuple[np.ndarray, np.ndarray]:
        """Return a number for each training record of ``before`` and each held-out one of ``now``, as uint64.

        Equal records have equal numbers; their keys are no part of them.
        """
        ...


def raw(modality: str) -> RawModule:
    """Return the module that prepares raw data of this modality."""
    return cast(RawModule, import_module(f"genloop.{modality}.raw.prepare"))


@cache
def data(modality: str) -> DataModule:
    """Return the module that opens and writes records of this modality.

    Kept once it was found: a model that MLflow has loaded goes on with its own code, whatever is imported later.
    """
    return cast(DataModule, import_module(f"genloop.{modality}.data"))


def networks(run: Any) -> Networks:
    """Return the module that builds a run's networks: that of its modality, or the one that ``networks`` names."""
    if run.networks:
        from genloop.own import import_pinned

        return cast(Networks, import_pinned(run.networks))
    return cast(Networks, import_module(f"genloop.{run.modality}.networks.{DEFAULT_NETWORKS[run.modality]}"))


def scores(modality: str) -> ScoresModule:
    """Return the module that scores records of this modality."""
    return cast(ScoresModule, import_module(f"genloop.{modality}.scores.compare"))


def served(modality: str) -> ServedModule:
    """Return the module that answers requests for records of this modality."""
    return cast(ServedModule, import_module(f"genloop.{modality}.served"))


def exported(modality: str) -> ExportedModule:
    """Return the module that turns networks of this modality into graphs."""
    return cast(ExportedModule, import_module(f"genloop.{modality}.exported"))


def delivery(modality: str) -> DeliveryModule:
    """Return the module that compares new records of this modality with known ones."""
    return cast(DeliveryModule, import_module(f"genloop.{modality}.delivery"))


def system(family: str) -> Any:
    """Return the LightningModule class of this family."""
    return getattr(import_module(f"genloop.{family}"), SYSTEMS[family])


def sampled_network(run: Any, schema: Schema) -> tuple[str, nn.Module]:
    """Return the name and a new instance of the network that a run's samples come from."""
    name = SAMPLED[run.family]
    return name.lower(), getattr(networks(run), name)(run, schema)
