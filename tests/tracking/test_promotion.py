"""Decisions on a champion: made once, whole whatever happens, and written down."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from benchmarks.gateway import Gateway
from genloop.errors import GenloopError
from genloop.gate.ruling import Ruling
from genloop.tracking.promotion import (
    champion,
    complete_unfinished,
    decide,
    decisions,
    promote_by_hand,
    roll_back,
    rolled_back,
)
from genloop.tracking.registry import Registry
from tests.tracking.conftest import ROOT, clean_environment
from tests.tracking.ruled import DATA, CutOffError, cut_off, entry, held, record_runs, ruling, shown, told, weights_of
from tests.tracking.test_outages import first_of_each_kind


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """MLflow's database as it is now."""
    with closing(sqlite3.connect(":memory:")) as kept, closing(sqlite3.connect(".mlflow/mlflow.db")) as now:
        now.backup(kept)
        yield kept


def restore(kept: sqlite3.Connection) -> None:
    """Have MLflow's database be as it was."""
    with closing(sqlite3.connect(".mlflow/mlflow.db")) as now:
        kept.backup(now)


def test_a_challenger_that_is_better_takes_the_place_and_going_back_takes_one_step(things: Path) -> None:
    assert champion(DATA) is None
    first = decide(DATA, ruling("promoted", "one"), "a", "Ada")
    assert (first.before, first.after, first.kind) == ("", f"one-{weights_of('one')[:7]}", "gate")
    second = decide(DATA, ruling("promoted", "two", "three"), "b", "Ada", over=first.after)
    assert held() == {"champion": "two", "challenger": "two", "previous": "one"}
    now = champion(DATA)
    assert now is not None
    assert now.label == second.after
    assert len(now.mlflow) == 2  # its own run and that of its other seed
    decide(DATA, ruling("kept", "three"), "c", "Ada")
    assert held() == {"champion": "two", "challenger": "three", "previous": "one"}
    roll_back(DATA, "Bob", "it draws nonsense")
    assert held() == {"champion": "one", "challenger": "three", "previous": "two"}
    assert rolled_back(DATA) == {now.weights}
    before = shown()
    decide(DATA, ruling("refused", "two"), "d", "Ada")  # as the next retraining finds
    assert held() == {"champion": "one", "challenger": "two", "previous": "two"}
    assert before["versions"]["2"]["genloop.gate"] == "rolled back"
    assert before["versions"]["1"]["genloop.gate_why"] == "rolled back to: it draws nonsense"
    roll_back(DATA, "Bob", "it was the other one")
    assert held()["champion"] == "two"
    assert rolled_back(DATA) == frozenset()
    assert [each.outcome for each in told()] == [
        "promoted",
        "promoted",
        "kept",
        "rolled back",
        "refused",
        "rolled back",
    ]
    assert [each.who for each in told()] == ["Ada", "Ada", "Ada", "Bob", "Ada", "Bob"]
    for earlier, later in pairwise(told()):
        assert later.before == earlier.after


def test_rules_stand_at_the_run_and_at_the_version_and_those_of_an_earlier_gate_go(things: Path) -> None:
    decide(DATA, ruling("refused", "one"), "a", "Ada")
    (tags,) = (tags for tags in shown()["runs"].values() if tags)
    assert tags["genloop.gate"] == "refused"
    assert tags["genloop.rule.kid"] == (
        "broken: at most 3, 0.5, within; holds: not worse by 2 %, 0.5 against 0.6, difference -0.1, better"
    )
    assert tags["genloop.rule.rolled_back"] == "holds: never, no, it was not"
    found = shown()["versions"]["1"]
    assert tags.items() <= found.items()
    shorter = ruling("promoted", "one")
    decide(DATA, type(shorter)("promoted", "so", shorter.rules[:1], shorter.chosen, shorter.group), "b", "Ada")
    assert "genloop.rule.rolled_back" not in shown()["versions"]["1"]
    assert shown()["versions"]["1"]["genloop.rule.kid"] == "holds: at most 3, 0.5, within"
    assert held() == {"champion": "one", "challenger": "one"}


def test_twice_is_as_once(things: Path) -> None:
    decide(DATA, ruling("promoted", "one"), "a", "Ada")
    decide(DATA, ruling("promoted", "two"), "b", "Ada")
    before = shown()
    again = decide(DATA, ruling("promoted", "two"), "b", "Eve")
    assert again.who == "Ada"
    assert decisions(DATA)[-1] == again
    assert complete_unfinished(DATA) is None
    assert promote_by_hand("two", again.weights, "Eve", "") is None
    assert shown() == before


def test_a_champion_is_no_challenger_of_itself(things: Path) -> None:
    decide(DATA, ruling("promoted", "one"), "a", "Ada")
    decide(DATA, ruling("kept", "two"), "b", "Ada")
    decide(DATA, ruling("kept", "one"), "c", "Ada")
    assert held() == {"champion": "one", "challenger": "two"}


def test_what_was_rolled_back_may_be_promoted_by_hand(things: Path) -> None:
    decide(DATA, ruling("promoted", "one"), "a", "Ada")
    bad = decide(DATA, ruling("promoted", "two"), "b", "Ada")
    roll_back(DATA, "Bob", "")
    done = promote_by_hand("two", bad.weights, "Bob", "it was right | after\nall")
    assert done is not None
    assert (done.kind, done.before, done.after) == ("by hand", told()[0].after, bad.after)
    assert held() == {"champion": "two", "challenger": "two", "previous": "one"}
    assert rolled_back(DATA) == frozenset()
    assert shown()["versions"]["2"]["genloop.gate"] == "promoted by hand"


def test_what_cannot_be_done_is_told_in_one_line(things: Path) -> None:
    with pytest.raises(GenloopError, match="things: has no champion to go back from; 'python -m genloop promote RUN'"):
        roll_back(DATA, "Bob", "")
    decide(DATA, ruling("promoted", "one"), "a", "Ada")
    with pytest.raises(GenloopError, match="things: there is no champion before one-"):
        roll_back(DATA, "Bob", "")
    with pytest.raises(GenloopError, match=r"the champion is one-.* by now, and the gate has judged against none"):
        decide(DATA, ruling("promoted", "two"), "b", "Ada", over="")
    unknown = entry("two", weights="f" * 64)
    with pytest.raises(GenloopError, match=r"two-fffffff: MLflow has no run .*; run 'python -m genloop sync two'"):
        decide(DATA, Ruling("promoted", "", (), unknown, (unknown,)), "b", "Ada")
    assert held() == {"champion": "one", "challenger": "one"}
    assert len(told()) == 1


def test_a_kill_between_any_two_writes_is_completed_by_the_next(things: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promotion and a rollback are cut off after every write and said again."""
    steps = {
        "promoted": lambda: decide(DATA, ruling("promoted", "two", "three"), "b", "Ada"),
        "rolled back": lambda: roll_back(DATA, "Bob", "bad"),
    }
    decide(DATA, ruling("promoted", "one"), "a", "Ada")
    for name, step in steps.items():
        with database() as kept:
            with monkeypatch.context() as patched:
                writes = cut_off(patched, 1000, CutOffError)
                step()
            wanted, champions = shown(), {told()[-1].before, told()[-1].after}
            assert len(writes) > 8
            for after in range(len(writes)):
                restore(kept)
                with monkeypatch.context() as patched:
                    cut_off(patched, after, CutOffError)
                    with pytest.raises(CutOffError):
                        step()
                now = champion(DATA)
                assert now is not None
                assert now.label in champions
                step()
                assert shown() == wanted, f"{name}, cut off after {writes[:after]}"


def test_a_store_that_fails_leaves_the_champion_and_says_so(things: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decide(DATA, ruling("promoted", "one"), "a", "Ada")
    before = shown()

    def refuse() -> BaseException:
        return MlflowException("no answer from http://ada:secret@host/api")

    with monkeypatch.context() as patched:
        cut_off(patched, 0, refuse)
        for step in (
            lambda: decide(DATA, ruling("promoted", "two"), "b", "Ada"),
            lambda: promote_by_hand("two", weights_of("two"), "Ada", ""),
        ):
            with pytest.raises(GenloopError) as failed:
                step()
            assert str(failed.value) == (
                "things: MLflow does not take the decision (no answer from http://***@host/api); "
                "the champion is as it was; say it again when MLflow answers"
            )
    assert shown() == before
    with monkeypatch.context() as patched:
        writes = cut_off(patched, 1000, refuse)
        decide(DATA, ruling("promoted", "two"), "b", "Ada")
    roll_back(DATA, "Bob", "")
    with monkeypatch.context() as patched:
        cut_off(patched, writes.index("log_param") + 1, refuse)  # it is written down by then
        with pytest.raises(GenloopError, match="it is written down, and 'python -m genloop decisions things' carries"):
            promote_by_hand("two", weights_of("two"), "Ada", "")
    assert held()["champion"] == "one"
    rest = complete_unfinished(DATA)
    assert rest is not None
    assert held()["champion"] == "two"


def test_a_server_that_stumbles_is_asked_again(gateway: Gateway) -> None:
    """Every kind of request is carried out and answered by 500 the first time."""
    record_runs()
    assert Registry(DATA).client.tracking_uri == gateway.address
    gateway.rule = first_of_each_kind()
    decide(DATA, ruling("promoted", "one"), "a", "Ada")
    decide(DATA, ruling("promoted", "two"), "b", "Ada")
    roll_back(DATA, "Bob", "")
    assert held() == {"champion": "one", "challenger": "two", "previous": "two"}
    assert [each.outcome for each in told()] == ["promoted", "promoted", "rolled back"]
    assert len(Registry(DATA).versions()) == 2
    gateway.rule = lambda method, path: "refuse" if "alias" in path and method == "POST" else "forward"
    with pytest.raises(GenloopError, match="does not carry out the decision 'promoted'"):
        decide(DATA, ruling("promoted", "three"), "c", "Ada")
    gateway.rule = lambda method, path: "refuse"
    start = time.monotonic()
    with pytest.raises(GenloopError, match="the champion is as it was"):
        decide(DATA, ruling("promoted", "three"), "d", "Ada")
    assert time.monotonic() - start < 10
    gateway.rule = lambda method, path: "forward"
    assert held()["champion"] == "one"
    complete_unfinished(DATA)
    assert held() == {"champion": "three", "challenger": "three", "previous": "one"}


def test_a_decision_that_comes_in_between_is_seen(things: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Just before one is appended, another process appends its own."""
    original = MlflowClient.log_text

    def slowly(between: Callable[[], object]) -> None:
        def call(self: MlflowClient, *given: str) -> None:
            monkeypatch.setattr(MlflowClient, "log_text", original)
            between()
            original(self, *given)

        monkeypatch.setattr(MlflowClient, "log_text", call)

    slowly(lambda: decide(DATA, ruling("promoted", "two"), "b", "Bob"))
    assert decide(DATA, ruling("promoted", "one"), "a", "Ada").before.startswith("two-")
    assert [each.who for each in told()] == ["Bob", "Ada"]
    assert held() == {"champion": "one", "challenger": "one", "previous": "two"}
    slowly(lambda: decide(DATA, ruling("kept", "three"), "c", "Bob"))
    assert decide(DATA, ruling("kept", "three"), "c", "Ada").who == "Bob"  # both have found the same
    assert len(told()) == 3
    slowly(lambda: roll_back(DATA, "Bob", ""))
    with pytest.raises(GenloopError, match=r"the champion is two-\w{7} by now, and the gate has judged against one-"):
        decide(DATA, ruling("promoted", "three"), "d", "Ada", over=told()[-1].after)
    assert held()["champion"] == "two"
    (experiment,) = Registry(DATA).client.search_experiments(filter_string="name = 'genloop/decisions'")
    runs = Registry(DATA).client.search_runs([experiment.experiment_id])
    assert sum(run.info.status == "FINISHED" for run in runs) == 1 + len(told())  # the beginning, and each of them
    decide(DATA, ruling("kept", "one"), "e", "Ada")
    assert len(Registry(DATA).client.search_runs([experiment.experiment_id])) == 1 + len(told())  # others are cleared


DECIDER = """
import sys
from genloop.tracking.promotion import decide
from tests.tracking.ruled import DATA, ruling
name, seconds = sys.argv[1:]
import time
time.sleep(max(0, float(seconds) - time.time()))
for turn in range(2):
    decide(DATA, ruling("promoted", name), f"{name} {turn}", name)
"""


def test_processes_that_decide_at_once_leave_one_champion_and_a_whole_log(things: Path) -> None:
    environment = clean_environment() | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    start = str(time.time() + 3)
    processes = [
        subprocess.Popen([sys.executable, "-c", DECIDER, name, start], env=environment, stderr=subprocess.PIPE)
        for name in ("one", "two")
    ]
    for process in processes:
        assert process.wait(60) == 0, process.stderr.read().decode() if process.stderr else ""
        if process.stderr:
            process.stderr.close()
    found = told()
    assert sorted(each.identity for each in found) == [f"{name} {turn}" for name in ("one", "two") for turn in range(2)]
    assert held()["champion"] == found[-1].run
    for earlier, later in pairwise(found):
        assert later.before == earlier.after
    assert len(Registry(DATA).versions()) == 2
    assert complete_unfinished(DATA) is None
