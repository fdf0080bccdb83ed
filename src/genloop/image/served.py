"""Generated pictures as answers to a request: a table with a picture in each row, and its class where one was asked."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from genloop.errors import GenloopError
from genloop.image.data import PictureSchema
from genloop.image.encoding.pixels import to_bytes
from genloop.marking import Mark, png_info
from genloop.plugins import Schema

Kept = tuple[np.ndarray, list[str] | None]  # bytes [pictures, height, width(, channels)], and classes

FORMS = {1: "L", 3: "RGB"}  # channels of a PNG


def keep(records: Tensor, conditions: Tensor, schema: Schema) -> Kept:
    """Return what is kept of a block of pictures: bytes, as ``samples.npz`` has them, and classes if any."""
    assert isinstance(schema, PictureSchema)
    pictures = to_bytes(records).transpose(0, 2, 3, 1)
    labels = [schema.classes[place] for place in conditions.argmax(1).tolist()] if conditions.shape[1] else None
    return (pictures[..., 0] if pictures.shape[-1] == 1 else pictures), labels


def answer(kept: Kept, count: int, first: int, schema: Schema, form: str, mark: Mark) -> pd.DataFrame:
    """Return the first ``count`` pictures of a block: arrays, or PNG files in base64, which say where they come from.

    Raises:
        GenloopError: a picture has channels that PNG has not.
    """
    assert isinstance(schema, PictureSchema)
    if form == "png" and schema.channels not in FORMS:
        raise GenloopError(f"form: pictures of {schema.channels} channels are no PNG; ask for arrays")
    pictures, labels, info = kept[0][:count], kept[1], png_info(mark)
    shown: list[Any] = [_png(picture, info) for picture in pictures] if form == "png" else list(pictures)
    columns: dict[str, Any] = {"picture": pd.Series(shown, dtype=object)}
    return pd.DataFrame(columns | ({"label": labels[:count]} if labels else {}))


def _png(picture: np.ndarray, info: PngInfo) -> str:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "png", pnginfo=info)
    return base64.b64encode(content.getvalue()).decode("ascii")
