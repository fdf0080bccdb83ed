"""What happens on GitHub, told to the end: each story begins with a champion, and with fresh machines."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.gateway import Fate, Gateway
from tests.retraining.world import (
    BROKEN,
    COPIER,
    FAULT,
    GAVE_WAY,
    GENLOOP,
    KEPT,
    REFUSED,
    World,
    write_pictures,
)
from tests.test_own import CRITIC

BETTER = {"params.yaml": ("epochs: 18, width: 8", "epochs: 40, width: 16")}
EQUAL = {"params.yaml": ("batch: 32", "batch: 32, seed: 1")}
WORSE = {"params.yaml": ("batch: 32", "batch: 32, lr: 0.000001")}
RAW = "data/raw/shapes"
PROPOSE = ("--publish", "propose")


def test_nothing_new(world: World) -> None:
    before = world.state()
    machine = world.machine()
    told = world.retrain(machine)
    assert told.outcome == {"outcome": "nothing new", "data": {}}
    assert not told.ran
    assert not (machine.folder / "data/weights").exists(), "a fresh clone downloads nothing for it"
    assert not machine.run("git", "status", "--porcelain").stdout
    assert world.state() == before


def test_a_better_challenger_is_promoted_once_the_server_answers_until_a_rollback_and_another_protocol(
    world: World,
) -> None:
    former = world.champion()
    world.develop(BETTER)
    with Gateway(world.port, refuse_aliases) as gateway:  # the server goes down at promotion
        down = world.retrain(world.machine(), expect=FAULT, MLFLOW_TRACKING_URI=gateway.address)
    assert "train" in down.ran
    assert "| shapes_vae | base | now |" in down.summary
    assert "the weights are those of base" not in down.summary, "the base is the commit before its own"
    assert f"head `{world.commits()[1][:7]}`" in down.summary
    assert world.champion() == former
    told = world.retrain(world.machine())
    assert told.outcome == {"outcome": "promoted", "data": {"shapes": "promoted"}}
    assert not told.ran, "all but the promotion was done"
    better = world.champion()
    assert better == world.champion("challenger") != former == world.champion("previous")
    assert world.changed_by("main") == ["data/metrics/shapes_vae.json", "dvc.lock"]
    after = world.state()
    again = world.retrain(world.machine())  # its own commit triggers nothing; if it did, nothing would come of it
    assert again.outcome["outcome"] == "nothing new"
    assert world.state() == after

    machine = world.machine()
    machine.run(*GENLOOP, "rollback", "shapes", "--why", "customers complain")
    assert (world.champion(), world.champion("previous")) == (former, better)
    rolled_back = world.state()
    assert world.retrain(world.machine()).outcome["outcome"] == "nothing new"
    assert world.state() == rolled_back
    first, promoted, back = world.log()
    assert [first["outcome"], promoted["outcome"], back["outcome"]] == ["promoted", "promoted", "rolled back"]
    assert (promoted["before"], promoted["after"]) == (former, better)
    assert (back["before"], back["after"], back["why"]) == (better, former, "customers complain")
    assert all(decision["who"].startswith("octocat") for decision in (first, promoted, back))

    world.develop({"params.yaml": ("epochs: 4}", "epochs: 5}")})  # of the network that scores: another protocol
    told = world.retrain(world.machine(), expect=REFUSED)
    assert {"reference", "evaluate"} <= told.ran
    assert "train" not in told.ran
    assert f"{former}, the champion, was scored again as today's runs are: data.features_hash" in told.summary
    assert "rolled back" in told.summary, "what people went back from is not promoted again, better or not"
    assert world.champion() == former


def test_an_equal_challenger_leaves_the_champion_and_is_proposed_once(world: World) -> None:
    former = world.champion()
    world.develop(EQUAL)
    main = world.commits()
    told = world.retrain(world.machine(), *PROPOSE, expect=KEPT)
    assert told.outcome == {"outcome": "kept", "data": {"shapes": "kept"}}
    assert world.champion() == former != world.champion("challenger")
    assert [decision["outcome"] for decision in world.log()] == ["promoted", "kept"]
    assert world.commits() == main == world.commits("genloop/retrained")[1:]

    after = world.state()
    again = world.retrain(world.machine(), *PROPOSE)  # before anybody has merged it
    assert again.outcome["outcome"] == "nothing new"
    assert not again.ran
    assert world.state() == after
    person = world.machine()
    person.run("git", "merge", "-q", "origin/genloop/retrained")
    person.run("git", "push", "-q", "origin", "main")
    assert world.retrain(world.machine(), *PROPOSE).outcome["outcome"] == "nothing new"


def test_of_two_at_once_one_works_and_the_other_gives_way_and_a_worse_challenger_leaves_the_champion(
    world: World,
) -> None:
    former = world.champion()
    world.develop(WORSE)
    commits = world.commits()
    one, two = world.machine(), world.machine()
    with world.retraining(one) as first, world.retraining(two) as second:
        codes = sorted((first.wait(240), second.wait(240)))
    assert codes == [KEPT, GAVE_WAY]
    assert world.commits()[1:] == commits
    assert [decision["outcome"] for decision in world.log()] == ["promoted", "kept"]
    assert world.champion() == former != world.champion("challenger")
    (worked,) = [machine for machine in (one, two) if "Running stage 'train" in world.log_of(machine)]
    assert "not worse by 2 %" in (worked.folder / "data/retraining/summary.md").read_text()


def test_a_copier_is_refused(world: World) -> None:
    former = world.champion()
    run = "shapes_gan: {data: shapes, modality: image, family: gan, networks: copier, epochs: 1, groups: 0}"
    edit = {
        "params.yaml": ("gate:", f"  {run}\ngate:"),
        "dvc.yaml": ("      - src/genloop/resolve.py\n", "      - src/copier.py\n      - src/genloop/resolve.py\n"),
    }
    world.develop(edit, lambda folder: write(folder / "src/copier.py", COPIER + CRITIC))
    told = world.retrain(world.machine(), expect=REFUSED)
    assert "copied" in told.summary
    assert world.champion() == former


def test_a_broken_delivery_stops_before_training_and_new_data_are_trained_on_and_judged(
    world: World,
) -> None:
    before, former = world.state(), world.champion()

    def deliver(folder: Path) -> None:
        for number in range(60):
            noise = np.random.default_rng(number).integers(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(noise).save(folder / RAW / "lying" / f"noise_{number}.png")

    def mend(folder: Path) -> None:
        for path in (folder / RAW / "lying").glob("noise_*.png"):
            path.unlink()
        write_pictures(folder / RAW, 60, seed=1)

    world.develop(change=deliver)
    told = world.retrain(world.machine(), expect=BROKEN)
    assert told.outcome == {"outcome": "broken delivery", "data": {}}
    assert not {"prepare", "train"} & told.ran
    after = world.state()
    assert {**after, "commits": before["commits"]} == before

    world.develop(BETTER, mend)
    told = world.retrain(world.machine())
    assert {"prepare", "train"} <= told.ran
    assert told.outcome["data"] == {"shapes": "promoted"}
    assert "60 new records" in told.summary
    assert "was scored again as today's runs are" in told.summary
    (seen,) = re.findall(
        rf"shapes: of (\d+) records that are held out now, {former} was trained on (\d+)", told.summary
    )
    assert 0 < int(seen[1]) < int(seen[0]), "the split is drawn anew by place"


def test_a_delivery_that_cannot_be_read_stops_with_its_file(world: World) -> None:
    world.develop(change=lambda folder: write(folder / RAW / "lying/broken.png", "no picture"))
    told = world.retrain(world.machine(), expect=BROKEN)
    assert "broken.png" in told.summary
    assert not {"prepare", "train"} & told.ran


def test_one_that_is_killed_in_training_is_completed_by_the_next(world: World) -> None:
    former = world.champion()
    world.develop({"params.yaml": ("epochs: 18, width: 8", "epochs: 120, width: 16")})
    machine = world.machine()
    with world.retraining(machine) as process:
        wait_for(lambda: "Running stage 'train@shapes_vae'" in world.log_of(machine))
        wait_for(lambda: any((machine.folder / ".state").glob("shapes_vae-*/*")))
        kill_all_of(process)
    assert world.champion() == former
    world.retrain(machine)
    assert world.champion() != former
    assert len(world.log()) == 2


def kill_all_of(process: subprocess.Popen) -> None:
    """Kill a program with all that it has started, as a machine does that is switched off."""
    leader = psutil.Process(process.pid)
    for each in (*leader.children(recursive=True), leader):
        each.kill()


def write(path: Path, text: str) -> None:
    path.write_text(text)


def refuse_aliases(method: str, path: str) -> Fate:
    return "refuse" if method == "POST" and path.endswith("registered-models/alias") else "forward"


def wait_for(what: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_remote_that_is_down_ends_it_with_a_line_and_changes_nothing(world: World) -> None:
    world.develop(BETTER)
    shutil.rmtree(world.remote)
    world.remote.write_text("not a folder")
    before = world.state()
    failed = world.retrain(world.machine(), expect=FAULT)
    assert "failed 3 times" in failed.text
    assert not failed.ran
    assert world.state() == before
