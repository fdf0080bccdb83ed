"""How runs are closed: those of trainings that were interrupted, broken, refused, and killed."""

import json
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from benchmarks.gateway import Gateway, always
from genloop.errors import GenloopError, Interrupted
from genloop.identity import fingerprint
from genloop.tracking.abandoned import close_abandoned
from genloop.tracking.live import Live
from genloop.tracking.record import record
from genloop.tracking.store import FINGERPRINT, Store
from genloop.workspace import checkout_id, lock_of, state_folder
from tests.tracking.conftest import ROOT, Outputs, clean_environment
from tests.tracking.shown import check_whole

ENDS: list[tuple[BaseException, str]] = [
    (KeyboardInterrupt(), "KILLED"),
    (SystemExit(1), "KILLED"),
    (Interrupted("stopped", code=143), "KILLED"),
    (GenloopError("its numbers broke"), "FAILED"),
    (ValueError("a fault"), "FAILED"),
]
TRAIN = """
import json, time
from pathlib import Path
from filelock import FileLock
from genloop.config import Train
from genloop.identity import fingerprint
from genloop.outputs import read_choices
from genloop.tracking.live import Live
from genloop.workspace import lock_of, state_folder
run = read_choices(Path("data/config/tiny/train.json"), Train)
identity = fingerprint("tiny", run)
with FileLock(lock_of(state_folder("tiny", identity))), Live("tiny", run, identity) as live:
    live.epoch(*json.loads(Path("epoch.json").read_text()))
    time.sleep(600)
"""


def statuses(outputs: Outputs) -> dict[str, str]:
    """The status of each run, by its fingerprint."""
    store = Store(outputs.run.data)
    runs = store.client.search_runs([store.experiment])
    return {run.data.tags[FINGERPRINT]: run.info.status for run in runs}


def train_until(live: Live, outputs: Outputs, end: BaseException) -> None:
    with live:
        live.epoch(outputs.losses[0], [], [])
        raise end


@pytest.mark.usefixtures("gateway")
def test_a_training_closes_its_run_by_the_way_it_ends(outputs: Outputs) -> None:
    expected = {}
    for number, (end, status) in enumerate(ENDS):
        identity = f"{number}" * 64
        with pytest.raises(type(end)):
            train_until(Live(outputs.name, outputs.run, identity), outputs, end)
        expected[identity] = status
    with pytest.raises(GenloopError), outputs.live():
        raise GenloopError("another process is training exactly this")  # whose run is not to be touched
    assert statuses(outputs) == expected
    for _ in range(2):  # what is whole stays whole, though a training that is forced to begin again is interrupted
        with outputs.live() as live:
            outputs.tell(live)
        with pytest.raises(KeyboardInterrupt):
            train_until(outputs.live(), outputs, KeyboardInterrupt())
    assert statuses(outputs) == expected | {fingerprint(outputs.name, outputs.run): "FINISHED"}


def test_a_log_without_end_gives_way_to_the_run_that_holds_its_weights(outputs: Outputs, gateway: Gateway) -> None:
    """As after an edit that changes no weights, and a server that goes away before the training ends."""
    record("tiny", outputs.folder / "data")
    choices = outputs.folder / "data/config/tiny/train.json"
    choices.write_bytes(choices.read_bytes() + b" ")
    with outputs.live() as live:
        outputs.tell(live, last=1)
        while list(statuses(outputs).values()).count("RUNNING") < 1:
            time.sleep(0.1)
        gateway.rule = always("refuse")
        outputs.tell(live, first=2)
    gateway.rule = always("forward")
    assert sorted(statuses(outputs).values()) == ["FINISHED", "RUNNING"]
    record("tiny", outputs.folder / "data")
    check_whole(outputs)


def test_the_run_of_a_killed_training_is_closed_and_goes_on_when_it_is_said_again(
    outputs: Outputs, gateway: Gateway
) -> None:
    identity = fingerprint(outputs.name, outputs.run)
    more = {"PYTHONPATH": f"{ROOT}/src", "MLFLOW_TRACKING_URI": gateway.address}
    (outputs.folder / "epoch.json").write_text(json.dumps([outputs.losses[0], outputs.layers[0], outputs.steps[0]]))
    process = subprocess.Popen([sys.executable, "-c", TRAIN], env=clean_environment() | more)
    try:
        while statuses(outputs) != {identity: "RUNNING"}:
            assert process.poll() is None
            time.sleep(0.2)
        close_abandoned(Store(outputs.run.data), own="")
        assert statuses(outputs) == {identity: "RUNNING"}  # it lives
    finally:
        process.kill()
        process.wait()
    choices = outputs.folder / "data/config/tiny/train.json"
    same = choices.read_bytes()
    choices.write_bytes(same + b" ")  # another training
    record("tiny", outputs.folder / "data")
    assert statuses(outputs) == {identity: "KILLED", fingerprint(outputs.name, outputs.run): "FINISHED"}
    store = Store(outputs.run.data)
    (other,) = store.find(run="tiny", fingerprint=fingerprint(outputs.name, outputs.run))
    store.client.delete_run(other.info.run_id)
    choices.write_bytes(same)
    with FileLock(lock_of(state_folder("tiny", identity))), outputs.live() as live:
        outputs.tell(live)
    assert statuses(outputs) == {identity: "FINISHED"}
    record("tiny", outputs.folder / "data")
    check_whole(outputs)


@pytest.mark.usefixtures("gateway")
def test_runs_of_other_checkouts_are_left_alone(outputs: Outputs) -> None:
    store = Store(outputs.run.data)
    tags = {FINGERPRINT: "a" * 64, "genloop.run": "tiny", "genloop.checkout": "another"}
    store.begin("tiny", tags)
    close_abandoned(store, own="")
    assert statuses(outputs) == {"a" * 64: "RUNNING"}
    first = checkout_id()
    assert first == checkout_id()
    assert len(first) == 32
