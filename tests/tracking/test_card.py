"""The card of weights and the description of a run: what they say, and that MLflow takes them."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from genloop.config import ImageVae
from genloop.tracking.artifacts import ROWS, first_rows, networks_in
from genloop.tracking.card import LONGEST, Facts, Network, card, note
from genloop.tracking.record import record
from genloop.tracking.store import Store
from tests.tracking.conftest import Outputs
from tests.tracking.shown import only_run

SCORES = {
    "kid": 0.5,
    "copied": 0.01,
    "intervals": {"kid": [0.4, 0.6]},
    "baselines": {"real": {"kid": 0.1, "intervals": {}}},
}
TRAINING = {
    "epochs": 3,
    "kept_epoch": 2,
    "training_records": 90,
    "arithmetic": {"from step 0": "cpu"},
    "findings": [{"disease": "plateau", "epoch": 2}],
}


def facts(scores: dict[str, object] = SCORES) -> Facts:
    run = ImageVae(data="digits", modality="image", family="vae", width=4)
    networks = (Network("decoder", 2, 1234),)
    return Facts("tiny", run, "abcdef0123", 2, "dvc-hash", "commit", True, networks, TRAINING, scores)


def test_the_card_says_what_the_weights_are() -> None:
    told = card(facts())
    for line in (
        "# tiny, weights abcdef0",
        "A VAE of pictures, trained by genloop on the data set `digits`.",
        "|data, DVC|`dvc-hash`|",
        "|commit, Git|`commit` and changes that were not committed|",
        "|decoder|2|1,234|",
        "|`width`|`4`|",
        "|kid|0.50 ± 0.10|0.1|",
        "|copied|0.01||",
        "python -m genloop sample tiny out",
        "- The doctor found plateau, at epoch 2.",
        "- Equal bytes hold for equal arithmetic: cpu (from step 0).",
    ):
        assert line in told.splitlines(), line
    assert "`latent`" not in told  # a default


def test_a_description_is_cut_at_a_line_where_mlflow_would_cut_it_anywhere() -> None:
    assert note(facts(), "r", "7").splitlines()[0].startswith("[report](#/experiments/7/runs/r/artifacts/report/")
    assert "![samples](get-artifact?path=description.png&run_uuid=r)" in note(facts(), "r", "7")
    many = SCORES | {f"score_{number}": 0.5 for number in range(1000)}
    told = note(facts(many), "r", "7")
    assert len(told) <= LONGEST
    lines = told.splitlines()
    assert lines[-1] == "More in the report."
    assert all(line.startswith("|") and line.endswith("|") for line in lines[6:-2])


def test_networks_are_counted_from_the_file(tmp_path: Path) -> None:
    tensors = {"decoder.a.weight": torch.zeros(2, 3), "decoder.a.bias": torch.zeros(2), "prior.mean": torch.zeros(())}
    (tmp_path / "w").write_bytes(save(tensors))
    assert networks_in(tmp_path / "w") == (Network("decoder", 1, 8), Network("prior", 0, 1))


@pytest.mark.usefixtures("gateway")
def test_rows_are_a_table_of_mlflow_that_recording_twice_does_not_double(outputs: Outputs) -> None:
    rows = pd.DataFrame({"a|b": range(300), "day": pd.Timestamp("2024-02-03"), "word": [None, "ä", "c"] * 100})
    rows.to_parquet(outputs.folder / "data/samples/tiny/samples.parquet")
    for _ in range(2):
        record("tiny", outputs.folder / "data")
    store, run = Store(outputs.run.data), only_run(outputs)
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [{"path": ROWS, "type": "table"}]
    table = json.loads(Path(store.client.download_artifacts(run.info.run_id, ROWS)).read_text())
    assert table["columns"] == ["a|b", "day", "word"]
    assert len(table["data"]) == 100
    assert [str(value)[:10] for value in table["data"][1]] == ["1", "2024-02-03", "ä"]
    files = {file.path for file in store.client.list_artifacts(run.info.run_id, "weights")}
    assert {"weights/README.md", "weights/weights.safetensors", "weights/steps.csv"} <= files
    assert "params.json" in {file.path for file in store.client.list_artifacts(run.info.run_id)}
    picture = store.client.download_artifacts(run.info.run_id, "description.png")
    with Image.open(picture) as shown:
        assert shown.size == (680, 45)  # of 1,500 x 100
    assert run.data.tags["mlflow.note.content"].startswith("[report]")
    rows.head(0).to_parquet(outputs.folder / "empty.parquet")
    assert json.loads(first_rows(outputs.folder / "empty.parquet"))["data"] == []
