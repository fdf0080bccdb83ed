"""What latents hold, as pictures: drawn for both kinds of data, the same every time, as far as there are records."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from genloop import plugins
from genloop.choices import ImagePrepare, TablePrepare
from genloop.config import ImageVae, TableVae, Vae
from genloop.image.data import PictureSchema, draw_sheet
from genloop.latents import MOVED, STEPS, Latents, alike, draw_latents
from genloop.priors import build_prior
from genloop.table.encoding.columns import Column
from genloop.table.encoding.rows import Encoding, Span
from genloop.table.encoding.sheets import draw_groups
from tests.conftest import tiny_pictures, tiny_table

NAMES = ("reconstructions", "traversals", "interpolations")
RUNS: dict[str, Vae] = {
    "pictures": ImageVae(data="x", modality="image", family="vae", latent=12, width=4),
    "classes": ImageVae(data="x", modality="image", family="vae", latent=3, width=4, conditional=True),
    "rows": TableVae(data="x", modality="table", family="vae", latent=4, width=8),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Prepared pictures and rows."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("image", "table"):
        (folder / name).mkdir()
    images, labels = tiny_pictures()
    np.savez(folder / "image" / "tiny.npz", images=images, labels=labels)
    tiny_table(60).to_csv(folder / "table" / "rows.csv", index=False)
    choices = {"image": ImagePrepare(modality="image"), "table": TablePrepare(modality="table")}
    for name, chosen in choices.items():
        plugins.raw(name).prepare(folder / name, chosen, folder / "prepared" / name)
    return {name: folder / "prepared" / name for name in choices}


def untrained(run: Vae, prepared: dict[str, Path], folder: Path) -> tuple[Path, Vae, Path]:
    """Write the weights of networks that have learned nothing, and return what pictures are drawn from."""
    folder.mkdir(exist_ok=True)
    data = prepared[run.modality]
    (folder / "schema.json").write_bytes((data / "schema.json").read_bytes())
    schema, networks = plugins.data(run.modality).read_schema(data), plugins.networks(run)
    torch.manual_seed(0)
    parts = {"encoder": networks.Encoder(run, schema), "decoder": networks.Decoder(run, schema)}
    save_file(nn.ModuleDict({**parts, "prior": build_prior(run)}).state_dict(), folder / "weights.safetensors")
    return folder, run, data


@pytest.mark.parametrize("name", RUNS)
def test_pictures_are_drawn_with_the_same_bytes_every_time(
    name: str, prepared: dict[str, Path], tmp_path: Path
) -> None:
    known = untrained(RUNS[name], prepared, tmp_path / "weights")
    drawn = {out: draw_latents(*known, 0, tmp_path / out) for out in ("once", "again")}
    assert [picture.path.name for picture in drawn["once"]] == [f"{each}.png" for each in NAMES]
    assert all(picture.caption.endswith(".") for picture in drawn["once"])
    for each in NAMES:
        assert (tmp_path / "once" / f"{each}.png").read_bytes() == (tmp_path / "again" / f"{each}.png").read_bytes()
    draw_latents(*known, 1, tmp_path / "other")
    assert (tmp_path / "other" / "traversals.png").read_bytes() != (tmp_path / "once" / "traversals.png").read_bytes()


def test_traversals_show_the_dimensions_that_deviate_most(
    prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = Latents(*untrained(RUNS["pictures"], prepared, tmp_path / "weights"), 0)
    seen: dict[str, Any] = {}

    def decode(z: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        seen["z"] = z.unflatten(0, (MOVED, STEPS))
        return torch.zeros(len(z), 1, 8, 8)

    monkeypatch.setattr(latents, "decode", decode)
    latents.traversals(tmp_path / "traversals.png")
    deviations, center = latents.means.std(0), latents.means.mean(0)
    for row, dimension in enumerate(deviations.argsort(descending=True)[:MOVED].tolist()):
        moved = seen["z"][row]
        assert moved[0, dimension] == pytest.approx(float(center[dimension] - 2.5 * deviations[dimension]), abs=1e-5)
        assert moved[-1, dimension] == pytest.approx(float(center[dimension] + 2.5 * deviations[dimension]), abs=1e-5)
        others = [each for each in range(12) if each != dimension]
        assert torch.equal(moved[:, others], latents.means[:1, others].expand(STEPS, -1))


def test_rows_differ_by_their_latents_only(prepared: dict[str, Path], tmp_path: Path) -> None:
    latents = Latents(*untrained(RUNS["rows"], prepared, tmp_path / "weights"), 0)
    rows = latents.decode(latents.means[:1].expand(5, -1), torch.zeros(5, 0))
    assert torch.equal(rows, rows[:1].expand(5, -1))


def test_ways_lead_between_records_that_were_asked_for_the_same() -> None:
    conditions = torch.eye(3)[[0, 1, 0, 2, 1, 0]]
    assert alike(conditions).tolist() == [[0, 2], [1, 4]]
    assert alike(torch.zeros(5, 0)).tolist() == [[0, 1], [2, 3]]
    assert len(alike(torch.eye(4))) == 0


@pytest.mark.parametrize(("count", "names"), [(0, ()), (1, NAMES[:1]), (2, NAMES)])
def test_few_test_records_give_as_many_pictures_as_they_can(
    count: int, names: tuple[str, ...], prepared: dict[str, Path], tmp_path: Path
) -> None:
    weights, run, data = untrained(RUNS["pictures"], prepared, tmp_path / "weights")
    few = tmp_path / "few"
    few.mkdir()
    (few / "schema.json").write_bytes((data / "schema.json").read_bytes())
    np.save(few / "test.npy", np.load(data / "test.npy")[:count])
    drawn = draw_latents(weights, run, few, 0, tmp_path / "out")
    assert [picture.path.stem for picture in drawn] == list(names)


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 32), (3, 250), (2, 5), (1, 1)])
def test_a_sheet_holds_pictures_of_any_size(channels: int, side: int) -> None:
    records = torch.rand(7, channels, side, side) * 2 - 1
    schema = PictureSchema(channels, side, side)
    pairs = draw_sheet(records[:6], 2, schema)
    assert pairs.height < 120
    long = draw_sheet(records, 7, schema, ["a title"])
    assert long.width > pairs.width
    assert max(long.size) < 1000


def test_missing_values_have_a_color_of_their_own() -> None:
    encoding = Encoding((Column("word", "category", values=("a", "b"), missing="?"),), (Span("word", "value", 3),))
    codes = np.array([[0], [1], [2]])
    colors = {color for _, color in pixels(draw_groups(codes, encoding, 3))}
    assert (201, 204, 211) in colors
    assert (201, 204, 211) not in {color for _, color in pixels(draw_groups(codes[:2], encoding, 2))}


def pixels(image: Image.Image) -> list[tuple[int, Any]]:
    return image.getcolors(image.width * image.height) or []
