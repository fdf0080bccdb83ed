"""Writes the prepared pictures of both splits, one after the other as they are decoded."""

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

from genloop.image.raw.decode import BadPicture, fit_picture
from genloop.image.raw.duplicates import fingerprint
from genloop.image.raw.source import Bad, Encoded, Source
from genloop.image.raw.survey import Shape, each


class RecordFile:
    """An .npy file of bytes [records, ...] that grows record by record, so that none need stay in memory."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self.stream, self.shape, self.count = path.open("wb"), shape, 0
        self._write_header()

    def __enter__(self) -> "RecordFile":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stream.seek(0)
        self._write_header()  # NumPy leaves room in it for any number of records
        self.stream.close()

    def append(self, pixels: bytes) -> None:
        """Add one record."""
        self.stream.write(pixels)
        self.count += 1

    def _write_header(self) -> None:
        content = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self.stream, content)


@dataclass
class Written:
    """Which records were written to each split, the fingerprints of their pixels, and which could not be read."""

    kept: dict[str, list[int]] = field(default_factory=lambda: {"train": [], "test": []})
    fingerprints: dict[str, bytearray] = field(default_factory=lambda: {"train": bytearray(), "test": bytearray()})
    bad: list[Bad] = field(default_factory=list)

    def prints(self, split: str) -> np.ndarray:
        """Return the fingerprints of a split, [records]."""
        return np.frombuffer(self.fingerprints[split], np.uint64)


def write_records(source: Source, splits: np.ndarray, shape: Shape, resize: str, folder: Path) -> Written:
    """Decode each picture once and write it to ``train.npy`` or ``test.npy``, in the order of the source."""
    indices = np.flatnonzero(splits != "validation")
    written = Written()

    def fit(encoded: Encoded) -> bytes | str:
        try:
            return fit_picture(encoded, shape, resize).tobytes()
        except BadPicture as fault:
            return str(fault)

    with RecordFile(folder / "train.npy", shape) as train, RecordFile(folder / "test.npy", shape) as test:
        files = {"train": train, "test": test}
        for index, result in zip(indices.tolist(), each(source, indices, "write pictures", fit), strict=True):
            if isinstance(result, str):
                written.bad.append(Bad(source.names[index], result))
                continue
            split = str(splits[index])
            files[split].append(result)
            written.kept[split].append(index)
            written.fingerprints[split] += fingerprint(result)
    return written
