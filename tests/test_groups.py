"""Groups that are found: what they are, how many, and that nobody who samples sees them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from genloop.choices import ImagePrepare
from genloop.conditions import Grouped, condition_size, drawn_conditions, shown_conditions
from genloop.config import ImageGan, ImageSample, ImageVae
from genloop.groups import grouped, number_of_groups
from genloop.image.data import PictureRecords, PictureSchema, open_records, outline, read_schema
from genloop.image.raw.prepare import prepare
from genloop.sampling import sample
from genloop.training import train
from tests.conftest import tiny_pictures
from tests.test_training import Watch

COMMON = {"data": "tiny", "modality": "image", "width": 4, "latent": 4, "epochs": 1, "batch": 16}
RUN = ImageGan.model_validate({"family": "gan", "groups": 2, **COMMON})
SCHEMA = PictureSchema(1, 8, 8)


def found() -> tuple[Grouped, PictureSchema, np.ndarray]:
    pictures, labels = tiny_pictures()
    (records,), schema = grouped(RUN, [PictureRecords(pictures[:, None])], SCHEMA)
    assert isinstance(records, Grouped)
    assert isinstance(schema, PictureSchema)
    return records, schema, labels


def test_groups_are_the_kinds_that_there_are() -> None:
    records, schema, labels = found()
    groups = records.conditions(np.arange(80)).argmax(1).numpy()
    assert len(set(zip(groups, labels, strict=True))) == 2  # the classes, which k-means never saw
    assert schema.group_counts == (40, 40)
    assert condition_size(RUN, schema) == 2
    assert torch.equal(records.gather([3, 5]), records.records.gather([3, 5]))
    assert torch.equal(found()[0].groups, records.groups)


@pytest.mark.parametrize(
    ("choices", "records", "groups"),
    [({}, 60_000, 100), ({}, 1_437, 14), ({}, 199, 0), ({"groups": 5}, 80, 5), ({"groups": 0}, 60_000, 0),
     ({"groups": 1}, 80, 0), ({"conditional": True}, 60_000, 0)],
)  # fmt: skip
def test_how_many(choices: dict[str, object], records: int, groups: int) -> None:
    assert number_of_groups(ImageGan.model_validate({"family": "gan", **COMMON, **choices}), records) == groups
    assert number_of_groups(ImageVae.model_validate({"family": "vae", **COMMON}), records) == 0


def test_groups_are_drawn_as_often_as_they_are_and_shown_evenly() -> None:
    schema = PictureSchema(1, 8, 8, group_counts=(10, 0, 30))
    torch.manual_seed(0)
    drawn = drawn_conditions(RUN, schema, 20_000, None)
    torch.testing.assert_close(drawn.mean(0), torch.tensor([0.25, 0.0, 0.75]), atol=0.02, rtol=0)
    assert shown_conditions(RUN, schema).sum(0).tolist() == [22, 21, 21]


SHAPE = PictureSchema(1, 28, 28)


def test_outlines_are_small_and_alike_for_alike_pictures() -> None:
    assert outline(torch.rand(2, 3, 28, 40), SHAPE).shape == (2, 3 * 14 * 14)
    assert outline(torch.rand(2, 1, 8, 20), SHAPE).shape == (2, 8 * 14)
    torch.testing.assert_close(outline(torch.full((1, 1, 28, 28), 0.5), SHAPE), torch.full((1, 196), 0.5))


def test_whoever_samples_sees_no_groups(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    np.savez(raw / "pictures.npz", images=tiny_pictures()[0])
    prepare(raw, ImagePrepare(modality="image"), tmp_path / "prepared")
    train("tiny", RUN, tmp_path / "prepared", tmp_path / "weights", tmp_path / "state", Watch())
    counts = json.loads((tmp_path / "weights/schema.json").read_text())["group_counts"]
    assert sum(counts) == round(0.9 * len(open_records(tmp_path / "prepared", "train")))
    assert read_schema(tmp_path / "weights").group_counts == tuple(counts)
    sample(tmp_path / "weights", ImageSample(count=20), tmp_path / "samples")
    assert np.load(tmp_path / "samples/samples.npz").files == ["images"]
