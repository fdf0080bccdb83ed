"""The same latents across runs: a row for each latent, and in it what each run makes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pydantic import TypeAdapter
from torch import Tensor

from genloop.comparing.lanes import Lane
from genloop.conditions import shown_conditions
from genloop.config import Gan, Sample, Vae
from genloop.priors import standard
from genloop.randomness import keyed_seed
from genloop.sampling import Source

ROWS = 16
SEED = 0  # of the latents: the same on every sheet
PAPER = (255, 255, 255)


def draw_together(lanes: Sequence[Lane], sources: Sequence[Source]) -> Image.Image:
    """Return one picture of what each run makes of each latent.

    Of pictures a line for each latent, of rows a group of columns; in it the runs in their order.
    """
    records = [records_of(source) for source in sources]
    groups = torch.stack(records, 1)  # [latents, runs, ...]
    module, schema, together = sources[0].module, sources[0].schema, len(lanes)
    if is_grouped(lanes):
        titles = [str(row + 1) for row in range(ROWS)]
        return module.draw_sheet(groups.flatten(0, 1), together, schema, titles)
    return _stacked([module.draw_sheet(group, together, schema) for group in groups])


def is_grouped(lanes: Sequence[Lane]) -> bool:
    """Return whether latents stand beside each other, as rows of a table do, which share the names of its columns."""
    return lanes[0].reference.modality == "table"


def draw_alone(source: Source) -> Image.Image:
    """Return the picture that the modality draws of one run's samples: a grid, or the values of each column."""
    asked = TypeAdapter(Sample).validate_python(
        {"modality": source.run.modality, "family": source.run.family, "seed": SEED}
    )
    return source.module.draw(source.show(asked), source.schema)


@torch.no_grad()
def records_of(source: Source) -> Tensor:
    """Return a record for each of the latents of a sheet: [latents, ...]."""
    drawn = []
    for row, (latent, condition) in enumerate(zip(latents_of(source), conditions_of(source), strict=True)):
        torch.manual_seed(keyed_seed(SEED, "sheet", "record", row))
        drawn.append(source.network(latent[None], condition[None]).sample()[0])
    return torch.stack(drawn)


@torch.no_grad()
def latents_of(source: Source) -> Tensor:
    """Return the latents of a sheet, [latents, numbers]; each is keyed by its row alone, and drawn as the run does."""
    drawn = []
    for row, condition in enumerate(conditions_of(source)):
        torch.manual_seed(keyed_seed(SEED, "sheet", "latent", row))
        drawn.append(source.sampler(condition[None], standard)[0])
    return torch.stack(drawn)


def conditions_of(source: Source) -> Tensor:
    """Return what each row asks for, evenly from what a picture of the run shows: [latents, conditions]."""
    shown = shown_conditions(source.run, source.schema)
    return shown[torch.arange(ROWS) * len(shown) // ROWS]


def caption_of(lanes: Sequence[Lane], sources: Sequence[Source]) -> str:
    """Return in words what is the same in a row and what is not."""
    shared: dict[int, list[str]] = {}
    own = []
    for lane, source in zip(lanes, sources, strict=True):
        if fixed(source.run):
            shared.setdefault(source.run.latent, []).append(lane.letter)
        else:
            own.append(f"{lane.letter} ({kind(source.run)})")
    told = [_told_shared(size, letters) for size, letters in shared.items()]
    if len(shared) > 1:
        told.append("Latents of unlike sizes are not the same.")
    if own:
        told.append(f"Latents drawn from what the training learned, by the same random numbers: {', '.join(own)}.")
    if asked := _classes(sources):
        told.append(f"Conditional runs are asked for the same class in a row: {asked}.")
    told.append("Each training learns anew what a latent stands for, so a row need not look alike.")
    return " ".join(told)


def fixed(run: Gan | Vae) -> bool:
    """Return whether latents are standard normal, and so the same for every run with as many numbers."""
    return isinstance(run, Gan) or not (run.second_stage or run.prior == "mixture" or run.layers == 2)


def kind(run: Gan | Vae) -> str:
    """Return what the latents of a run are drawn from, where it was learned."""
    if isinstance(run, Vae) and run.second_stage:
        return f"a mixture fitted to its training records, {run.latent} numbers"
    learned = "two layers" if isinstance(run, Vae) and run.layers == 2 else "a learned mixture"
    return f"{learned}, {run.latent} numbers"


def _told_shared(size: int, letters: list[str]) -> str:
    if len(letters) == 1:
        return f"{letters[0]}: {size} standard normal numbers."
    return f"{', '.join(letters)}: exactly the same latent in a row, {size} standard normal numbers."


def _classes(sources: Sequence[Source]) -> str:
    """Return the classes that rows ask for, where the records of a data set have any and a run knows them."""
    for source in sources:
        names: Any = getattr(source.schema, "classes", ())
        if source.run.conditional and names:
            return ", ".join(dict.fromkeys(names[place] for place in conditions_of(source).argmax(1).tolist()))
    return ""


def _stacked(lines: Sequence[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (max(line.width for line in lines), sum(line.height for line in lines)), PAPER)
    top = 0
    for line in lines:
        sheet.paste(line, (0, top))
        top += line.height
    return sheet


def save(picture: Image.Image, path: Path) -> Path:
    """Write a picture as PNG and return where."""
    picture.save(path, "png", optimize=True)
    return path
