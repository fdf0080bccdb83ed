"""One picture from its file, content or pixels to bytes of the wanted shape; many of them on all cores, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from genloop.image.raw.source import Encoded

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
PIXEL_LIMIT = 100_000_000  # 10,000 x 10,000: beyond any camera, and still decoded in 300 MB
GRAY = {"1", "L", "LA", "La", "I", "F"}  # and all that begin with I;16
CHUNK = 16  # pictures a thread is given at once
Item = TypeVar("Item")
Result = TypeVar("Result")
# Pillow's own limit only warns up to twice its value; ours is checked from the header, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None


class BadPicture(Exception):
    """A picture that cannot be used; the message says why."""


def open_picture(encoded: Path | bytes, needed: int | None = None) -> Image.Image:
    """Decode a picture: upright, gray ("L") or color ("RGB"), transparency put on white, 16 bits scaled to 8.

    ``needed`` is a number of pixels that each side should keep at least; a JPEG is decoded smaller where that suffices.

    Raises:
        BadPicture: it is broken, too large, or its pixels have no known range.
    """
    with _opened(encoded) as picture:
        if needed is not None:
            picture.draft(None, (needed, needed))  # None: the mode stays
        return _plain(ImageOps.exif_transpose(picture))


def measure(encoded: Encoded) -> tuple[int, int, int]:
    """Return channels, height and width of the upright picture from its header alone, without decoding it.

    Raises:
        BadPicture: the header cannot be read.
    """
    if isinstance(encoded, np.ndarray):
        return (encoded.shape[2] if encoded.ndim == 3 else 1), *encoded.shape[:2]
    with _opened(encoded) as picture:
        # A TIFF's size is upright already. PNG's own getexif would decode the picture to find a late entry.
        turned = picture.format != "TIFF" and Image.Image.getexif(picture).get(0x0112) in (5, 6, 7, 8)
        width, height = picture.size[::-1] if turned else picture.size
        return (1 if picture.mode in GRAY or picture.mode.startswith("I;16") else 3), height, width


def is_gray(encoded: Path | bytes) -> bool:
    """Say whether all channels of a picture are equal."""
    pixels = np.asarray(open_picture(encoded))
    return pixels.ndim == 2 or bool((pixels[..., :1] == pixels[..., 1:]).all())


def fit_picture(encoded: Encoded, shape: tuple[int, int, int], resize: str) -> np.ndarray:
    """Decode a picture and bring it to ``shape``: bytes [channels, height, width].

    Raises:
        BadPicture: it cannot be read.
    """
    channels, height, width = shape
    if isinstance(encoded, np.ndarray):
        pixels = _with_channels(encoded, channels)
        if pixels.shape == shape:
            return pixels
        planes = [Image.fromarray(plane) for plane in pixels]
    else:
        picture = open_picture(encoded, needed=2 * max(height, width))
        planes = [picture.convert("L" if channels == 1 else "RGB")]
    fitted = [np.atleast_3d(np.asarray(_resize(plane, (width, height), resize))) for plane in planes]
    return np.concatenate(fitted, axis=2).transpose(2, 0, 1)


@contextmanager
def _opened(encoded: Path | bytes) -> Iterator[Image.Image]:
    """Open a picture, and turn whatever a broken one brings Pillow's readers to raise into one kind of error.

    A stream is given to Pillow, since it maps a named file into memory and then misreads turned TIFFs (Pillow 13.0).
    """
    try:
        with encoded.open("rb") if isinstance(encoded, Path) else BytesIO(encoded) as stream:
            picture = Image.open(stream, formats=FORMATS)
            width, height = picture.size
            if not width * height:
                raise BadPicture("it has no pixels")
            if width * height > PIXEL_LIMIT:
                raise BadPicture(f"{width} x {height} pixels are more than {PIXEL_LIMIT:,}")
            yield picture
    except (BadPicture, MemoryError):
        raise
    except UnidentifiedImageError:
        raise BadPicture(f"no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture") from None
    except Exception as error:
        raise BadPicture(" ".join(str(error).split()) or type(error).__name__) from None


def _plain(picture: Image.Image) -> Image.Image:
    """Return a picture as "L" or "RGB"."""
    if picture.mode.startswith("I;16"):
        wide = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise BadPicture("its 32-bit pixels have no known range; save it with 8 or 16 bits")
    mode = "L" if picture.mode in GRAY else "RGB"
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert(mode)


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Return pixels [height, width] or [height, width, channels] as planes [channels, height, width]."""
    if pixels.ndim == 3 and pixels.shape[2] == 3 and channels == 1:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    planes = np.ascontiguousarray(np.atleast_3d(pixels).transpose(2, 0, 1))
    return planes if len(planes) == channels else planes.repeat(channels, axis=0)


def _resize(picture: Image.Image, size: tuple[int, int], resize: str) -> Image.Image:
    if resize == "pad":
        scale = min(side / old for side, old in zip(size, picture.size, strict=True))
        inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        canvas = Image.new(picture.mode, size, "white")
        place = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
        canvas.paste(picture.resize(inner, Image.Resampling.LANCZOS), place)
        return canvas
    if resize == "stretch":
        return picture.resize(size, Image.Resampling.LANCZOS)
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """Yield ``work`` of each item in their order, done by threads, a bounded number ahead.

    Threads, since Pillow lets others run while it decodes and resizes: as fast as processes where measured, and nothing
    is started or copied.
    """
    workers = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    remaining, pending = iter(items), deque[Future[list[Result]]]()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while chunk := list(islice(remaining, CHUNK)):
                pending.append(pool.submit(lambda items: [work(item) for item in items], chunk))
                if len(pending) > 2 * workers:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for waiting in pending:
                waiting.cancel()
