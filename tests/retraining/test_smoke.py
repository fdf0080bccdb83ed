"""A real smoke training of a changed run against its base: what it shows, and that it leaves nothing behind."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import yaml
from safetensors.torch import load_file, save_file

from genloop.changes import Changes
from genloop.comparison import read_metrics
from genloop.errors import GenloopError
from genloop.identity import hash_weights
from genloop.recipe import Recipe
from genloop.retraining.against import scores_against
from genloop.retraining.budget import Length, keep_runs, length_of, shorten
from genloop.retraining.heard import Heard
from genloop.retraining.smoke import Smoke, smoke
from genloop.retraining.telling import Telling
from genloop.retraining.trial import BASE, HEAD, Trial
from genloop.worktree import Worktree
from tests.conftest import Project

RECORDS = (
    10_000  # more than the tiny runs see: their whole training is the budget, and DVC's cache has that of the base
)
OUT = Path("data/retraining")


class Smoked(NamedTuple):
    project: Project
    found: Smoke
    before: dict[str, bytes]  # of the checkout
    after: dict[str, bytes]


def state(project: Project) -> dict[str, bytes]:
    files = {name: (project.folder / name).read_bytes() for name in ("dvc.lock", "params.yaml")}
    listed = ("for-each-ref",), ("worktree", "list"), ("status", "--porcelain", "--", "src", "stages", "params.yaml")
    files |= {words[0]: project.run("git", *words).stdout.encode() for words in listed}
    return files | project.bytes_of("data/weights", "data/samples", "data/metrics", "data/config", ".mlflow", ".state")


@pytest.fixture(scope="module")
def smoked(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Smoked:
    """A smoke of a run with another learning rate, and of one whose training is refused."""
    folder = tmp_path_factory.mktemp("smoke") / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    project = Project(folder)
    project.edit("params.yaml", "family: vae, epochs: 3, width: 4,", "family: vae, epochs: 3, width: 4, lr: 0.02,")
    project.edit("params.yaml", "family: gan, epochs: 3,", "family: gan, epochs: 3, limits: {memory: 0.001},")
    before = state(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = smoke("HEAD", ["tiny_vae", "tiny_gan"], RECORDS, OUT)
        after = state(project)
    return Smoked(project, found, before, after)


def test_a_changed_run_is_shown_beside_that_of_the_base(smoked: Smoked) -> None:
    found, folder = smoked.found, smoked.project.folder
    head, own, beside, rule, *rows = found.scores
    assert head.startswith("**tiny_vae**: ")
    assert (own, beside, rule) == (
        "",
        "| tiny_vae | base | head | difference, 95 % |  | real |",
        "| --- | --: | --: | --: | --- | --: |",
    )
    recorded = read_metrics((folder / "data/metrics/tiny_vae.json").read_text(), "")
    made = json.loads((folder / OUT / "smoke/smoke.json").read_text())["weights"]["tiny_vae"]
    assert made[BASE] == recorded["identity"]["weights"] != made[HEAD]  # equally long, so the base's is the same
    bits = next(row for row in rows if row.startswith("| bits"))
    assert f"{recorded['bits_per_dimension']:.3f}" in bits
    assert found.trained == ["tiny_vae (head)"]
    assert found.cached == ["tiny_vae (base)"]
    pictures = {path.name for path in (folder / OUT / "smoke/tiny_vae").iterdir()}
    assert pictures == {"base.png", "head.png", "curves.png", "base.html", "head.html"}
    assert [picture.path.name for picture in found.pictures["tiny_vae"]] == ["base.png", "head.png", "curves.png"]
    assert all((folder / picture.path).is_file() for picture in found.pictures["tiny_vae"])
    assert "tiny_vae: 192 records seen, 3 times all training records; 192 in the whole training" in found.notes


def test_a_training_that_fails_is_one_line_and_keeps_no_other_from_being_shown(smoked: Smoked) -> None:
    (line,) = smoked.found.faults
    assert line.startswith("tiny_gan: ")
    assert "limits.memory" in line
    assert list(smoked.found.pictures) == ["tiny_vae"]


def test_a_smoke_changes_nothing_else(smoked: Smoked) -> None:
    assert smoked.after == smoked.before


def test_what_cannot_be_smoked_is_refused(smoked: Smoked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(smoked.project.folder)
    with pytest.raises(GenloopError, match="nowhere: no revision of this repository; bring it with 'git fetch'"):
        smoke("nowhere", ["tiny_vae"], RECORDS, OUT)
    (smoked.project.folder / "mine/smoke").mkdir(parents=True)
    (smoked.project.folder / "mine/smoke/thesis.txt").touch()
    with pytest.raises(GenloopError, match="holds other files than a smoke training"):
        smoke("HEAD", ["tiny_vae"], RECORDS, Path("mine"))


def trial(folder: Path, scratch: Path, word: str = HEAD) -> Trial:
    """A trial in a folder that is already there."""
    scratch.mkdir()
    tree = Worktree(scratch, Recipe(Changes("0" * 40), "", {}))
    tree.folder = folder
    return Trial(tree, word)


def test_where_data_or_scoring_changed_the_weights_of_the_base_are_scored_as_those_here(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project.folder, tmp_path / "base")
    before, now = trial(tmp_path / "base", tmp_path / "one", BASE), trial(project.folder, tmp_path / "two")
    for side in (before, now):
        side.data, side.lengths = {"tiny_vae": "tiny"}, {"tiny_vae": Length(64, 3, 50, 50)}
    deps = now.scoring("tiny_vae")
    assert {"data/reference/tiny", "data/prepared/tiny", "src/genloop/evaluation.py"} <= deps.keys()
    assert not any(path.startswith(("data/weights", "data/samples")) for path in deps)
    weights = before.folder / "weights/tiny_vae/weights.safetensors"
    save_file({name: tensor * 1.5 for name, tensor in load_file(weights).items()}, weights)
    metrics = json.loads(before.metrics("tiny_vae").read_text())
    metrics["identity"]["weights"] = hash_weights(weights)
    metrics["protocol"]["data"]["real_hash"] = "f" * 64  # its own scores are of other data
    before.metrics("tiny_vae").write_text(json.dumps(metrics))
    lock = before.folder.parent / "dvc.lock"
    lock.write_text(lock.read_text().replace(deps["data/prepared/tiny"], "0" * 32 + ".dir"))
    own = now.metrics("tiny_vae").read_bytes()
    telling = Telling(now, before, {"tiny_vae": 192}, tmp_path / "new", tmp_path / "later")
    telling.folder.mkdir()
    telling.add("tiny_vae")
    assert telling.notes[-2:] == [
        "tiny_vae: data or scoring changed, so the weights of base 0000000 were scored as those of head 0000000",
        "tiny_vae: the data changed: of 16 records that are held out now, the base was trained on none",
    ]
    assert "| tiny_vae | base | head | difference, 95 % |  | real |" in telling.scores
    again = now.entry("tiny_vae")
    assert again is not None
    assert again.identity["weights"] == metrics["identity"]["weights"]
    assert json.loads(own)["protocol"] == again.protocol
    shutil.copy(project.folder / "data/weights/tiny_gan/weights.safetensors", weights)  # of other networks
    with pytest.raises(GenloopError, match=r"Missing key\(s\) in state_dict"):
        now.score("tiny_vae", weights.parent)


def test_full_scores_are_compared_with_those_of_a_commit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    path = project.folder / "data/metrics/tiny_vae.json"
    metrics = json.loads(path.read_text())
    equal = scores_against("HEAD", ["tiny_vae", "rows_vae"])
    assert equal[0].startswith("**tiny_vae**: the weights are those of base ")
    assert any(line.startswith("**rows_vae**") for line in equal)
    metrics["identity"]["weights"] = "another"
    metrics["bits_per_dimension"] += 1
    metrics["intervals"]["bits_per_dimension"] = [value + 1 for value in metrics["intervals"]["bits_per_dimension"]]
    path.write_text(json.dumps(metrics))
    assert scores_against("HEAD", ["tiny_vae"])[0] == "**tiny_vae**: 🔴 worse in bits_per_dimension"
    metrics["protocol"]["data"]["real_hash"] = "f" * 64
    path.write_text(json.dumps(metrics))
    told, _, header, *_ = scores_against("HEAD", ["tiny_vae"])
    assert "which was scored otherwise: data.real_hash" in told
    assert header == "| tiny_vae | now | real |"
    project.run("git", "rm", "-q", "--cached", "data/metrics/tiny_vae.json")
    project.run("git", "commit", "-qm", "without")
    assert scores_against("HEAD", ["tiny_vae"])[0].endswith(" has no such run")
    with pytest.raises(GenloopError, match="nobody: is not scored yet"):
        scores_against("HEAD", ["nobody"])


def test_a_budget_counts_in_epochs(finished: Project, tmp_path: Path) -> None:
    shutil.copytree(finished.folder / "data/config", tmp_path / "data/config")
    shutil.copytree(finished.folder / "data/prepared", tmp_path / "data/prepared")
    params = "gate: {tiny: {}, rows: {}}\n" + (finished.folder / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params)
    assert keep_runs(tmp_path, ["tiny_gan", "newer"]) == {"tiny_gan": "tiny"}
    kept = yaml.safe_load((tmp_path / "params.yaml").read_text())
    assert {key: list(value) for key, value in kept.items()} == {
        "gate": ["tiny"],
        "data": ["tiny"],
        "runs": ["tiny_gan"],
    }
    assert length_of(tmp_path, "tiny_gan", "tiny") == Length(records=64, epochs=3, compared=50, drawn=50)
    shorten(tmp_path, {"tiny_gan": Length(64, 3, 50, 90)}, {"tiny_gan": 65})
    run = yaml.safe_load((tmp_path / "params.yaml").read_text())["runs"]["tiny_gan"]
    assert (run["epochs"], run["sample"], run["width"]) == (2, {"count": 50}, 4)
    for text, line in (("runs: 3\n", "params.yaml lacks runs or their data"), (None, "there is no params.yaml")):
        (tmp_path / "params.yaml").unlink()
        if text:
            (tmp_path / "params.yaml").write_text(text)
        with pytest.raises(GenloopError, match=line):
            keep_runs(tmp_path, ["tiny_gan"])


def test_what_dvc_says_tells_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    for line in (
        "Stage 'train@a' is cached - skipping run, checking out outputs",
        "Running stage 'train@b':",
        "genloop: b: 3 steps, about 0 s",
        "genloop: b: out of memory",
        "WARNING: failed to run: python -m stages.train b, exited with 1",
        "Running stage 'train@c':",
        "WARNING: failed to run: python -m stages.train c, exited with -9",
        "ERROR: failed to reproduce 'train@b', 'train@c'",
        "Use `dvc push` to send your updates to remote storage.",
    ):
        heard(f"{line}\n")
    assert (heard.served, heard.ran) == (["train@a"], ["train@b", "train@c"])
    assert heard.faults["train@b"] == "b: out of memory"
    assert heard.faults["train@c"].endswith("exited with -9")
    assert heard.last == "ERROR: failed to reproduce 'train@b', 'train@c'"
    assert "dvc push" not in capsys.readouterr().out


ENDS = """
import sys
from pathlib import Path
from genloop.changes import Changes
from genloop.command import run_safely
from genloop.identity import hash_weights
from genloop.recipe import Recipe
from genloop.worktree import Worktree
tree = Worktree(Path(sys.argv[1]), Recipe(Changes(""), "", {}))
tree.folder = Path(sys.argv[1])
child = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
run_safely(lambda: tree.follow(lambda line: print(line, flush=True), "-c", child))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_it_started_ends_with_it(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDS, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # else ignored where the tests run behind &
    ) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(10) == 128 + number
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
