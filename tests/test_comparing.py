"""Runs side by side on one sheet: equal latents, honest differences, and a page that is whole and always the same."""

import re
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from genloop.comparing.curves import charts_of
from genloop.comparing.lanes import NOWHERE, Lane, differing, lanes_of
from genloop.comparing.samples import ROWS, caption_of, conditions_of, latents_of, records_of
from genloop.comparing.scores import score_lanes
from genloop.comparing.write import folder_name, write_sheet
from genloop.comparison import Entry, read_metrics
from genloop.errors import GenloopError
from genloop.formats import read_run
from genloop.references.reference import Origin, Reference
from genloop.sampling import Source
from tests.conftest import Project


def reference(project: Project, name: str, label: str = "", **scores: Any) -> Reference:
    """A run of the finished project, with other scores where they are given."""
    weights = project.folder / "data/weights" / name
    metrics = read_metrics((project.folder / f"data/metrics/{name}.json").read_text(), name)
    choices = read_run(weights)
    entry = Entry(label or name, str(choices.data), metrics | scores)
    return Reference(label or name, name, choices, entry, weights, Origin("0" * 40))


def lanes(project: Project, *names: str) -> list[Lane]:
    return lanes_of([reference(project, name) for name in names])


def changed(project: Project, folder: Path, name: str) -> Path:
    """A copy of a run's weights in which every number is another."""
    shutil.copytree(project.folder / "data/weights" / name, folder)
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    path.unlink()
    save_file({key: value * 1.5 + 0.1 for key, value in tensors.items()}, path)
    return folder


def test_runs_with_equal_priors_get_exactly_the_same_latents(finished: Project, tmp_path: Path) -> None:
    first = Source(finished.folder / "data/weights/tiny_gan")
    torch.rand(7)  # what was drawn before does not matter
    second = Source(changed(finished, tmp_path / "other", "tiny_gan"))
    assert latents_of(first).shape == (ROWS, 4)
    assert torch.equal(latents_of(first), latents_of(second))
    assert len(torch.unique(latents_of(first), dim=0)) == ROWS
    assert torch.equal(conditions_of(first), conditions_of(second))
    assert torch.equal(records_of(first), records_of(first))
    assert not torch.equal(records_of(first), records_of(second))


def test_the_caption_says_which_latents_are_the_same(finished: Project) -> None:
    sources = [Source(finished.folder / "data/weights" / name) for name in ("tiny_gan", "tiny_gan", "tiny_vae")]
    told = caption_of(lanes(finished, "tiny_gan", "tiny_gan", "tiny_vae"), sources)
    assert "A, B: exactly the same latent in a row, 4 standard normal numbers." in told
    assert "by the same random numbers: C (a mixture fitted to its training records, 4 numbers)" in told


def test_parameters_that_differ_are_told_flat(finished: Project) -> None:
    found = differing(lanes(finished, "tiny_gan", "tiny_vae"))
    assert found["family"] == ["gan", "vae"]
    assert found["average"] == ["0.999", "0.9"]
    assert found["critic_norm"] == ["batch", NOWHERE]
    assert "batch" not in found
    assert differing(lanes(finished, "tiny_gan", "tiny_gan")) == {}


def test_unlike_data_and_too_many_runs_are_refused(finished: Project, tmp_path: Path) -> None:
    with pytest.raises(GenloopError, match=r"tiny_gan is of 'tiny' \(image\) and rows_vae is of 'rows' \(table\)"):
        lanes(finished, "tiny_gan", "rows_vae")
    with pytest.raises(GenloopError, match="13 runs are too many for one sheet; name at most 12"):
        lanes(finished, *["tiny_gan"] * 13)
    other = changed(finished, tmp_path / "other", "tiny_gan")
    schema = (other / "schema.json").read_text()
    (other / "schema.json").write_text(schema.replace('"height": 8', '"height": 16'))
    wider = Reference(**{**vars(reference(finished, "tiny_gan", "wider")), "weights": other})
    with pytest.raises(GenloopError, match=r"prepared otherwise for them \(height of a record differ\)"):
        lanes_of([reference(finished, "tiny_gan"), wider])


def test_seeds_are_one_group_and_differences_are_told_from_the_first(finished: Project) -> None:
    identity = {"weights": "a", "group": "g", "seed": 0}
    runs = [
        reference(
            finished, "tiny_gan", "one", precision=0.50, intervals={"precision": [0.45, 0.55]}, identity=identity
        ),
        reference(finished, "tiny_gan", "two", precision=0.52, identity=identity | {"weights": "b"}),
        reference(finished, "tiny_vae", "else", precision=0.90, intervals={"precision": [0.88, 0.92]}),
    ]
    found = score_lanes(lanes_of([runs[0], runs[2]]))
    row = next(row for section in found.sections.values() for row in section if row.name == "precision")
    cells = [cell for cell in row.cells if cell is not None]
    assert [(cell.told, cell.verdict) for cell in cells] == [("", ""), ("more than noise", "better")]
    assert cells[1].difference.startswith("+0.40 (0.35 to 0.45")
    assert found.sentences[0].startswith("B against A: better in precision")
    three = score_lanes(lanes_of(runs))
    assert [column.letters for column in three.columns] == ["A, B", "C"]
    assert score_lanes(lanes_of(runs[:2])).sentences == []
    protocol = runs[2].entry.protocol
    protocol["data"] = protocol["data"] | {"real_count": 3}
    other = reference(finished, "tiny_vae", "unlike", protocol=protocol)
    unlike = score_lanes(lanes_of([runs[0], other]))
    assert len(unlike.columns) == 1
    assert "unlike is not compared, it was scored otherwise: data.real_count" in unlike.left_out[0]


def test_curves_that_are_shared_or_a_familys_main_one_are_shown(finished: Project) -> None:
    titles = {
        chart.title: [line.lane.letter for line in chart.lines]
        for chart in charts_of(lanes(finished, "tiny_gan", "tiny_vae"))
    }
    assert titles["generator"] == ["A"]
    assert titles["elbo"] == ["B"]
    assert "rate" not in titles
    twice = charts_of(lanes(finished, "tiny_vae", "tiny_vae"))
    assert {"elbo", "rate", "distortion"} <= {chart.title for chart in twice}
    assert {chart.lines[0].x for chart in twice if chart.title == "elbo"} == {(48.0, 96.0, 144.0)}  # records seen


@pytest.mark.parametrize("names", [("tiny_gan", "tiny_vae"), ("rows_vae", "rows_vae")])
def test_a_sheet_is_whole_self_contained_and_always_the_same(
    names: tuple[str, str], finished: Project, tmp_path: Path
) -> None:
    runs = [reference(finished, name, f"{name}@<b>&{place}") for place, name in enumerate(names)]
    for place in ("a", "b"):
        write_sheet(lanes_of(runs), tmp_path / place)
        torch.rand(3)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / place).iterdir()} for place in ("a", "b"))
    assert first == second
    assert sorted(first) == ["compare.html", "compare.png"]
    page = first["compare.html"].decode()
    assert f"{names[0]}@&lt;b&gt;&amp;0" in page
    assert "<b>&0" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "://" not in re.sub(r"data:image/png;base64,[^\"]*", "", page)
    assert str(finished.folder) not in page
    for section in ("latents", "scores", "choices", "curves", "alone", "identity"):
        assert f'<section id="{section}">' in page
    with Image.open(tmp_path / "a/compare.png") as picture:
        assert picture.width > 600
        assert len(picture.convert("RGB").getcolors(2**24) or ()) > 50


def test_a_folder_with_other_files_is_left_alone(finished: Project, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(GenloopError, match="holds other files than a sheet"):
        write_sheet(lanes(finished, "tiny_gan", "tiny_vae"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_names_of_folders_suit_any_file_system(finished: Project) -> None:
    named = lanes_of([reference(finished, "tiny_gan", label) for label in ("a", "a@feature/x~1", "b@../..")])
    assert folder_name(named) == "a_vs_a@feature-x-1_vs_b@..-.."
    long = [reference(finished, "tiny_gan", f"{'x' * 60}{place}") for place in range(3)]
    assert len(folder_name(lanes_of(long))) == 109
    assert folder_name(lanes_of(long)) != folder_name(lanes_of(long[:2]))


def test_the_verb_writes_a_sheet_and_mlflow_has_it(project: Project) -> None:
    def compare(*words: str, server: str = "") -> tuple[str, str]:
        environment = {"MLFLOW_TRACKING_URI": server} if server else {}
        done = project.run(sys.executable, "-m", "genloop", "compare", *words, succeeds=True, **environment)
        return done.stdout, done.stderr

    out, told = compare("tiny_gan", "tiny_vae")
    folder = project.folder / "data/comparisons/tiny_gan_vs_tiny_vae"
    assert "The sheet: data/comparisons/tiny_gan_vs_tiny_vae/compare.html" in out
    assert "| tiny_vae | 1 |" in out
    assert "MLflow has it with 2 of 2 runs, as the artifacts comparisons/tiny_gan_vs_tiny_vae" in out
    assert told == ""
    assert project.run("git", "status", "--porcelain").stdout == ""
    ids = re.findall(r"<dd>([0-9a-f]{32})</dd>", (folder / "compare.html").read_text())
    assert len(ids) == 2
    with closing(sqlite3.connect(project.folder / ".mlflow/mlflow.db")) as store:
        places = [
            store.execute("select artifact_uri from runs where run_uuid = ?", [each]).fetchone()[0] for each in ids
        ]
    for place in places:
        held = Path(place.removeprefix("file://")) / "comparisons/tiny_gan_vs_tiny_vae"
        assert {path.name: path.read_bytes() for path in held.iterdir()} == {
            path.name: path.read_bytes() for path in folder.iterdir()
        }
    out, told = compare("tiny_gan", "tiny_vae@HEAD", "--out", "here", server="http://127.0.0.1:9")
    assert "The sheet: here/compare.html" in out
    assert told.startswith("genloop: MLflow does not have the sheet (")
    assert told.count("\n") == 1
    assert (project.folder / "here/compare.png").exists()
    refused = project.run(sys.executable, "-m", "genloop", "compare", "tiny_gan@HEAD", succeeds=False)
    assert refused.stderr == "genloop: tiny_gan@HEAD: one run is nothing to compare; name a second one\n"
