"""The nearest pictures against brute force, and copies among generated pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import cdist

from genloop.image.scores import nearest as module
from genloop.image.scores.copies import honest, judge, most_suspicious
from genloop.image.scores.nearest import nearest


def pictures(count: int, shape: tuple[int, ...], levels: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, levels, (count, *shape)).astype(np.uint8)


def smooth(count: int, seed: int) -> np.ndarray:
    """Bright spots on dark ground: few things to vary, as in real pictures."""
    generator = np.random.default_rng(seed)
    y, x, width = generator.uniform(2, 10, (3, count, 1, 1))
    grid = np.arange(12)
    spots = np.exp(-((grid[:, None] - y) ** 2 + (grid - x) ** 2) / width)
    return (200 * spots + generator.uniform(0, 55, (count, 1, 1))).astype(np.uint8)[:, None]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 30), (2, 5, 7)])
@pytest.mark.parametrize("block", [3, 2048])
def test_nearest_are_those_of_brute_force(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], block: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    train, some = pictures(40, shape), pictures(9, shape, seed=1)
    some[2] = train[17]
    expected = cdist(some.reshape(9, -1) / 255.0, train.reshape(40, -1) / 255.0) / np.sqrt(np.prod(shape))
    found = nearest(some, train, 6)
    np.testing.assert_allclose(found.distances, np.sort(expected, 1)[:, :6], atol=1e-12)
    assert found.nearest.tolist() == expected.argmin(1).tolist()
    assert found.distances[2, 0] == 0


@pytest.mark.parametrize("block", [4, 2048])
def test_of_equally_near_pictures_the_first_is_told(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    train, some = pictures(50, (1, 2, 1), levels=3), pictures(20, (1, 2, 1), levels=3, seed=1)
    expected = cdist(some.reshape(20, -1).astype(float), train.reshape(50, -1).astype(float))
    assert nearest(some, train, 5).nearest.tolist() == expected.argmin(1).tolist()


def test_extreme_pixels_have_exact_distances_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    train = np.where(pictures(30, (3, 32, 32), levels=2) > 0, 255, 0).astype(np.uint8)
    some = 255 - train
    some[:, 0, 0, 0] = 17
    squared = [int((some[0].astype(int) - row).__pow__(2).sum()) for row in train.astype(int)]
    found = nearest(some, train, 30)
    assert found.distances[0].tolist() == (np.sqrt(np.sort(squared) / (3 * 32 * 32)) / 255).tolist()
    monkeypatch.setattr(module, "BLOCK", 7)
    assert np.array_equal(nearest(some, train, 30).distances, found.distances)


def test_large_pictures_are_shrunk_and_their_copies_stay_copies() -> None:
    train = pictures(5, (1, 64, 40))
    assert nearest(train, train, 2).distances[:, 0].tolist() == [0] * 5
    assert module._pixels(train).shape == (5, 32 * 32)


def test_a_picture_that_is_left_out_finds_its_double_and_not_itself() -> None:
    train = np.concatenate([pictures(10, (1, 8, 8)), pictures(10, (1, 8, 8))[:1]])
    found = nearest(train, train, 3, np.arange(11))
    assert found.nearest[[0, 10]].tolist() == [10, 0]
    assert found.distances[[0, 10], 0].tolist() == [0, 0]
    assert (found.distances[1:10, 0] > 0).all()


@pytest.mark.parametrize("noise", [0, 2])
def test_a_replayer_is_flagged_and_an_honest_generator_is_not(tmp_path: Path, noise: int) -> None:
    train, test, generated = (smooth(count, seed) for count, seed in ((1_500, 0), (300, 1), (800, 2)))
    usual = honest(train, test, seed=0)
    assert usual.shape == (1_800, 11)
    fair = judge(generated, train, usual)
    assert not fair.flagged
    assert fair.closer.low < 0.5 < fair.closer.high
    generated[100:108] = train[40:48].astype(int).clip(2, 253) + np.random.default_rng(3).integers(-noise, noise + 1, (8, 1, 12, 12))  # fmt: skip  # noqa: E501
    found = judge(generated, train, usual)
    assert found.flagged
    told = {(pair.generated, pair.training) for pair in found.pairs()}
    assert len(told & {(100 + i, 40 + i) for i in range(8)}) >= 6
    most_suspicious(found, generated, train, tmp_path)
    once = (tmp_path / "copies.png").read_bytes()
    most_suspicious(found, generated, train, tmp_path)
    assert (tmp_path / "copies.png").read_bytes() == once
    with Image.open(tmp_path / "copies.png") as drawn:
        assert drawn.width > 1_000


@pytest.mark.parametrize("channels", [2, 3])
def test_pictures_of_other_channels_are_drawn(tmp_path: Path, channels: int) -> None:
    train = pictures(6, (channels, 8, 8))
    usual = honest(train, train, seed=0)
    most_suspicious(judge(train[:3], train, usual), train[:3], train, tmp_path)
    assert (tmp_path / "copies.png").exists()


def test_threads_change_nothing() -> None:
    train, some = pictures(300, (1, 28, 28)), pictures(100, (1, 28, 28), seed=1)
    threads, found = torch.get_num_threads(), []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(nearest(some, train, 11).distances)
    torch.set_num_threads(threads)
    assert np.array_equal(found[0], found[1])
