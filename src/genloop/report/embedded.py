"""What pages are made of: templates, and pictures inside them; no file beside a page, no network."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import jinja2
from PIL import Image

from genloop.illustrations import Illustration

LARGE = 200_000  # bytes, above which a picture gets fewer colors
WIDEST = 1800  # pixels, to which wider pictures are shrunk
COLORS = 256
SMALL = 400  # pixels, below which a picture is enlarged as it is, without smoothing
THUMBNAIL = 400  # pixels, to which large pictures are shrunk that stand in a row of many
COLUMN = 700  # pixels, above which a picture takes the width of the page


@dataclass(frozen=True)
class Embedded:
    """A picture with its words and its bytes."""

    title: str
    caption: str
    source: str  # data:image/png;base64,...
    width: int
    height: int

    @property
    def small(self) -> bool:
        """Whether its pixels should be seen."""
        return self.width < SMALL

    @property
    def wide(self) -> bool:
        """Whether it needs the width of the page."""
        return self.width > COLUMN


def templates(*folders: Path) -> jinja2.Environment:
    """Return the templates in folders; a name that a page does not know is an error, and text is no code."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def embed(shown: Illustration, thumbnail: bool = False) -> Embedded:
    """Read a PNG file; a large one is kept in 256 colors, which charts hardly need."""
    content = shown.path.read_bytes()
    with Image.open(io.BytesIO(content)) as picture:
        widest = THUMBNAIL if thumbnail and picture.width <= COLUMN else WIDEST
        if len(content) > LARGE or picture.width > WIDEST:
            content = min(_smaller(picture, widest), content, key=len)
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Embedded(shown.title, shown.caption, source, width, height)


def _smaller(picture: Image.Image, widest: int) -> bytes:
    image = picture.convert("RGB")
    if image.width > widest:
        image = image.resize((widest, round(image.height * widest / image.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.quantize(COLORS).save(buffer, "png", optimize=True)
    return buffer.getvalue()
