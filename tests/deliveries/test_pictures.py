"""Deliveries of pictures, through the real stage: honest ones, and each kind of broken one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genloop.choices import ImagePrepare
from genloop.deliveries.check import Delivery, check_delivery
from genloop.deliveries.choices import Drift
from genloop.image.raw.prepare import prepare
from genloop.outputs import write_json

Drawn = tuple[np.ndarray, np.ndarray]
COUNT, NEW = 300, 100
NAMES = np.array(["bar", "dot", "ring"])


def pictures(count: int, seed: int, side: int = 12) -> Drawn:
    """Bright shapes somewhere in the upper half of a dark, noisy square, of three classes."""
    draw = np.random.default_rng(seed)
    labels, found = draw.integers(3, size=count), draw.integers(0, 30, size=(count, side, side))
    for picture, label in zip(found, labels, strict=True):
        row, column = draw.integers(0, 2), draw.integers(0, side - 5)
        shape = [
            np.eye(5) * 0 + [[0], [1], [1], [0], [0]],
            np.pad(np.ones((3, 3)), 1),
            np.pad(np.zeros((3, 3)), 1, constant_values=1),
        ]
        picture[row : row + 5, column : column + 5] += (shape[label] * draw.integers(150, 220)).astype(int)
    return found.clip(0, 255).astype(np.uint8), labels


KNOWN = pictures(COUNT, seed=1)


def prepared(drawn: Drawn, out: Path, names: np.ndarray | None = NAMES, **choices: Any) -> Path:
    raw = out.with_name(f"{out.name}_raw")
    raw.mkdir()
    labels: dict[str, Any] = {} if names is None else {"labels": names[drawn[1]]}
    np.savez(raw / "pictures.npz", images=drawn[0], **labels)
    prepare(raw, ImagePrepare(modality="image", **choices), out)
    return out


def with_new(new: Drawn) -> Drawn:
    return np.concatenate([KNOWN[0], new[0]]), np.concatenate([KNOWN[1], new[1]])


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(KNOWN, tmp_path_factory.mktemp("before") / "shapes")


def delivered(before: Path, drawn: Drawn, place: Path, drift: Drift | None = None, **choices: Any) -> Delivery:
    return check_delivery("shapes", "image", before, prepared(drawn, place / "now", **choices), drift or Drift())


@pytest.mark.parametrize("count", [1, 2, 9, NEW])
def test_honest(before: Path, tmp_path: Path, count: int) -> None:
    found = delivered(before, with_new(pictures(count, seed=2)), tmp_path)
    assert found == Delivery("shapes", count, 0, ())
    assert found == check_delivery("shapes", "image", before, tmp_path / "now", Drift())


def test_the_same_in_another_order_and_split_is_nothing_new(before: Path, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(COUNT)
    found = delivered(before, (KNOWN[0][order], KNOWN[1][order]), tmp_path, seed=3, holdout=0.4)
    assert found == Delivery("shapes", 0, 0, ())


def changed(change: Callable[[np.ndarray], np.ndarray], step: int = 1) -> Callable[[], Drawn]:
    def made() -> Drawn:
        found, labels = pictures(NEW, seed=2)
        found[::step] = change(found[::step])
        return found, labels

    return made


BROKEN: dict[str, tuple[Callable[[], Drawn], str, str]] = {
    "inverted": (changed(lambda x: 255 - x), "pictures", "a classifier can tell"),
    "one in ten inverted": (changed(lambda x: 255 - x, 10), "pictures", "farther from all known ones"),
    "blank": (changed(lambda x: x * 0, 10), "pictures", "are of one color all over"),
    "rotated": (changed(lambda x: np.rot90(x, axes=(1, 2))), "pictures", "a classifier can tell"),
    "brighter": (changed(lambda x: x // 2 + 128), "pictures", "a classifier can tell"),
    "noise": (
        changed(lambda x: np.random.default_rng(0).integers(0, 256, size=x.shape).astype(np.uint8), 8),
        "pictures",
        "known ones",
    ),
    "stuck": (changed(lambda x: np.repeat(x[:1], len(x), 0), 2), "pictures", "repeat another new one"),
    "twice": (lambda: (KNOWN[0][:NEW], KNOWN[1][:NEW]), "pictures", "repeat a known one"),
    "one class": (
        lambda: (pictures(400, 2)[0][pictures(400, 2)[1] == 1], np.ones((pictures(400, 2)[1] == 1).sum(), int)),
        "classes",
        "classes have other shares: 'dot' is 100.0%",
    ),
    "labels shifted": (lambda: (pictures(NEW, 2)[0], (pictures(NEW, 2)[1] + 1) % 3), "classes", "is of another class"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken(before: Path, tmp_path: Path, fault: str) -> None:
    make, what, words = BROKEN[fault]
    found = delivered(before, with_new(make()), tmp_path)
    broken = [finding.told for finding in found.findings if finding.broken and finding.what == what]
    assert any(words in line for line in broken), found.lines()


def test_classes_that_move_are_compared_with_their_own_kind(before: Path, tmp_path: Path) -> None:
    drawn, labels = pictures(400, seed=2)
    only = with_new((drawn[labels == 1], labels[labels == 1]))
    found = delivered(before, only, tmp_path, Drift(moving=("classes",)))
    assert {(finding.what, finding.broken) for finding in found.findings} == {("classes", False)}


def test_a_new_class_and_a_class_that_is_gone(before: Path, tmp_path: Path) -> None:
    found = delivered(before, with_new(pictures(NEW, 2)), tmp_path, names=np.array(["bar", "dot", "circle"]))
    told = [finding.told for finding in found.findings if finding.broken and finding.what == "classes"]
    assert any(line.startswith("new, with pictures: 'circle' (") for line in told)
    assert any(line.startswith("gone: 'ring'") for line in told)


def test_few_pictures_of_a_class_are_no_alarm(before: Path, tmp_path: Path) -> None:
    drawn, labels = pictures(20, seed=2)
    found = delivered(before, with_new((drawn[labels < 2][:6], labels[labels < 2][:6])), tmp_path)
    assert (found.new, found.findings) == (6, ())


def test_another_shape_ends_the_comparison(before: Path, tmp_path: Path) -> None:
    found = delivered(before, with_new(pictures(NEW, 2)), tmp_path, size=8)
    (finding,) = found.findings
    assert finding.broken
    assert finding.told.startswith("pictures are 8x8 with 1 channels, were 12x12 with 1 channels")
    assert (found.new, found.gone) == (COUNT + NEW, COUNT)


def test_without_classes(tmp_path: Path) -> None:
    known = prepared(KNOWN, tmp_path / "known", names=None)
    assert not delivered(known, with_new(pictures(NEW, 2)), tmp_path, names=None).findings
    (tmp_path / "b").mkdir()
    found = delivered(known, with_new(BROKEN["inverted"][0]()), tmp_path / "b", names=None)
    assert {finding.what for finding in found.findings if finding.broken} == {"pictures"}


def folder_of(values: np.ndarray, out: Path) -> Path:
    """A prepared folder as it might be, without the stage, which asks for larger pictures."""
    out.mkdir()
    np.save(out / "train.npy", values)
    np.save(out / "test.npy", values[:0])
    channels, height, width = values.shape[1:]
    shape = {"channels": channels, "height": height, "width": width}
    write_json(out / "schema.json", shape | {"modality": "image", "classes": [], "class_counts": []})
    return out


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 5), (2, 40, 3)])
def test_odd_shapes(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    draw = np.random.default_rng(0)
    values = draw.integers(0, 256, size=(120, *shape)).astype(np.uint8)
    known, now = folder_of(values[:80], tmp_path / "known"), folder_of(values, tmp_path / "now")
    found = check_delivery("odd", "image", known, now, Drift())
    assert (found.new, found.gone, found.broken) == (40, 0, False), found.lines()


def test_pictures_that_are_all_alike(tmp_path: Path) -> None:
    values = np.full((40, 1, 8, 8), 7, np.uint8)
    known, now = folder_of(values[:20], tmp_path / "known"), folder_of(values, tmp_path / "now")
    assert check_delivery("flat", "image", known, now, Drift()) == Delivery("flat", 20, 0, ())
