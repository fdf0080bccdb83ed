"""From a generated file back to run, choices, commit, data, MLflow and weights."""

import json
import shutil
import sys
from pathlib import Path

from tests.conftest import Project


def trace(project: Project, file: Path | str, *more: str, succeeds: bool = True) -> str:
    done = project.run(sys.executable, "-m", "genloop", "trace", str(file), *more, succeeds=succeeds)
    return done.stdout if succeeds else done.stderr.strip()


def told(text: str) -> dict[str, str]:
    return {line[:10].strip(): line[10:] for line in text.splitlines()}


def test_a_renamed_and_moved_table_is_traced(finished: Project, tmp_path: Path) -> None:
    moved = tmp_path / "else where.bin"
    shutil.copy(finished.folder / "data/samples/rows_vae/samples.parquet", moved)
    found = told(trace(finished, moved))
    receipt = json.loads((finished.folder / "data/receipts/rows_vae.json").read_text())
    lock = (finished.folder / "dvc.lock").read_text()
    commit = finished.run("git", "rev-parse", "HEAD").stdout.strip()
    assert found["run"] == "rows_vae"
    assert found["weights"] == receipt["weights"]
    assert found["drawn"] == "72 records, seed 0"
    assert found["asked"] == "where.town=Ulm"
    assert found["choices"] == "batch=32, epochs=2, latent=4, width=8"
    assert found["commit"] == f"{commit} (on {finished.run('git', 'branch', '--show-current').stdout.strip()})"
    assert found["data"].startswith("rows, DVC hash ")
    assert found["data"].split()[3] in lock
    assert f"(rows_vae-{receipt['weights'][:7]}, FINISHED, commit " in found["MLflow"]
    assert found["to be had"] == "data/weights/rows_vae, in the workspace"
    assert json.loads(trace(finished, moved, "--json"))["choices"]["family"] == "vae"


def test_what_git_and_the_cache_have_is_found_when_the_workspace_has_gone_on(project: Project, tmp_path: Path) -> None:
    moved = tmp_path / "x.png"
    shutil.copy(project.folder / "data/samples/tiny_gan/grid.png", moved)
    first = project.run("git", "rev-parse", "HEAD").stdout.strip()
    for kind in ("weights", "samples", "reports"):
        shutil.rmtree(project.folder / "data" / kind / "tiny_gan")
    project.run("git", "rm", "-q", "--cached", "-r", "data/metrics")
    shutil.rmtree(project.folder / "data/metrics")
    (project.folder / "dvc.lock").unlink()
    project.run("git", "commit", "-qam", "away")
    shutil.rmtree(project.folder / ".mlflow")
    found = told(trace(project, moved))
    assert found["commit"].startswith(first)
    assert found["MLflow"].startswith("not found: ")
    assert "MLflow has no store there" in found["MLflow"]
    assert not (project.folder / ".mlflow").exists()
    assert found["to be had"].startswith("DVC's cache, ")
    assert found["to be had"].endswith(f": git checkout {first[:7]} && dvc checkout data/weights/tiny_gan")
    shutil.rmtree(project.folder / ".dvc/cache")
    assert told(trace(project, moved))["to be had"].startswith("not in DVC's cache; from its remote")
    shutil.rmtree(project.folder / ".git")
    found = told(trace(project, moved))
    assert found["choices"] == "batch=16, epochs=3, latent=4, width=4"
    assert [name for name in found if found[name].startswith("not found: ")] == ["commit", "MLflow", "to be had"]


def test_arrays_and_csv_are_traced_by_the_manifest_beside_them(finished: Project, tmp_path: Path) -> None:
    found = told(trace(finished, "data/samples/tiny_vae/samples.npz"))
    assert found["run"] == "tiny_vae"
    assert found["drawn"] == "50 records, seed 0"
    shutil.copy(finished.folder / "data/samples/rows_vae/samples.csv", tmp_path)
    refused = trace(finished, tmp_path / "samples.csv", succeeds=False)
    assert (
        refused
        == f"genloop: {tmp_path}/samples.csv: is neither PNG nor Parquet; only these can carry the identity of a run"
    )
    (tmp_path / "manifest.json").write_text('{"weights": "x"}')
    assert "is no manifest of samples" in trace(finished, tmp_path / "samples.csv", succeeds=False)


def test_a_filled_table_is_traced(finished: Project, tmp_path: Path) -> None:
    table = (finished.folder / "data/raw/rows/rows.csv").read_text().replace(",yes\n", ",\n")
    (tmp_path / "gaps.csv").write_text(table)
    out = tmp_path / "filled.parquet"
    finished.run(sys.executable, "-m", "genloop", "fill", "rows_vae", str(tmp_path / "gaps.csv"), str(out))
    found = told(trace(finished, out))
    assert found["run"] == "rows_vae"
    assert found["asked"].startswith("filled=")


def test_other_files_are_refused_in_one_line(finished: Project) -> None:
    name = "data/weights/tiny_gan/losses.png"
    done = finished.run(sys.executable, "-m", "genloop", "trace", name, succeeds=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"genloop: {name}: carries no identity of a run")
    assert done.stderr.count("\n") == 1
