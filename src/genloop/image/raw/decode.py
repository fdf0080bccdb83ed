"""One picture from its file, content or pixels to bytes of the wanted shape; many of them on all cores, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from genloop.image.raw.source import Encoded

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
PIXEL_LIMIT = 100_000_000  # 10,000 x 10,000: beyond nearly any camera, and still decoded in 0.8 GB
WEBP_LIMIT = 40_000_000  # its decoder holds several copies
ALONE = 4_000_000  # pixels from which on a picture is decoded while no other one of that size is
BAND = 2**20  # pixels that are converted at a time
GRAY = {"1", "L", "LA", "La", "I", "F"}  # and all that begin with I;16
CHUNK = 16  # pictures a thread is given at once
HELD = 2**27  # bytes of pictures that wait for a thread, where they come from arrays or tables
Item = TypeVar("Item")
Result = TypeVar("Result")
# Pillow's own limit only warns up to twice its value; ours is checked from the header, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
_large = Lock()


class BadPicture(Exception):
    """A picture that cannot be used; the message says why."""


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
    """Say whether all channels of a picture are equal.

    Raises:
        BadPicture: it cannot be read.
    """
    with _opened(encoded) as picture:
        plain = _plain(picture)
        return plain.mode == "L" or all(_is_gray(np.asarray(band)) for _, band in _bands(plain))


def _is_gray(pixels: np.ndarray) -> bool:
    return bool((pixels[..., :1] == pixels[..., 1:]).all())


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
        return _fitted([Image.fromarray(plane) for plane in pixels], shape, resize)
    with _opened(encoded) as picture:
        picture.draft(None, (2 * max(height, width),) * 2)  # a JPEG is decoded smaller if it may; None: the mode stays
        plain = _plain(picture)
        mode = "L" if channels == 1 else "RGB"
        return _fitted([plain if plain.mode == mode else plain.convert(mode)], shape, resize)


def _fitted(planes: list[Image.Image], shape: tuple[int, int, int], resize: str) -> np.ndarray:
    _, height, width = shape
    resized = [np.atleast_3d(np.asarray(_resize(plane, (width, height), resize))) for plane in planes]
    return np.concatenate(resized, axis=2).transpose(2, 0, 1)


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
            most = WEBP_LIMIT if picture.format == "WEBP" else PIXEL_LIMIT
            if width * height > most:
                raise BadPicture(f"{width} x {height} pixels are more than {most:,}")
            with _large if width * height > ALONE else nullcontext():
                yield picture
    except (BadPicture, MemoryError):
        raise
    except UnidentifiedImageError:
        raise BadPicture(f"no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture") from None
    except Exception as error:
        raise BadPicture(" ".join(str(error).split()) or type(error).__name__) from None


def _plain(picture: Image.Image) -> Image.Image:
    """Decode a picture: upright, gray ("L") or color ("RGB"), transparency put on white, 16 bits scaled to 8.

    Raises:
        BadPicture: its pixels have no known range.
    """
    if picture.mode in ("I", "F"):
        raise BadPicture("its 32-bit pixels have no known range; save it with 8 or 16 bits")
    ImageOps.exif_transpose(picture, in_place=True)
    mode = "L" if picture.mode in GRAY or picture.mode.startswith("I;16") else "RGB"
    if picture.mode == mode and not picture.has_transparency_data:
        return picture
    if picture.width * picture.height <= BAND:
        return _flat(picture, mode)
    plain = Image.new(mode, picture.size)  # filled band by band, since a second copy of a large picture is large too
    for top, band in _bands(picture):
        plain.paste(_flat(band, mode), (0, top))
    return plain


def _bands(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield a picture from top to bottom in bands, each with its first row."""
    rows = max(1, BAND // picture.width)
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _flat(picture: Image.Image, mode: str) -> Image.Image:
    """Return a picture in this mode, without transparency."""
    if picture.mode.startswith("I;16"):
        wide = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
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
    pending, held = deque[tuple[Future[list[Result]], int]](), 0
    with ThreadPoolExecutor(workers) as pool:
        try:
            for chunk, size in _chunks(items):
                pending.append((pool.submit(lambda items: [work(item) for item in items], chunk), size))
                held += size
                while len(pending) > 2 * workers or (pending and held > HELD):
                    first, freed = pending.popleft()
                    yield from first.result()
                    held -= freed
            while pending:
                yield from pending.popleft()[0].result()
        finally:
            for waiting, _ in pending:
                waiting.cancel()


def _chunks(items: Iterable[Item]) -> Iterator[tuple[list[Item], int]]:
    """Yield items by up to sixteen, fewer where they are large, with the bytes that they hold in memory."""
    chunk, size = list[Item](), 0
    for item in items:
        chunk.append(item)
        size += len(item) if isinstance(item, bytes) else item.nbytes if isinstance(item, np.ndarray) else 0
        if len(chunk) == CHUNK or size > HELD // CHUNK:
            yield chunk, size
            chunk, size = [], 0
    if chunk:
        yield chunk, size
