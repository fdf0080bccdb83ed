"""The pipeline as people use it: what runs, what does not, and that its dependencies are the truth."""

import ast
import hashlib
import json
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Project

# Imported files that are no dependency, because they cannot change what a stage writes.
STARTS_AND_FAILS = {"src/genloop/command.py", "src/genloop/errors.py", "src/genloop/faults.py"}
ACTS_THROUGH_RESOLVED_FILES = {  # configure depends on them
    "src/genloop/choices.py",
    "src/genloop/config.py",
    "src/genloop/deliveries/choices.py",
    "src/genloop/gate/choices.py",
}
FOLLOWS = {  # test_tracking.py: outputs are the same with a server that is not there
    *(
        f"src/genloop/tracking/{name}.py"
        for name in ("abandoned", "curves", "following", "live", "moved", "parameters", "pictures", "recipes", "store")
    ),
    "src/genloop/changes.py",
    "src/genloop/confidential.py",
    "src/genloop/identity.py",
    "src/genloop/masking.py",
    "src/genloop/recipe.py",
    "src/genloop/versions.py",
    "src/genloop/workspace.py",
}
RUNS = ("tiny_gan", "tiny_vae", "rows_vae")
STAGES = ("configure", "prepare", "reference", "train", "sample", "evaluate", "record", "summarize")


def stale(project: Project) -> set[str]:
    return set(json.loads(project.dvc("status", "--json").stdout))


def instances(stage: str) -> list[str]:
    keys = ("tiny", "rows") if stage in ("prepare", "reference") else RUNS
    return [stage] if stage in ("configure", "summarize") else [f"{stage}@{key}" for key in keys]


def imported(project: Project, instance: str) -> set[str]:
    """The files of the project that an instance really imported, without those that cannot change its outputs."""
    files = set((project.folder.parent / "imports" / instance).read_text().split())
    exempt = {name for name in files if name.endswith("__init__.py")} | STARTS_AND_FAILS
    if instance != "configure":
        exempt |= ACTS_THROUGH_RESOLVED_FILES
    if instance.startswith("train@"):
        exempt |= FOLLOWS
    return files - exempt


def declared(project: Project, instance: str) -> set[str]:
    lock = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"][instance]
    return {dependency["path"] for dependency in lock["deps"] if dependency["path"].startswith(("src/", "stages/"))}


def covered(files: set[str], dependencies: set[str]) -> set[str]:
    """The dependencies, files or folders, that hold these files; a file that none of them holds stands for itself."""
    return {next((d for d in dependencies if file == d or file.startswith(f"{d}/")), file) for file in files}


def either(path: str) -> str:
    """The same for both modalities, whose files have the same names in dvc.yaml."""
    return path.replace("/image/", "/*/").replace("/table/", "/*/")


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_are_the_imports(finished: Project, stage: str) -> None:
    for instance in instances(stage):
        dependencies = declared(finished, instance)
        undeclared = covered(imported(finished, instance), dependencies) - dependencies
        assert not undeclared, f"{instance} imports what it does not declare"
    dependencies = set().union(*(declared(finished, instance) for instance in instances(stage)))
    needed = set().union(*(covered(imported(finished, instance), dependencies) for instance in instances(stage)))
    unused = {either(path) for path in dependencies} - {either(path) for path in needed}
    assert not unused, f"{stage} declares what no instance imports"


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("__init__.py")))
def test_init_files_hold_nothing_but_a_docstring(path: Path) -> None:
    assert all(isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def md5(path: Path) -> str:
    """What dvc.lock says of a file, or of a folder: the hash of a list of its files."""
    if path.is_file():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    entries = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    return hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest() + ".dir"


def test_lock_file_is_in_step_with_the_sources() -> None:
    """The committed dvc.lock says what this commit gives, so it must know this commit's code and choices."""
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    for name, stage in lock.items():
        for dependency in stage["deps"]:
            path = ROOT / dependency["path"]
            if dependency["path"].startswith(("src/", "stages/")):
                assert path.exists(), f"{name}: {path} is gone; run 'dvc repro' and commit dvc.lock"
                assert md5(path) == dependency["md5"], (
                    f"{name}: {path} has changed; run 'dvc repro' and commit dvc.lock"
                )


def test_second_repro_runs_nothing(project: Project) -> None:
    assert "Running stage" not in project.dvc("repro").stdout


def test_forced_repro_gives_the_same_bytes(project: Project) -> None:
    before = project.bytes_of("data/weights", "data/samples", "data/metrics", "data/prepared", "data/reference")
    lock = (project.folder / "dvc.lock").read_bytes()
    project.dvc("repro", "--force", "evaluate@tiny_gan", "evaluate@rows_vae")  # and all that they are made of
    assert (project.folder / "dvc.lock").read_bytes() == lock
    assert project.bytes_of("data/weights", "data/samples", "data/metrics", "data/prepared", "data/reference") == before


GAN_STAGES = {"train@tiny_gan"}
ROWS = {f"{stage}@rows" for stage in ("prepare", "reference")} | {
    f"{stage}@rows_vae" for stage in ("train", "sample", "evaluate")
}
CHOSEN = {"record@tiny_gan", "record@tiny_vae"}  # MLflow shows what was chosen
EDITS = {
    "a comment in params.yaml": ("params.yaml", "data:\n", "# a comment\ndata:\n", set()),
    "one run's seed": ("params.yaml", "family: gan, epochs: 3", "family: gan, epochs: 3, seed: 7", GAN_STAGES),
    "one run's sampling seed": ("params.yaml", "count: 50}}\n  tiny_vae", "count: 50, seed: 7}}\n  tiny_vae", {"sample@tiny_gan", "record@tiny_gan"}),
    "the split's seed": ("params.yaml", "modality: image, reference", "modality: image, seed: 7, reference", {"prepare@tiny", *CHOSEN}),
    "the protocol": ("params.yaml", "epochs: 1}}", "epochs: 1, seed: 3}}", {"reference@tiny", *CHOSEN}),
    "a comment in config.py": ("src/genloop/config.py", "_Images = ", "# a comment\n_Images = ", set()),
    "a default of the GAN": ("src/genloop/config.py", 'loss: Literal["non_saturating", "relativistic", "hinge", "wasserstein"] = "non_saturating"', 'loss: Literal["non_saturating", "relativistic", "hinge", "wasserstein"] = "hinge"', GAN_STAGES),
    "how rows are cut": ("src/genloop/table/encoding/intervals.py", "SINGLE = 128", "SINGLE = 64", ROWS),
    "a default that runs override": ("src/genloop/config.py", "width: Count = 32", "width: Count = 16", set()),
    "how samples are drawn": ("src/genloop/sampling.py", "T = TypeVar", "# a comment\nT = TypeVar", {f"{s}@{r}" for s in ("sample", "evaluate") for r in RUNS}),
    "how a GAN trains": ("src/genloop/gan.py", "BETAS = (0.5", "BETAS = (0.4", GAN_STAGES),
    "the command line": ("src/genloop/command.py", "DEBUG = ", "# a comment\nDEBUG = ", set()),
    "MLflow's live log": ("src/genloop/tracking/live.py", "PATIENCE = 4.5", "PATIENCE = 6.0", set()),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reruns_just_what_uses_it(project: Project, name: str) -> None:
    path, old, new, expected = EDITS[name]
    project.edit(path, old, new)
    project.dvc("repro", "configure")
    assert stale(project) == expected | ({"record@tiny_gan", "record@tiny_vae"} if "store" in path else set())


def test_a_new_run_touches_no_other(project: Project) -> None:
    with (project.folder / "params.yaml").open("a") as params:
        params.write("  third: {data: tiny, modality: image, family: vae, epochs: 2, width: 4, sample: {count: 50}}\n")
    project.dvc("repro", "configure")
    assert stale(project) == {f"{stage}@third" for stage in ("train", "sample", "evaluate", "record")} | {"summarize"}


def test_the_short_entry_is_complete(tmp_path: Path) -> None:
    """The contract of the README: two lines for the data and a run, everything else has a default."""
    from genloop.resolve import read_params, write_resolved

    (tmp_path / "raw" / "mine").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(
        "data: {mine: {modality: image}}\nruns: {mine_gan: {data: mine, modality: image, family: gan}}\n"
    )
    write_resolved(read_params(tmp_path / "params.yaml", tmp_path / "raw"), tmp_path / "config")
    assert json.loads((tmp_path / "config/mine_gan/train.json").read_text())["family"] == "gan"


def test_stages_are_short() -> None:
    for path in (ROOT / "stages").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 40, f"{path.name} has more than 40 lines"
