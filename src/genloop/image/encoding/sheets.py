"""Pictures that belong together as one sheet, group after group."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genloop.image.encoding.pixels import Bytes

ACROSS = 12  # pictures in a line of several groups
CELL, LARGEST = 64, 96  # pixels a side that small pictures are enlarged to, by whole factors, and large ones shrunk to
GAP, APART = 2, 12  # pixels between pictures, and between groups
LETTERS = 13  # pixels, of titles
PAPER, INK = (255, 255, 255), (70, 74, 82)


def draw_groups(pictures: Bytes, together: int, titles: Sequence[str] = ()) -> Image.Image:
    """Return groups of ``together`` pictures, a line or a part of a line each, with their titles before them.

    Pictures with neither one nor three channels are shown by the mean of their channels.
    """
    cells = [_cell(picture) for picture in pictures]
    font = ImageFont.load_default(LETTERS)
    margin = max((int(font.getlength(title)) + GAP * 4 for title in titles), default=0)
    width, height = cells[0].width + GAP, cells[0].height + GAP
    groups, across = -(-len(cells) // together), max(1, ACROSS // together)
    block = margin + width * together + APART
    lines = -(-groups // across)
    below = height + (APART - GAP if across > 1 else 0)
    size = (block * min(across, groups) - APART + GAP, below * lines - (below - height) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for index, cell in enumerate(cells):
        group, place = divmod(index, together)
        line, column = divmod(group, across)
        left, top = column * block + GAP, line * below + GAP
        if place == 0 and group < len(titles):
            pen.text((left, top + height // 2), titles[group], fill=INK, font=font, anchor="lm")
        sheet.paste(cell, (left + margin + place * width, top))
    return sheet


def _cell(picture: np.ndarray) -> Image.Image:
    """Return one picture in color, enlarged or shrunk by a whole factor."""
    if picture.shape[0] not in (1, 3):
        picture = picture.mean(0, keepdims=True).round().astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(np.broadcast_to(picture, (3, *picture.shape[1:])).transpose(1, 2, 0)))
    side = max(image.size)
    if side > LARGEST:
        return image.reduce(-(-side // LARGEST))
    factor = max(1, CELL // side)
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
