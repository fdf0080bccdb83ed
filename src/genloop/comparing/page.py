"""A sheet -> ``compare.html``, one file that holds all it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genloop import report
from genloop.comparing.lanes import Lane, differing, identities
from genloop.comparing.scores import REAL, Scores
from genloop.glossary import BASELINES
from genloop.report.embedded import Embedded, templates

SECTIONS = {
    "latents": "Latent by latent",
    "scores": "Scores",
    "choices": "Parameters",
    "curves": "Curves",
    "alone": "Each by itself",
    "identity": "Identity",
}


@dataclass(frozen=True)
class Pictures:
    """What a sheet shows, ready to be put into a page."""

    together: Embedded
    curves: Sequence[Embedded]
    alone: Sequence[Embedded]


def render(lanes: Sequence[Lane], scores: Scores, pictures: Pictures) -> str:
    """Return the page, the same for the same runs."""
    pages = templates(Path(__file__).parent, *map(Path, report.__path__))
    first = lanes[0].reference
    return pages.get_template("compare.html.jinja").render(
        lanes=lanes,
        data=first.data,
        scores=scores,
        real=BASELINES.get(first.modality, {}).get(REAL, ""),
        pictures=pictures,
        differing=differing(lanes),
        identities=[(lane, identities(lane)) for lane in lanes],
        sections=SECTIONS,
    )
