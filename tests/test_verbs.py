"""What people type beside the pipeline: drawing records and filling gaps."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Project, tiny_table


def verb(project: Project, *arguments: object, succeeds: bool = True) -> str:
    done = project.run(sys.executable, "-m", "genloop", *map(str, arguments), succeeds=succeeds)
    return done.stdout if succeeds else done.stderr.strip()


def test_records_are_drawn_as_asked(finished: Project, tmp_path: Path) -> None:
    out = tmp_path / "drawn"
    assert verb(finished, "sample", "rows_vae", out, "--set", "count=30", "where={town: Oslo, member: no}").endswith(
        "written\n"
    )
    rows = pd.read_csv(out / "samples.csv")
    assert len(rows) == 30
    assert set(rows["town"]) == {"Oslo"}
    assert set(rows["member"]) == {"no"}
    verb(finished, "sample", "tiny_gan", out, "--set", "count=7")
    assert (out / "samples.npz").exists()


def test_latents_are_drawn_as_asked_and_the_manifest_tells_it(finished: Project, tmp_path: Path) -> None:
    for run, key in (("tiny_gan", "truncation"), ("tiny_vae", "temperature"), ("rows_vae", "temperature")):
        for name, keys in (("plain", []), ("typical", [f"{key}=0.1"])):
            verb(finished, "sample", run, tmp_path / name, "--set", "count=64", *keys)
        told = [json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("plain", "typical")]
        assert told[1] == told[0] | {key: 0.1}
        assert key not in told[0]
        assert (tmp_path / "plain/grid.png").read_bytes() != (tmp_path / "typical/grid.png").read_bytes()
        if run != "rows_vae":
            plain, typical = (
                np.load(tmp_path / name / "samples.npz")["images"].astype(float) for name in ("plain", "typical")
            )
            assert typical.var(0).mean() < plain.var(0).mean()


def test_gaps_are_filled(finished: Project, tmp_path: Path) -> None:
    table = tiny_table(40, seed=3).astype(str)
    table.loc[::2, "member"] = ""
    table.to_csv(tmp_path / "gaps.csv", index=False)
    told = verb(finished, "fill", "rows_vae", tmp_path / "gaps.csv", tmp_path / "filled.parquet")
    assert "gaps filled in" in told
    assert set(pd.read_parquet(tmp_path / "filled.parquet")["member"]) <= {True, False}


FAULTS = {
    "an unknown key": (
        ["sample", "rows_vae", "out", "--set", "cuont=3"],
        "--set cuont: no such key of this run; known: count, seed, temperature, where",
    ),
    "a run that is not there": (["compare", "nobody"], "nobody: no such run; params.yaml has"),
    "a choice of a GAN": (
        ["sample", "tiny_vae", "out", "--set", "truncation=1"],
        "--set truncation: no such key of this run; known: count, label, seed, temperature",
    ),
    "too warm": (
        ["sample", "tiny_vae", "out", "--set", "temperature=1.5"],
        "--set temperature: Input should be less than or equal to 1",
    ),
    "no value": (["sample", "rows_vae", "out", "--set", "count"], "--set count: write KEY=VALUE"),
    "an unknown run": (["sample", "nobody", "out"], "data/config/nobody/sample.json: missing"),
    "no weights": (["fill", "nobody", "a.csv", "b.csv"], "holds no weights; run 'dvc repro train@nobody' first"),
    "an unknown town": (["sample", "rows_vae", "out", "--set", "where={town: Rome}"], "sample.where.town: no row has"),
    "no name of ONNX": (["export", "tiny_gan", "out.bin"], "out.bin: is no name of an ONNX file; write out.onnx"),
    "pictures": (["fill", "tiny_gan", "gaps.csv", "out.csv"], "is not of a table that can be asked for anything"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_done_is_said_in_one_line(name: str, finished: Project) -> None:
    arguments, message = FAULTS[name]
    told = verb(finished, *arguments, succeeds=False)
    assert message in told
    assert "\n" not in told
    assert not (finished.folder / "out").exists()


def test_the_summary_is_the_same_wherever_runs_are_recorded(project: Project) -> None:
    before = project.bytes_of("data/summary.md")
    done = project.run(sys.executable, "-m", "stages.summarize", MLFLOW_TRACKING_URI="http://127.0.0.1:5000")
    assert done.stdout.endswith("\nCompare them: open http://127.0.0.1:5000\n")
    assert project.bytes_of("data/summary.md") == before
