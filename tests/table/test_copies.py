"""The nearest rows against brute force, and copies among generated rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genloop.table.scores import copies, distances
from genloop.table.scores.copies import honest, judge, most_suspicious, suspicious_pairs
from genloop.table.scores.distances import Nearest


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 4)) @ generator.normal(size=(4, 4))
    frame = pd.DataFrame(x.round(3), columns=list("abcd"))
    return frame.assign(word=generator.choice(["u", "v", "w"], rows), gap=np.where(x[:, 0] > 1, np.nan, x[:, 1]))


def brute(rows: pd.DataFrame, train: pd.DataFrame) -> np.ndarray:
    total = np.zeros((len(rows), len(train)))
    for name in train:
        if name == "word":
            total += rows[name].to_numpy()[:, None] != train[name].to_numpy()
        else:
            width = train[name].max() - train[name].min()
            here, there = rows[name].to_numpy()[:, None], train[name].to_numpy()
            apart = np.where(np.isnan(here) & np.isnan(there), 0, np.abs(here - there) / width)
            total += np.minimum(np.nan_to_num(apart, nan=1), 1)
    return total / len(train.columns)


@pytest.mark.parametrize("pairs", [100, 2**22])
def test_neighbors_are_those_of_brute_force(monkeypatch: pytest.MonkeyPatch, pairs: int) -> None:
    monkeypatch.setattr(distances, "PAIRS", pairs)
    train, rows = table(60, 0), table(25, 1)
    expected = brute(rows, train)
    found = Nearest(train).neighbors(rows, 7)
    np.testing.assert_allclose(found.distances, np.sort(expected, 1)[:, :7], atol=1e-12)
    assert found.nearest.tolist() == expected.argmin(1).tolist()
    assert np.array_equal(found.distances[:, 0], Nearest(train).distances(rows))


def test_of_equally_near_rows_the_first_is_told() -> None:
    train = pd.DataFrame({"x": [0.0, 5.0, 5.0, 10.0], "w": ["a", "b", "b", "a"]})
    found = Nearest(train).neighbors(train, 2)
    assert found.nearest.tolist() == [0, 1, 1, 3]
    assert found.distances[1].tolist() == [0, 0]


def test_a_row_that_is_left_out_finds_its_double_and_not_itself() -> None:
    train = pd.concat([table(20, 0), table(20, 0)[:1]], ignore_index=True)
    found = Nearest(train).neighbors(train, 3, np.arange(21))
    assert found.nearest[[0, 20]].tolist() == [20, 0]
    assert (found.distances[1:20, 0] > 0).all()


def test_a_replayer_is_flagged_and_an_honest_generator_is_not(tmp_path: Path) -> None:
    drawn = table(2_600, 0)
    train, test, generated = (part.reset_index(drop=True) for part in (drawn[:1_500], drawn[1_500:1_800], drawn[1_800:]))  # fmt: skip  # noqa: E501
    usual = honest(train, test, seed=0)
    fair = judge(generated, train, usual, seed=0)
    assert not fair.flagged
    assert fair.closer.low < 0.5 < fair.closer.high
    generated.loc[100:107] = train.loc[40:47].to_numpy()
    generated.loc[100:107, "a"] += 0.002
    found = judge(generated.astype(train.dtypes), train, usual, seed=0)
    assert found.flagged
    pairs = suspicious_pairs(found, generated, train)
    assert pairs["row"].tolist() == ["generated", "training"] * 10
    assert pairs["pair"].tolist() == [1 + row // 2 for row in range(20)]
    told = {(pair.generated, pair.training) for pair in found.pairs()}
    assert len(told & {(100 + i, 40 + i) for i in range(8)}) >= 6
    assert pairs.loc[pairs["row"] == "training", "b"].tolist() == [train["b"][pair.training] for pair in found.pairs()]
    most_suspicious(found, generated, train, tmp_path)
    assert pd.read_csv(tmp_path / "copies.csv").columns.tolist() == ["pair", "ratio", "row", *train]


def test_places_are_those_in_the_whole_table_where_only_some_rows_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copies, "MOST_TRAINING", 30)
    train = table(100, 0)
    found = judge(train, train, honest(train, table(30, 1), seed=0), seed=0)
    copied = found.neighbors.distances[:, 0] == 0
    assert copied.sum() == 30
    assert found.neighbors.nearest[copied].tolist() == np.flatnonzero(copied).tolist()
