"""Hashes and keyed randomness: equal content gives equal values, on every machine."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from genloop.batches import Batches
from genloop.config import Gan, ImageGan
from genloop.errors import GenloopError
from genloop.identity import fingerprint, hash_files, hash_weights
from genloop.image.data import PictureRecords
from genloop.image.raw.split import stratified_split
from genloop.outputs import replace_folder
from genloop.randomness import keyed_generator, keyed_seed
from genloop.schedule import learning_rate, resolve_epochs, rising


def test_keyed_seeds_are_the_same_everywhere() -> None:
    assert keyed_seed(0, "weights") == 133441691874178746
    assert keyed_seed(0, "step", 3, 14) != keyed_seed(0, "step", 31, 4)
    assert (
        keyed_generator(5, "split", 0).permutation(6).tolist() == keyed_generator(5, "split", 0).permutation(6).tolist()
    )


def test_the_hash_of_tensors_is_over_content_not_over_the_file(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.int64)}
    save_file(tensors, tmp_path / "x.safetensors")
    save_file(dict(reversed(tensors.items())), tmp_path / "y.safetensors", metadata={"made": "today"})
    same = hash_weights(tmp_path / "x.safetensors")
    assert hash_weights(tmp_path / "y.safetensors") == same
    for changed in ({"a": torch.arange(3.0) + 1}, {"a": torch.arange(3.0).double()}, {"a": torch.arange(3.0)[None]}):
        save_file(tensors | changed, tmp_path / "z.safetensors")
        assert hash_weights(tmp_path / "z.safetensors") != same


def test_the_hash_of_files_knows_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    before = hash_files([tmp_path / "a"])
    assert hash_files([tmp_path / "a"]) == before
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert hash_files([tmp_path / "a"]) != before


def test_a_fingerprint_needs_all_it_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {train: {do: {deps: ['${key}.json', 'data/${item.data}']}}}")
    run = ImageGan(data="d", modality="image", family="gan")
    with pytest.raises(GenloopError, match=r"r\.json: missing"):
        fingerprint("r", run)
    (tmp_path / "data" / "d").mkdir(parents=True)
    (tmp_path / "r.json").write_text("{}")
    before = fingerprint("r", run)
    (tmp_path / "data" / "d" / "x").write_text("new data")
    assert fingerprint("r", run) != before


def run_of(batch: int) -> Gan:
    return ImageGan(family="gan", data="x", modality="image", batch=batch)


def test_batches_hold_each_record_once_and_in_an_order_of_their_epoch() -> None:
    pictures = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    epoch = 0
    batches = Batches(run_of(batch=6), PictureRecords(pictures), epoch=lambda: epoch)
    first = order_of(batches)
    assert len(set(first)) == 18
    assert order_of(batches) == first
    epoch = 1
    assert order_of(batches) != first


def order_of(batches: Batches) -> list[float]:
    """Return the first number of each record in the order of an epoch."""
    return [float(record[0]) for several in batches for batch in several for record in batch.x.flatten(1)]


@pytest.mark.parametrize(("side", "at_once"), [(1, 16), (64, 6), (512, 1)])
def test_as_many_batches_are_handed_over_at_once_as_are_small(side: int, at_once: int) -> None:
    pictures = np.zeros((700, 1, side, side), np.uint8)
    batches = Batches(run_of(batch=41), PictureRecords(pictures), epoch=lambda: 0)
    handed = list(batches)
    assert len(batches) == len(handed)
    assert [len(several) for several in handed[:-1]] == [at_once] * (len(handed) - 1)
    assert [batch.step for several in handed for batch in several] == list(range(17)) == list(range(batches.steps))


def test_a_batch_is_never_larger_than_the_data() -> None:
    batches = Batches(run_of(batch=64), PictureRecords(np.zeros((3, 1, 1, 1), np.uint8)), epoch=lambda: 0)
    assert [[len(batch.x) for batch in several] for several in batches] == [[3]]


def test_devices_share_each_batch() -> None:
    pictures = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    whole = Batches(run_of(batch=6), PictureRecords(pictures), epoch=lambda: 0)
    parts = [Batches(run_of(batch=6), PictureRecords(pictures), epoch=lambda: 0) for _ in range(2)]
    for rank, part in enumerate(parts):
        part.place(torch.device("cpu"), rank, 2)
    assert [len(several) for several in parts[0]] == [1, 1, 1]
    for batch, *shares in zip(next(iter(whole)), *(chain(*part) for part in parts), strict=True):
        assert sorted(batch.x.flatten().tolist()) == sorted(torch.cat([share.x for share in shares]).flatten().tolist())


def test_records_on_a_device_are_the_same(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8)).astype(np.uint8)
    mapped = PictureRecords(pictures, np.arange(9) % 3, 3)
    held = mapped.on(torch.device("cpu"))
    assert held.nbytes == mapped.nbytes == 9 * 3 * 64
    for indices in (np.array([4, 0, 4]), [1, 2]):
        assert torch.equal(held.gather(indices), mapped.gather(indices))
        assert torch.equal(held.conditions(indices), mapped.conditions(indices))


def test_the_split_takes_its_share_of_each_class_and_no_record_twice() -> None:
    labels = np.array([0] * 50 + [1] * 10 + [2] * 2)
    train, test = stratified_split(labels, len(labels), 0.2, seed=0)
    assert np.bincount(labels[test]).tolist() == [10, 2, 1]
    assert sorted([*train, *test]) == list(range(62))


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with replace_folder(tmp_path / "x") as folder:
        (folder / "a").write_text("1")
    with pytest.raises(FileNotFoundError), replace_folder(tmp_path / "x") as folder:  # noqa: PT012 (what fails is the point)
        (folder / "b").write_text("2")
        (folder / "missing").read_text()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_schedules() -> None:
    factor = learning_rate(11, 0.0, 0.05, "linear")
    assert [factor(0), factor(5), factor(10), factor(99)] == pytest.approx([1.0, 0.525, 0.05, 0.05])
    cosine = learning_rate(21, 10 / 21, 0.1, "cosine")
    assert [cosine(4), cosine(9), cosine(10), cosine(15), cosine(20)] == pytest.approx([0.5, 1.0, 1.0, 0.55, 0.1])
    assert [rising(0, 4.0), rising(3, 4.0), rising(9, 4.0), rising(0, 0.0)] == [0.25, 1.0, 1.0, 1.0]
    assert resolve_epochs(None, 60_000, 60_000, least=2) == 2
    assert [resolve_epochs(7, 10, 10), resolve_epochs(None, 600_000, 60_000), resolve_epochs(None, 600_000, 2)] == [
        7,
        10,
        1000,
    ]
