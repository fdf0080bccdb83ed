"""Prepared rows: opened without reading them all, gathered in batches, asked for, written and drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from genloop.conditions import Conditions
from genloop.config import TableSample
from genloop.plugins import Schema
from genloop.reading import map_array, read_json
from genloop.table.encoding.asked import ask_for
from genloop.table.encoding.charts import draw_associations, draw_marginals
from genloop.table.encoding.features import span_features
from genloop.table.encoding.rows import Encoding
from genloop.table.encoding.sheets import draw_groups
from genloop.table.encoding.write import Writer
from genloop.table.networks.layout import Layout, Numbers

NUMBERS = 2**22  # in the rows that are drawn at a time
FEWEST, MOST_AT_ONCE = 256, 4096  # of these rows
SHOWN = 2048  # rows behind a picture, at most
WIDE = 1_000  # codes of a column that is worth leaving out
MOST = 100_000  # rows that are drawn where nobody says how many
POOL = 16  # rows among which one with a rare value is looked for


@dataclass(frozen=True)
class TableSchema:
    """What the networks must know of a table."""

    encoding: Encoding
    counts: tuple[tuple[int, ...], ...]  # training rows with each code of each span
    associations: tuple[tuple[float, ...], ...] = ()  # of each two spans in training rows
    group_counts: tuple[int, ...] = ()  # training rows of each group that was found

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes of each span."""
        return tuple(span.size for span in self.encoding.spans)

    @property
    def rows(self) -> int:
        """Training rows."""
        return sum(self.counts[0])

    @property
    def width(self) -> int:
        """Numbers in a row as the networks see it: one for each code of each span."""
        return sum(self.sizes)

    @property
    def dimensions(self) -> int:
        """Spans, for figures per dimension."""
        return len(self.sizes)

    @property
    def conditions(self) -> int:
        """Numbers in a condition: a row, which of its spans are asked for, and the places in their intervals."""
        return self.width + 2 * self.dimensions

    @property
    def heaviest(self) -> str:
        """What in the data takes most memory, in words."""
        span = max(self.encoding.spans, key=lambda span: span.size)
        widest = f"the widest column is '{span.column}' with {span.size:,} codes"
        return widest if span.size < WIDE else f"{widest}: set columns.{span.column}: omit, or join its rare values"


def read_schema(folder: Path) -> TableSchema:
    """Read ``schema.json`` of a prepared table or of trained weights."""
    known = read_json(folder / "schema.json")
    counts, associations = (tuple(map(tuple, known[key])) for key in ("counts", "associations"))
    return TableSchema(Encoding.of(known), counts, associations, tuple(known.get("group_counts", ())))


@dataclass(frozen=True)
class TableRecords:
    """The rows of one split as codes, [records, spans]."""

    codes: np.ndarray | Tensor  # mapped from the disk, or on a device
    layout: Layout
    counts: np.ndarray  # training rows with each code, of all spans one after the other
    chosen: np.ndarray | None = None  # rows that there are, by their places in the split; None: all

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes) if self.chosen is None else len(self.chosen)

    @property
    def nbytes(self) -> int:
        """Bytes that all rows take on a device."""
        return int(self.codes.nbytes) * len(self) // max(len(self.codes), 1)

    def on(self, device: torch.device) -> "TableRecords":
        """Return the same rows held by a device."""
        if isinstance(self.codes, Tensor):
            return replace(self, codes=self.codes.to(device), layout=self.layout.to(device))
        held = self.codes if self.chosen is None else self.codes[self.chosen]
        return TableRecords(torch.from_numpy(np.array(held)).to(device), self.layout.to(device), self.counts)

    def part(self, chosen: np.ndarray) -> "TableRecords":
        """Return some of the rows; none is read for it."""
        return replace(self, chosen=self._places(chosen))

    def gather(self, indices: Any) -> Numbers:
        """Return the rows at ``indices`` as numbers."""
        return self.layout.numbers(self._codes(indices))

    def conditions(self, indices: Any) -> Conditions:
        """Return conditions that hold nothing: what is known of a row is in the row."""
        return torch.zeros(len(indices), 0)

    def ask(self, indices: Any, run: Any, generator: np.random.Generator) -> tuple[Any, Conditions]:
        """Return rows for a step of a GAN, some of them with a rare value, and the parts that it is told of each.

        A rare value is told, so that rows with it are seen more often than they occur and still as they are (Xu et al.
        2019, "Modeling tabular data using conditional GAN", section 4.3). Of the others a random number is told.
        """
        indices = np.array(indices)
        rare = np.flatnonzero(generator.random(len(indices)) < run.rare)
        spans = generator.integers(self.layout.spans, size=len(rare))
        indices[rare] = self._rare(spans, generator)
        place = generator.random((len(indices), self.layout.spans)).argsort(1).argsort(1)
        known = place < generator.integers(self.layout.spans, size=(len(indices), 1))
        known[rare, spans] = True
        numbers = self.gather(indices)
        told = torch.from_numpy(known).to(numbers)
        return indices, self.layout.condition(numbers, told, torch.full_like(told, 0.5))

    def _rare(self, spans: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return for each span a row, as likely as the logarithm of the frequency of its code there, out of a pool."""
        pool = generator.integers(len(self), size=(len(spans), POOL))
        codes = self._codes(pool.ravel()).cpu().numpy().reshape(*pool.shape, self.layout.spans)
        chosen = codes[np.arange(len(spans)), :, spans]
        counts = self.counts[chosen + self.layout.starts.cpu().numpy()[spans, None]]
        weights = np.log(np.log1p(counts) / counts) + generator.gumbel(size=pool.shape)
        return pool[np.arange(len(spans)), weights.argmax(1)]

    def _codes(self, indices: Any) -> Tensor:
        places = self._places(indices)
        if isinstance(self.codes, Tensor):
            return self.codes[torch.as_tensor(places).to(self.codes.device)].long()
        return torch.from_numpy(self.codes[places].astype(np.int64))

    def _places(self, indices: Any) -> Any:
        return indices if self.chosen is None else self.chosen[indices]


def open_records(folder: Path, split: str) -> TableRecords:
    """Open the ``train`` or ``test`` rows of a prepared table."""
    codes = map_array(folder / f"{split}.npy")
    schema = read_schema(folder)
    return TableRecords(codes, Layout(schema.sizes), np.concatenate(schema.counts))


def block(schema: Schema) -> int:
    """Return how many rows are drawn at a time: fewer where columns have many values, so that memory suffices."""
    assert isinstance(schema, TableSchema)
    return min(max(NUMBERS // schema.width, FEWEST), MOST_AT_ONCE)


def shown(schema: Schema) -> int:
    """Return how many rows are behind a picture."""
    return min(block(schema), SHOWN)


def draw_conditions(schema: Schema, count: int, asked: TableSample | None) -> Conditions:
    """Return conditions for so many rows that all hold what is asked for, if anything is.

    Raises:
        GenloopError: no row can hold it.
    """
    assert isinstance(schema, TableSchema)
    if asked is None or not asked.where:
        return torch.zeros(1, schema.conditions).expand(count, -1)
    codes, places, known = (torch.from_numpy(part)[None] for part in ask_for(schema.encoding, asked.where))
    return told(Layout(schema.sizes), codes, places, known).expand(count, -1)


def told(layout: Layout, codes: Tensor, places: Tensor, known: Tensor) -> Conditions:
    """Return conditions that tell the known spans of rows of codes: [rows, conditions]."""
    return layout.condition(layout.numbers(codes.long()), known.float(), places.float())


def shown_conditions(schema: Schema, asked: TableSample | None) -> Conditions:
    """Return the conditions of the rows behind a picture."""
    return draw_conditions(schema, shown(schema), asked)


def outline(records: Numbers, schema: Schema) -> Float[Tensor, "batch numbers"]:
    """Return the share of a span's codes that lie before that of each row, for rows that are to be grouped."""
    assert isinstance(schema, TableSchema)
    return Layout(schema.sizes).codes(records) / torch.tensor(schema.sizes)


def embed(records: Numbers, schema: Schema) -> Float[Tensor, "batch features"]:
    """Return features of rows, few for each span."""
    assert isinstance(schema, TableSchema)
    return records @ torch.from_numpy(span_features(schema.encoding.spans, schema.counts)).to(records)


def sample_count(schema: Schema, asked: TableSample) -> int:
    """Return how many rows ``sample`` draws."""
    assert isinstance(schema, TableSchema)
    return asked.count or min(schema.rows, MOST)


def write_samples(folder: Path, blocks: Iterable[tuple[Numbers, Conditions]], schema: Schema) -> None:
    """Write ``samples.parquet`` and ``samples.csv`` block by block, and a picture of how columns are tied."""
    assert isinstance(schema, TableSchema)
    first = None
    with Writer(folder, schema.encoding) as writer:
        for records, conditions in blocks:
            codes, places = coded(records, conditions, schema)
            writer.write(codes, places)
            first = codes if first is None else first
    assert first is not None
    draw_associations(first, schema.encoding.spans, np.array(schema.associations)).save(folder / "associations.png")


def coded(records: Numbers, conditions: Conditions, schema: TableSchema) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of generated rows, and places within intervals, drawn evenly where none is asked for."""
    layout = Layout(schema.sizes)
    codes = layout.codes(records).numpy()
    places = torch.rand(codes.shape)
    if conditions.shape[1]:
        _, known, asked = layout.told(conditions)
        places = torch.where(known > 0, asked, places)
    return codes, places.double().numpy()


def draw(records: Numbers, schema: Schema) -> Image.Image:
    """Return one picture of every column's values, beside those of the training rows."""
    assert isinstance(schema, TableSchema)
    layout = Layout(schema.sizes)
    codes = layout.codes(records).numpy()
    return draw_marginals(codes, schema.encoding, schema.counts)


def draw_sheet(records: Numbers, together: int, schema: Schema, titles: Sequence[str] = ()) -> Image.Image:
    """Return the rows in groups that belong together, a cell for each value."""
    assert isinstance(schema, TableSchema)
    return draw_groups(Layout(schema.sizes).codes(records).numpy(), schema.encoding, together, titles)
