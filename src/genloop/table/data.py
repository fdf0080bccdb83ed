"""Prepared rows: opened without reading them all, gathered in batches, written and drawn."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genloop.table.encoding.rows import Encoding
from genloop.table.networks.layout import Layout, Numbers


@dataclass(frozen=True)
class TableSchema:
    """What the networks must know of a table."""

    encoding: Encoding
    group_counts: tuple[int, ...] = ()  # training rows of each group that was found

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes of each span."""
        return tuple(span.size for span in self.encoding.spans)

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
        """Numbers in a condition: a row, and which of its spans are asked for."""
        return self.width + len(self.sizes)


def read_schema(folder: Path) -> TableSchema:
    """Read ``schema.json`` of a prepared table or of trained weights."""
    known = json.loads((folder / "schema.json").read_text())
    return TableSchema(Encoding.of(known), tuple(known.get("group_counts", ())))


@dataclass(frozen=True)
class TableRecords:
    """The rows of one split as codes, [records, spans]."""

    codes: np.ndarray | Tensor  # mapped from the disk, or on a device
    layout: Layout

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    @property
    def nbytes(self) -> int:
        """Bytes that all rows take on a device."""
        return int(self.codes.nbytes)

    def on(self, device: torch.device) -> "TableRecords":
        """Return the same rows held by a device."""
        return TableRecords(torch.from_numpy(np.array(self.codes)).to(device), self.layout.to(device))

    def gather(self, indices: Any) -> Numbers:
        """Return the rows at ``indices`` as numbers."""
        if isinstance(self.codes, Tensor):
            return self.layout.numbers(self.codes[torch.as_tensor(indices).to(self.codes.device)].long())
        return self.layout.numbers(torch.from_numpy(self.codes[indices].astype(np.int64)))

    def conditions(self, indices: Any) -> Tensor:
        """Return conditions that ask for nothing."""
        return torch.zeros(len(indices), self.layout.width + self.layout.spans)


def open_records(folder: Path, split: str) -> TableRecords:
    """Open the ``train`` or ``test`` rows of a prepared table."""
    codes = np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False)
    return TableRecords(codes, Layout(read_schema(folder).sizes))
