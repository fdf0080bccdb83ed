"""What people see when something is wrong: one line that says what to do, exit code not 0, earlier outputs whole."""

import sys

import pytest
from PIL import Image

from tests.conftest import Project

PARAMS = {
    "an unknown key": ("family: gan, epochs: 3", "family: gan, epoch: 3", "params.yaml: runs.tiny_gan.epoch: no such key; did you mean 'epochs'?"),
    "a wrong type": ("family: gan, epochs: 3", "family: gan, epochs: three", "params.yaml: runs.tiny_gan.epochs: input should be a valid integer"),
    "a size that nothing serves": ("{modality: image,", "{modality: image, size: 300,", "params.yaml: data.tiny.size: input should be less than or equal to 256"),
    "contradictory counts": ("sample: {count: 50}}\n  tiny_vae", "sample: {count: 5}}\n  tiny_vae", "params.yaml: runs.tiny_gan.sample.count: 5 is fewer than the 50"),
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMS)
def test_a_wrong_choice_is_named_before_any_work(project: Project, name: str) -> None:
    old, new, message = PARAMS[name]
    before = project.bytes_of("data")
    project.edit("params.yaml", old, new)
    done = project.dvc("repro", succeeds=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("Running stage") == 1  # configure
    assert project.bytes_of("data") == before


def test_a_missing_raw_folder_is_named(project: Project) -> None:
    with (project.folder / "params.yaml").open("a") as params:
        params.write("  third: {data: third, modality: image, family: vae}\n")
    project.edit("params.yaml", "runs:\n", "  third: {modality: image}\nruns:\n")
    done = project.dvc("repro", succeeds=False)
    assert done.returncode != 0
    assert "data.third: there is no folder data/raw/third; put the raw data there" in done.stderr


def test_an_unreadable_picture_is_named_and_all_earlier_outputs_stay(project: Project) -> None:
    before = project.bytes_of("data/prepared", "data/reference", "data/weights", "data/samples", "data/metrics")
    (project.folder / "data/raw/tiny/tiny.npz").unlink()
    for name in "abcde":
        Image.new("L", (8, 8), 90).save(project.folder / f"data/raw/tiny/{name}.png")
    (project.folder / "data/raw/tiny/broken.png").write_bytes(b"\x89PNG not really")
    done = project.dvc("repro", succeeds=False)
    assert done.returncode != 0
    assert "1 of 6 pictures cannot be used: broken.png (" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.bytes_of("data/prepared", "data/reference", "data/weights", "data/samples", "data/metrics") == before


def test_a_stage_without_its_input_says_what_to_do(project: Project) -> None:
    (project.folder / "data/config/tiny_gan/sample.json").unlink()
    done = project.stage("sample", "tiny_gan", succeeds=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == "genloop: data/config/tiny_gan/sample.json: missing; run 'dvc repro' or 'python -m stages.configure' first\n"
    )


def test_debug_shows_the_traceback(project: Project) -> None:
    project.edit("params.yaml", "family: gan, epochs: 3", "family: gan, epoch: 3")
    assert "Traceback" in project.stage("configure", "--debug", succeeds=False).stderr
    assert "Traceback" in project.dvc("repro", succeeds=False, GENLOOP_DEBUG="1").stderr


def test_a_damaged_file_is_one_line(project: Project) -> None:
    (project.folder / "data/weights/tiny_gan/weights.safetensors").write_bytes(b"not tensors")
    done = project.stage("sample", "tiny_gan", succeeds=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("genloop: ")


def test_help_is_given(project: Project) -> None:
    assert "sync" in project.run(sys.executable, "-m", "genloop", "--help").stdout
    assert "Train a run" in project.stage("train", "--help").stdout
