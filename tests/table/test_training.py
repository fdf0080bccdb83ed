"""Both families on rows: trained, asked, scored, and their gaps filled."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from genloop import plugins
from genloop.choices import TablePrepare, TableReference
from genloop.config import Gan, TableGan, TableSample, TableVae, Trainer, Vae
from genloop.errors import GenloopError
from genloop.sampling import sample
from genloop.table.data import TableRecords, TableSchema, block, read_schema
from genloop.table.encoding.columns import Column
from genloop.table.encoding.rows import Encoding, Span
from genloop.table.fill import fill
from genloop.table.networks.layout import Layout
from genloop.training import train
from tests.conftest import tiny_table
from tests.test_training import Watch, evaluated

COMMON: dict[str, Any] = {"data": "rows", "modality": "table", "epochs": 4, "width": 16, "latent": 4, "batch": 32}
RUNS: dict[str, Gan | Vae] = {
    "gan": TableGan(family="gan", **COMMON),
    "gan_spectral": TableGan(family="gan", critic_norm="spectral", penalty=0.0, loss="hinge", rare=0.0, **COMMON),
    "gan_groups": TableGan(family="gan", conditional=False, rare=0.0, groups=3, **COMMON),
    "gan_bf16": TableGan(family="gan", trainer=Trainer(precision="bf16-mixed"), **COMMON),
    "vae": TableVae(family="vae", **COMMON),
    "vae_mixture": TableVae(family="vae", prior="mixture", second_stage=False, importance=2, free_bits=0.0, **COMMON),
    "vae_bf16": TableVae(family="vae", trainer=Trainer(precision="bf16-mixed"), **COMMON),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a small prepared table and its reference."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "raw").mkdir()
    tiny_table().to_csv(folder / "raw" / "rows.csv", index=False)
    choices = TablePrepare(modality="table", rules=("end >= start", "total = price + tip"))
    plugins.raw("table").prepare(folder / "raw", choices, folder / "prepared" / "rows")
    reference = TableReference(modality="table")
    plugins.scores("table").build_reference(folder / "prepared" / "rows", reference, folder / "reference" / "rows")
    return folder


def fit(name: str, data: Path, folder: Path, watch: Watch | None = None, **keys: Any) -> dict[str, bytes]:
    out = folder / "weights" / name
    run = RUNS[name].model_copy(update=keys)
    train(name, run, data / "prepared" / "rows", out, folder / "state", watch or Watch())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def drawn(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "samples.csv", parse_dates=["start", "end"])


@pytest.mark.parametrize("name", RUNS)
def test_every_family_trains_samples_and_is_scored(name: str, data: Path, tmp_path: Path) -> None:
    fit(name, data, tmp_path)
    for kind in ("prepared", "reference"):
        (tmp_path / kind).symlink_to(data / kind)
    sample(tmp_path / "weights" / name, TableSample(), tmp_path / "samples" / name)
    rows = drawn(tmp_path / "samples" / name)
    assert len(rows) == 192
    assert (rows["end"] >= rows["start"]).all()
    assert np.allclose(rows["total"], rows["price"] + rows["tip"])
    assert rows["id"].tolist() == list(range(1, 193))
    files = {path.name for path in (tmp_path / "samples" / name).iterdir()}
    assert files == {"grid.png", "associations.png", "samples.parquet", "samples.csv", "manifest.json"}
    scores = evaluated(name, tmp_path)
    baselines = scores["baselines"]
    assert baselines["real"]["pairs"] > baselines["marginals"]["pairs"]
    assert baselines["bootstrap"]["closer_than_held_out"] > 0.9


def test_what_is_asked_for_is_in_every_row(data: Path, tmp_path: Path) -> None:
    for name in ("gan", "vae"):
        fit(name, data, tmp_path)
        asked = TableSample(count=300, where={"town": "Ulm", "member": False, "tip": 0.0})
        sample(tmp_path / "weights" / name, asked, tmp_path / name)
        rows = drawn(tmp_path / name)
        assert len(rows) == 300
        assert set(rows["town"]) == {"Ulm"}
        assert set(rows["member"]) == {"no"}
        assert set(rows["tip"]) == {0.0}
        assert rows["price"].nunique() > 10
        sample(tmp_path / "weights" / name, TableSample(count=20, where={"town": None}), tmp_path / name)
        assert set(pd.read_csv(tmp_path / name / "samples.csv", keep_default_na=False)["town"]) == {"?"}


def test_a_trained_vae_knows_what_follows_from_what_is_asked(data: Path, tmp_path: Path) -> None:
    fit("vae", data, tmp_path, epochs=150, width=64, validation=0.0)  # few rows: all are needed
    for member, towns in (("yes", {"Ulm", "Bern", "?"}), ("no", {"Bern", "Oslo", "?"})):
        sample(tmp_path / "weights/vae", TableSample(count=300, where={"member": member}), tmp_path / "out")
        rows = pd.read_csv(tmp_path / "out" / "samples.csv", keep_default_na=False)
        assert rows["town"].isin(towns).mean() > 0.9
        assert ((rows["tip"] > 0) == (member == "yes")).mean() > 0.9


def test_the_first_rows_are_the_same_whatever_the_count(data: Path, tmp_path: Path) -> None:
    fit("vae", data, tmp_path)
    for count in (3, 5_000):
        sample(tmp_path / "weights/vae", TableSample(count=count), tmp_path / str(count))
    few, many = (drawn(tmp_path / count) for count in ("3", "5000"))
    pd.testing.assert_frame_equal(few, many[:3])
    assert len(many) == 5_000
    stored = pd.read_parquet(tmp_path / "5000" / "samples.parquet")
    assert stored["price"].tolist() == many["price"].tolist()
    assert stored["end"].tolist() == many["end"].tolist()


def test_fewer_rows_are_drawn_at_once_where_a_column_has_many_values(data: Path) -> None:
    def rows(values: int) -> int:
        column = Column("word", "category", values=tuple(map(str, range(values))))
        return block(TableSchema(Encoding((column,), (Span("word", "value", values),)), ((1,) * values,)))

    assert [rows(values) for values in (10, 1_000, 10_000, 1_000_000)] == [4096, 4096, 419, 256]


def test_gaps_are_filled_and_the_rest_stays(data: Path, tmp_path: Path) -> None:
    fit("vae", data, tmp_path)
    table = tiny_table(60, seed=1).astype(str)
    table.loc[::3, ["price", "total"]] = ""
    table.loc[1::3, "town"] = "?"
    table.loc[5, ["start", "end"]] = ""
    table.loc[8, "price"] = ""  # follows from the other terms of a sum
    table.to_csv(tmp_path / "gaps.csv", index=False)
    count = fill(tmp_path / "weights/vae", tmp_path / "gaps.csv", tmp_path / "filled.csv", seed=0)
    before, after = (
        pd.read_csv(tmp_path / name, dtype=str, keep_default_na=False) for name in ("gaps.csv", "filled.csv")
    )
    gaps = before.isin(["", "?"])
    assert count == gaps.to_numpy().sum() > 60
    assert not after.isin(["", "?"]).to_numpy().any()
    assert (after.to_numpy() == before.to_numpy())[~gaps.to_numpy()].all()
    assert after["price"][8] == f"{tiny_table(60, seed=1)['price'][8]}"
    numbers = after[["price", "tip", "total"]].astype(float)
    assert np.allclose(numbers["total"], numbers["price"] + numbers["tip"], atol=0.011)


def test_gaps_of_parquet_are_filled_in_its_types_whatever_its_index(data: Path, tmp_path: Path) -> None:
    fit("vae", data, tmp_path)
    table = tiny_table(60, seed=1)
    table["member"] = table["member"].astype("category")
    table.loc[::3, ["tip", "total"]] = np.nan
    table["note"] = "kept"
    shuffled = table.sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "gaps.parquet")
    count = fill(tmp_path / "weights/vae", tmp_path / "gaps.parquet", tmp_path / "filled.parquet", seed=0)
    assert count == 40 + (table["town"] == "?").sum()
    filled = pd.read_parquet(tmp_path / "filled.parquet")
    assert filled.dtypes["tip"] == "float64"
    assert filled["note"].eq("kept").all()
    assert filled["price"].tolist() == shuffled["price"].tolist()
    given = shuffled["tip"].notna().to_numpy()
    assert filled["tip"][given].tolist() == shuffled["tip"][given].tolist()
    assert np.allclose(filled["total"], filled["price"] + filled["tip"], atol=0.011)


FILL_FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "a word that never occurred": ({"town": "Rome"}, "row 1, column 'town': 'Rome' does not occur"),
    "a number without end": ({"price": "inf"}, "row 1, column 'price' is infinite"),
    "a number that is none": ({"price": "many"}, "row 1, column 'price': 'many' is no float"),
    "a sum without two terms": ({"price": "", "tip": ""}, "row 1 has 'total', which follows from 'price' by a rule"),
}


@pytest.mark.parametrize("name", FILL_FAULTS)
def test_a_table_that_cannot_be_filled_is_refused(name: str, data: Path, tmp_path: Path) -> None:
    change, message = FILL_FAULTS[name]
    fit("vae", data, tmp_path)
    table = tiny_table(3, seed=1).astype(str)
    for column, value in change.items():
        table.loc[0, column] = value
    table.to_csv(tmp_path / "gaps.csv", index=False)
    with pytest.raises(GenloopError, match=message):
        fill(tmp_path / "weights/vae", tmp_path / "gaps.csv", tmp_path / "filled.csv", seed=0)
    assert not (tmp_path / "filled.csv").exists()


WHERE_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no such column": ({"twon": "Ulm"}, "sample.where: there is no column 'twon'; did you mean 'town'?"),
    "a word never seen": ({"town": "Rome"}, r"sample.where.town: no row has 'Rome'; there are \?*"),
    "a number never seen": ({"price": 1e6}, "sample.where.price: no training row is like 1000000.0; the nearest have"),
    "a number that is none": ({"price": "cheap"}, "sample.where.price: 'cheap' is no float"),
    "what follows by a rule": ({"total": 3.0}, "sample.where.total: follows from price, tip by a rule"),
    "a key": ({"id": "R1"}, "sample.where.id: is a key"),
    "a missing value that never is": ({"price": None}, "sample.where.price: is never missing"),
}


@pytest.mark.parametrize("name", WHERE_FAULTS)
def test_a_condition_that_no_row_can_meet_is_refused(name: str, data: Path, tmp_path: Path) -> None:
    from genloop.table.encoding.asked import ask_for

    where, message = WHERE_FAULTS[name]
    with pytest.raises(GenloopError, match=message):
        ask_for(read_schema(data / "prepared" / "rows").encoding, where)


def test_rare_values_are_looked_up_and_told() -> None:
    generator = np.random.default_rng(0)
    codes = np.stack([generator.choice(3, 4_000, p=(0.9, 0.09, 0.01)), generator.integers(0, 2, 4_000)], 1)
    counts = np.concatenate([np.bincount(codes[:, 0]), np.bincount(codes[:, 1])])
    records = TableRecords(codes, Layout((3, 2)), counts)
    indices, conditions = records.ask(np.arange(4_000), RUNS["gan"].model_copy(update={"rare": 0.8}), generator)
    x, known = records.gather(indices), conditions[:, 5:7]
    assert torch.equal(conditions[:, :5], x * records.layout.spread(known))
    seen, usual = x.mean(0), torch.from_numpy(counts) / 4_000
    assert seen[2] > 3 * usual[2]
    assert seen[1] > usual[1]
    assert known[x[:, 2] == 1, 0].mean() > 0.8  # rows are looked up for what is told of them
    torch.testing.assert_close(seen[3:], usual[3:], atol=0.03, rtol=0, check_dtype=False)


@pytest.mark.parametrize("limit", [{"memory": 1e-6}, {"hours": 1e-9}])
def test_a_training_beyond_its_limits_is_refused_with_its_widest_column(
    limit: dict[str, float], data: Path, tmp_path: Path
) -> None:
    from genloop.config import Limits

    with pytest.raises(
        GenloopError, match=r"runs\.gan: training .* limits\.(memory|hours) is 1e-0[69]; lower .*the widest column is '"
    ):
        fit("gan", data, tmp_path, limits=Limits(**limit))
