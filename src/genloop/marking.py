"""The identity of a run inside the files that come from it: which run, which weights, what was asked for.

A mark holds no commit, date or machine: files are DVC's outputs, and equal inputs give equal bytes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from genloop.errors import GenloopError

KEY = "genloop"  # of a text in a PNG file, and of the metadata of a Parquet file
FORMAT = 1
ATTRS = b"PANDAS_ATTRS"  # where pandas keeps what it was told of a table
PNG, PARQUET = b"\x89PNG\r\n\x1a\n", b"PAR1"  # how such files begin
WITHOUT = "carries no identity of a run; genloop marks the PNG and Parquet files that it writes"


@dataclass(frozen=True)
class Mark:
    """Where a generated file comes from."""

    run: str
    weights: str  # hash of the tensors
    seed: int
    count: int  # records that were drawn
    asked: Mapping[str, Any] = field(default_factory=dict)  # what they had to be, as JSON holds it
    choices: Mapping[str, Any] = field(default_factory=dict)  # of the training, resolved

    @property
    def text(self) -> str:
        """The mark as compact JSON, the same for the same content."""
        return json.dumps({"format": FORMAT} | vars(self), sort_keys=True, separators=(",", ":"))


def png_info(mark: Mark) -> PngInfo:
    """Return what Pillow takes as ``pnginfo`` to save a marked picture."""
    info = PngInfo()
    info.add_text(KEY, mark.text)
    return info


def mark_folder(folder: Path, mark: Mark) -> None:
    """Mark every PNG and Parquet file right in a folder."""
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as picture:
            picture.load()
            resolution = {"dpi": picture.info["dpi"]} if "dpi" in picture.info else {}
            picture.save(path, pnginfo=png_info(mark), **resolution)
    for path in sorted(folder.glob("*.parquet")):
        mark_parquet(path, mark)


def mark_parquet(path: Path, mark: Mark) -> None:
    """Mark a Parquet file; it is copied a group of rows at a time."""
    unmarked = path.rename(path.with_name(f"{path.name}.unmarked"))
    with pa.parquet.ParquetFile(unmarked) as source:
        schema = source.schema_arrow
        schema = schema.with_metadata({**(schema.metadata or {}), KEY: mark.text})
        with pa.parquet.ParquetWriter(path, schema) as writer:
            for group in range(source.num_row_groups):
                writer.write_table(source.read_row_group(group).replace_schema_metadata(schema.metadata))
    unmarked.unlink()


def read_mark(path: Path) -> Mark:
    """Return the mark of a PNG or Parquet file, whatever its name is.

    Raises:
        GenloopError: it is missing, damaged, of another kind or not marked.
    """
    if not path.is_file():
        raise GenloopError(f"{path}: there is no such file")
    with path.open("rb") as stream:
        start = stream.read(len(PNG))
    if start != PNG and not start.startswith(PARQUET):
        raise GenloopError(f"{path}: is neither PNG nor Parquet; only these can carry the identity of a run")
    try:
        text = _text_of_png(path) if start == PNG else _text_of_parquet(path)
    except Exception as error:  # whatever the libraries come across in a file that strangers gave
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise GenloopError(f"{path}: cannot be read ({told}); take a copy that is whole") from None
    if text is None:
        raise GenloopError(f"{path}: {WITHOUT}")
    return _parsed(path, text)


def _text_of_png(path: Path) -> str | None:
    with Image.open(path, formats=("PNG",)) as picture:
        picture.load()
        text = picture.info.get(KEY)
    return None if text is None else str(text)


def _text_of_parquet(path: Path) -> str | None:
    metadata = pa.parquet.read_schema(path).metadata or {}
    text = metadata.get(KEY.encode()) or json.loads(metadata.get(ATTRS, b"{}")).get(KEY)
    return text.decode() if isinstance(text, bytes) else text


def is_hash(text: str) -> bool:
    """Return whether a text can be the hash of weights: nothing else may get into a query."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def _parsed(path: Path, text: str) -> Mark:
    try:
        stated = json.loads(text)
        form = stated.pop("format")
        mark = Mark(**stated) if form == FORMAT else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise GenloopError(f"{path}: its identity is damaged; take a copy that is whole") from None
    if mark is None:
        raise GenloopError(f"{path}: its identity has format {form}, made by another genloop; this one reads {FORMAT}")
    kinds: dict[str, type] = {"run": str, "weights": str, "seed": int, "count": int, "asked": dict, "choices": dict}
    if not all(isinstance(getattr(mark, name), kind) for name, kind in kinds.items()) or not is_hash(mark.weights):
        raise GenloopError(f"{path}: its identity is damaged; take a copy that is whole")
    return mark
