"""The world after its first retraining, copied for each story."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import made_once
from tests.retraining.world import PROMOTED, World, begin


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which a first champion was trained, published and promoted."""
    return World(made_once(tmp_path_factory, "world", _train_first))


def _train_first(folder: Path) -> None:
    world = begin(folder)
    with world.served():
        world.retrain(world.machine(), expect=PROMOTED)
    for machine in folder.glob("machine*"):
        shutil.rmtree(machine)


@pytest.fixture
def world(first: World, tmp_path: Path) -> Iterator[World]:
    """A copy of it, with a server of its own."""
    for name in ("origin.git", "remote", "server"):
        shutil.copytree(first.folder / name, tmp_path / name)
    copied = World(tmp_path)
    with copied.served():
        yield copied
