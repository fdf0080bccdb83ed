"""Distances to the nearest row by hand, and against other people's implementation where its figures are at hand."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genloop.table.scores import distances
from genloop.table.scores.distances import Nearest, share_nearer_to_training
from genloop.table.scores.metrics import is_new
from tests.table.test_metrics import READING, REFERENCE, needs_reference

ROWS = pd.DataFrame({"x": [0.0, 10.0, np.nan], "when": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02"]), "w": ["a", "b", None]})  # fmt: skip  # noqa: E501


def row(**values: Any) -> pd.DataFrame:
    return pd.DataFrame([{"x": 0.0, "when": pd.Timestamp("2024-01-01"), "w": "a"} | values])


def test_distances_by_hand() -> None:
    nearest = Nearest(ROWS)
    assert nearest.distances(ROWS).tolist() == [0, 0, 0]
    assert nearest.distances(row(x=2.0))[0] == pytest.approx(0.2 / 3)
    assert nearest.distances(row(when=pd.Timestamp("2024-01-02")))[0] == pytest.approx(0.5 / 3)
    assert nearest.distances(row(w="never seen"))[0] == pytest.approx(1 / 3)
    assert nearest.distances(row(x=1e6, w=None))[0] == pytest.approx(1.5 / 3)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    rows = pd.DataFrame({"x": generator.normal(size=50), "w": generator.choice(["a", "b"], 50)})
    other = rows.assign(x=generator.normal(size=50))
    whole = Nearest(rows).distances(other)
    monkeypatch.setattr(distances, "PAIRS", 120)
    assert np.array_equal(Nearest(rows).distances(other), whole)


def test_a_copier_is_caught_and_an_honest_generator_is_not() -> None:
    generator = np.random.default_rng(0)
    training, held_out, honest = (
        pd.DataFrame(generator.normal(size=(1_000, 3)), columns=list("xyz")) for _ in range(3)
    )
    sides = Nearest(training), Nearest(held_out, scale=training)
    copies = training + generator.normal(size=training.shape) * 0.01
    copied, fair = ([side.distances(rows) for side in sides] for rows in (copies, honest))
    assert share_nearer_to_training(*copied) > 0.95
    assert abs(share_nearer_to_training(*fair) - 0.5) < 0.05
    assert is_new(training, pd.concat([training, honest])).mean() == 0.5


@needs_reference
@pytest.mark.parametrize("name", READING)
def test_parity_of_distances(name: str) -> None:
    read = {kind: pd.read_csv(REFERENCE / f"{name}_{kind}.csv", **READING[name]) for kind in ("real", "validation", "synthetic")}  # fmt: skip  # noqa: E501
    expected = json.loads((REFERENCE / "table_expected.json").read_text())[name]
    to_training, to_held_out = (Nearest(read[kind]).distances(read["synthetic"]) for kind in ("real", "validation"))
    for found, key in ((to_training, "training"), (to_held_out, "validation")):
        assert found[:10] == pytest.approx(expected[f"calculate_dcr_synthetic_vs_{key}"]["first10"])
        assert found.mean() == pytest.approx(expected[f"calculate_dcr_synthetic_vs_{key}"]["mean"])
    for known in expected["NewRowSynthesis"].values():
        assert is_new(read["real"], read["synthetic"]).mean() == pytest.approx(known["score"])
    share = expected["DCROverfittingProtection"]["synthetic_data_percentages"]["closer_to_training"]
    assert share_nearer_to_training(to_training, to_held_out) == pytest.approx(share)
