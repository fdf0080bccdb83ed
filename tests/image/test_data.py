"""Bytes to the networks' range and back; grids."""

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import integers

from genloop.image.data import PictureSchema, draw
from genloop.image.encoding.pixels import to_bytes, to_unit

SCHEMA = PictureSchema(1, 8, 8)


@given(arrays(np.uint8, (2, 3, 4, 5), elements=integers(0, 255)))
def test_bytes_survive_the_round_trip(pictures: np.ndarray) -> None:
    unit = to_unit(pictures)
    assert float(unit.min()) >= -1
    assert float(unit.max()) <= 1
    assert (to_bytes(unit) == pictures).all()


def test_a_grid_holds_each_picture_in_its_place() -> None:
    pictures = np.arange(0, 250, 25, dtype=np.uint8).reshape(10, 1, 1, 1).repeat(8, 2).repeat(8, 3)
    grid = np.asarray(draw(to_unit(pictures), SCHEMA))
    cell = grid.shape[1] // 8
    assert grid.shape == (2 * cell, 8 * cell)
    found = [int(grid[(index // 8) * cell + cell // 2, (index % 8) * cell + cell // 2]) for index in range(10)]
    assert found == pictures[:, 0, 0, 0].tolist()


def test_colored_grids_have_three_channels() -> None:
    assert np.asarray(draw(to_unit(np.zeros((3, 3, 8, 8), np.uint8)), SCHEMA)).shape[2] == 3
