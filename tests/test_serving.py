"""A run that answers requests draws what ``sample`` draws, and refuses what it cannot do."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from genloop.config import ImageGanSample, ImageVaeSample, TableGanSample, TableVaeSample
from genloop.errors import GenloopError
from genloop.marking import read_mark
from genloop.sampling import sample
from genloop.serving import Served
from tests.golden.make import GOLDEN

WEIGHTS = GOLDEN / "format_2/weights"


@pytest.fixture(scope="module")
def served() -> dict[str, Served]:
    return {name: Served(WEIGHTS / name) for name in ("groups_gan", "layers_vae", "rows_gan", "rows_vae")}


PICTURES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "a GAN": ("groups_gan", ImageGanSample(count=300, seed=3), {"seed": 3}),
    "a truncated GAN": ("groups_gan", ImageGanSample(count=300, truncation=0.5), {"truncation": 0.5}),
    "a VAE": ("layers_vae", ImageVaeSample(count=300), {}),
    "a class": (
        "layers_vae",
        ImageVaeSample(count=300, label="1", temperature=0.5),
        {"label": "1", "temperature": 0.5},
    ),
}


@pytest.mark.parametrize("case", PICTURES)
def test_pictures_are_those_that_sample_draws_however_few(case: str, served: dict[str, Served], tmp_path: Path) -> None:
    name, choices, parameters = PICTURES[case]
    sample(WEIGHTS / name, choices, tmp_path / "drawn")
    drawn = np.load(tmp_path / "drawn/samples.npz")
    for count in (1, 17, 257):
        answer = served[name].answer({"n": count, "form": "arrays"} | parameters)
        np.testing.assert_array_equal(np.stack(list(answer["picture"])), drawn["images"][:count])
        assert ("labels" in drawn.files) == ("label" in answer)
        if "label" in answer:
            assert list(answer["label"]) == list(drawn["labels"][:count])
    (png,) = served[name].answer(parameters)["picture"]
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), drawn["images"][0])
    (tmp_path / "answer").write_bytes(base64.b64decode(png))
    mark, known = read_mark(tmp_path / "answer"), read_mark(tmp_path / "drawn/grid.png")
    assert (mark.weights, mark.seed, mark.asked) == (known.weights, known.seed, known.asked)


ROWS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "a GAN": ("rows_gan", TableGanSample(count=5000, seed=3), {"seed": 3}),
    "a VAE that is asked": (
        "rows_vae",
        TableVaeSample(count=300, where={"town": "Ulm", "member": False}, temperature=0.5),
        {"where": '{"town": "Ulm", "member": false}', "temperature": 0.5},
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_are_those_that_sample_draws_however_few(case: str, served: dict[str, Served], tmp_path: Path) -> None:
    name, choices, parameters = ROWS[case]
    sample(WEIGHTS / name, choices, tmp_path / "drawn")
    drawn = pd.read_parquet(tmp_path / "drawn/samples.parquet")
    for column in ("start", "end"):
        drawn[column] = [moment.isoformat() for moment in drawn[column]]
    expected = drawn.astype(object).where(drawn.notna(), None)
    for count in (1, 17, choices.count):
        answer = served[name].answer({"n": count} | parameters)
        pd.testing.assert_frame_equal(answer, expected[:count], check_dtype=False, check_column_type=False)
    answer.to_parquet(tmp_path / "answer")
    mark, known = read_mark(tmp_path / "answer"), read_mark(tmp_path / "drawn/samples.parquet")
    assert (mark.weights, mark.seed, mark.asked) == (known.weights, known.seed, known.asked)
    assert {type(value) for value in answer["price"]} == {float}
    assert {type(value) for value in answer["member"]} <= {bool, str}


def test_equal_requests_of_many_threads_get_equal_answers(served: dict[str, Served]) -> None:
    run = Served(WEIGHTS / "groups_gan")
    asked = [{"n": 1 + place % 7, "seed": place % 5} for place in range(200)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(run.answer, asked))
    for request, answer in zip(asked, answers, strict=True):
        pd.testing.assert_frame_equal(answer, served["groups_gan"].answer(request))


def test_the_process_is_left_as_it_was(served: dict[str, Served]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    served["groups_gan"].answer({"seed": 99})
    assert torch.equal(torch.rand(3), expected)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_blocks_that_are_kept_are_bounded(served: dict[str, Served]) -> None:
    kept = served["rows_gan"].drawn.cache_parameters()["maxsize"]
    assert 1 <= kept <= 64
    assert kept * served["rows_gan"].block * served["rows_gan"].source.schema.dimensions <= 2**24


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "none": ("groups_gan", {"n": 0}, "n: 0 is not from 1 to 10,000 records"),
    "too many": ("groups_gan", {"n": 10**12}, "n: 1000000000000 is not from 1 to 10,000 records"),
    "no number": ("groups_gan", {"n": "3"}, "n: '3' is not from"),
    "yes": ("groups_gan", {"n": True}, "n: True is not from"),
    "an unknown one": ("groups_gan", {"sede": 3}, "sede: no such parameter of this model; it takes n, seed, truncation, form"),
    "a class of a run without": ("groups_gan", {"label": "1"}, "label: no such parameter"),
    "a temperature of a GAN": ("groups_gan", {"temperature": 0.5}, "temperature: no such parameter"),
    "a truncation of a VAE": ("rows_vae", {"truncation": 0.5}, "truncation: no such parameter of this model; it takes n, seed, where"),
    "too warm": ("layers_vae", {"temperature": 2.0}, "temperature: input should be less than or equal to 1, not 2.0"),
    "an unknown class": ("layers_vae", {"label": "7"}, "label: there is no class '7'; the classes are 0, 1"),
    "a seed below 0": ("layers_vae", {"seed": -1}, "seed: input should be greater than or equal to 0, not -1"),
    "an unknown form": ("layers_vae", {"form": "gif"}, "form: 'gif' is none of png, arrays"),
    "an unknown column": ("rows_gan", {"where": "{twon: Ulm}"}, "where: there is no column 'twon'; did you mean 'town'?"),
    "an unknown value": ("rows_gan", {"where": "{town: Rome}"}, "where.town: no row has 'Rome'; there are"),
    "no columns": ("rows_gan", {"where": "Ulm"}, "where: input should be a valid dictionary, not 'Ulm'"),
    "no YAML": ("rows_gan", {"where": "{town: ["}, "where: while parsing"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_had_is_refused_by_name(case: str, served: dict[str, Served]) -> None:
    name, parameters, message = REFUSED[case]
    with pytest.raises(GenloopError) as caught:
        served[name].answer(parameters)
    assert str(caught.value).startswith(message)
