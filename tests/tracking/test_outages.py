"""A tracking server that fails costs a training neither time nor result, and what it missed is completed once."""

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.gateway import Fate, Gateway, Rule, always
from genloop.errors import GenloopError
from genloop.tracking import live as live_module
from genloop.tracking.record import record
from tests.tracking.conftest import Outputs, free_port
from tests.tracking.shown import check_whole, epochs_shown, only_run

STALL = 5.0  # seconds that an outage may cost a training


@contextmanager
def swallowing() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def train(outputs: Outputs) -> tuple[float, float]:
    """Tell a whole training; return the seconds in the observer's calls, and in all with the wait at the end."""
    start = time.monotonic()
    with outputs.live() as live:
        outputs.tell(live)
        told = time.monotonic() - start
    return told, time.monotonic() - start


def told_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("genloop: ") for line in lines), lines
    return lines


@pytest.mark.parametrize("place", ["closed", "swallowing"])
def test_a_server_that_was_never_there(
    place: str, outputs: Outputs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with swallowing() as address:
        address = address if place == "swallowing" else f"http://127.0.0.1:{free_port()}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        told, whole = train(outputs)
        assert told < 0.5
        assert whole < STALL
        (line,) = told_lines(capsys)
        assert line.startswith("genloop: tiny: MLflow does not take the live log (")
        assert line.endswith("training does not wait for it, 'record' will complete it")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        start = time.monotonic()
        with pytest.raises(GenloopError, match="tiny: MLflow does not take the record") as failed:
            record("tiny", outputs.folder / "data")
        assert "\n" not in str(failed.value)
        assert ("if the server is only slow" in str(failed.value)) == (place == "swallowing")
        assert time.monotonic() - start < 4
    monkeypatch.delenv("MLFLOW_TRACKING_URI")


@pytest.mark.parametrize("fate", ["refuse", "login"])
def test_a_server_that_refuses_from_the_middle_on(
    fate: Fate, outputs: Outputs, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    with outputs.live() as live:
        outputs.tell(live, last=2)
        while epochs_at(gateway, outputs) != [1, 2]:
            time.sleep(0.1)
        gateway.rule = always(fate)
        outputs.tell(live, first=3)
        end = time.monotonic()
    assert time.monotonic() - end < STALL
    assert time.monotonic() - start < 60
    (line,) = told_lines(capsys)
    assert ("too many 500 error responses" if fate == "refuse" else "You are not authenticated") in line
    with pytest.raises(GenloopError, match="tiny: MLflow does not take the record"):
        record("tiny", outputs.folder / "data")
    gateway.rule = always("forward")
    assert only_run(outputs).info.status == "RUNNING"
    for _ in range(2):
        record("tiny", outputs.folder / "data")
        check_whole(outputs)


def epochs_at(gateway: Gateway, outputs: Outputs) -> list[int]:
    """The complete epochs, as soon as there is a run."""
    return epochs_shown(outputs) if "POST /api/2.0/mlflow/runs/create" in gateway.asked else []


def test_a_server_that_comes_back_gets_the_rest_of_the_live_log(
    outputs: Outputs, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live_module, "SECONDS_BETWEEN_TRIES", 0.2)
    gateway.rule = always("refuse")
    with outputs.live() as live:
        outputs.tell(live, last=2)
        while len(gateway.asked) < 4:  # it goes on trying
            time.sleep(0.1)
        gateway.rule = always("forward")
        outputs.tell(live, first=3)
    assert epochs_shown(outputs) == [1, 2, 3]
    assert only_run(outputs).info.status == "FINISHED"
    assert len(told_lines(capsys)) == 1
    record("tiny", outputs.folder / "data")
    check_whole(outputs)


def test_a_broken_place_for_files_does_not_hold_up_the_curves(outputs: Outputs, gateway: Gateway) -> None:
    gateway.rule = lambda method, path: "refuse" if "artifacts" in path else "forward"
    train(outputs)
    gateway.rule = always("forward")
    assert epochs_shown(outputs) == [1, 2, 3]
    assert only_run(outputs).info.status == "FINISHED"
    record("tiny", outputs.folder / "data")
    check_whole(outputs)


def first_of_each_kind() -> Rule:
    """The rule that loses the first answer to each kind of request."""
    known: set[str] = set()

    def rule(method: str, path: str) -> Fate:
        kind = f"{method} {path.partition('/artifacts/')[0]} {path.rpartition('.')[2]}"
        fate: Fate = "forward" if kind in known else "lose"
        known.add(kind)
        return fate

    return rule


def test_lost_answers_double_nothing(outputs: Outputs, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are carried out and answered by 500, which nobody can tell from a refusal."""
    monkeypatch.setattr(live_module, "SECONDS_BETWEEN_TRIES", 0.0)
    gateway.rule = first_of_each_kind()
    with outputs.live() as live:
        outputs.tell(live)
        while "POST /api/2.0/mlflow/runs/update" not in gateway.asked:  # by which it is named after its weights
            time.sleep(0.1)
    assert epochs_shown(outputs) == [1, 2, 3]
    gateway.rule = first_of_each_kind()
    for _ in range(20):
        try:
            record("tiny", outputs.folder / "data")
        except GenloopError:
            continue
        break
    check_whole(outputs)


def test_an_epoch_that_was_sent_by_half_is_completed(outputs: Outputs, gateway: Gateway) -> None:
    """Above 1,000 metrics it takes two requests; here the second one of the second epoch does not get through."""
    batches = itertools.count(1)

    def rule(method: str, path: str) -> Fate:
        counts = path.endswith("log-batch")
        return "refuse" if counts and next(batches) > 4 else "forward"  # choices, epoch 1 twice, half of epoch 2

    gateway.rule = rule
    train(outputs)
    gateway.rule = always("forward")
    assert epochs_shown(outputs) == [1]
    record("tiny", outputs.folder / "data")
    check_whole(outputs)
