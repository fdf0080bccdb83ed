"""Trainings while the tracking server fails: what it costs them, and whether MLflow is whole afterwards.

Each scenario trains the same run against a real `mlflow server` that is struck when an eighth of the epochs is over,
makes the server well again, runs `python -m genloop sync`, and counts the points of every curve. Needs Linux; the
scenario of a full disk needs the right to mount.
"""

import argparse
import itertools
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread, Timer
from typing import Any

from benchmarks.gateway import Fate, Gateway, Rule, always
from benchmarks.measure import machine, table
from benchmarks.outage_project import RUN, Server, forget, make_project, run_module, shown, train_timed
from genloop.identity import hash_weights

EVERY = 5  # of so many requests one loses its answer
HANGING = 20.0  # seconds


@dataclass(frozen=True)
class Scenario:
    """An outage: where the training is pointed, what strikes the server, and what makes it well again."""

    address: str
    strike: Callable[[], Any] = lambda: None
    mend: Callable[[], Any] = lambda: None
    well: str | None = None  # where the server is afterwards; None: where it was from the beginning


def losing() -> Rule:
    """Return the rule by which every fifth request is carried out and answered as if it were not."""
    count = itertools.count(1)

    def rule(method: str, path: str) -> Fate:
        return "forward" if next(count) % EVERY else "lose"

    return rule


@contextmanager
def healthy(server: Server) -> Iterator[Scenario]:
    """No outage."""
    yield Scenario(server.address)


@contextmanager
def killed(server: Server) -> Iterator[Scenario]:
    """Killed by -9, and started after the training."""
    yield Scenario(server.address, server.kill, server.start)


def followed(server: Server, first: Callable[[], Any], later: Thread) -> Scenario:
    """Return the scenario of a strike that is followed by something beside the training."""

    def strike() -> None:
        first()
        later.start()

    return Scenario(server.address, strike, later.join)


@contextmanager
def restarted(server: Server) -> Iterator[Scenario]:
    """Killed by -9, and started again at once."""
    yield followed(server, server.kill, Thread(target=server.start))


@contextmanager
def hanging(server: Server) -> Iterator[Scenario]:
    """Stopped (SIGSTOP) until the training is over."""
    yield Scenario(server.address, lambda: server.send(signal.SIGSTOP), lambda: server.send(signal.SIGCONT))


@contextmanager
def hanging_for_a_while(server: Server) -> Iterator[Scenario]:
    """Stopped (SIGSTOP) for 20 s."""
    waking = Timer(HANGING, lambda: server.send(signal.SIGCONT))
    yield followed(server, lambda: server.send(signal.SIGSTOP), waking)


@contextmanager
def behind(server: Server, first: Rule, then: Rule) -> Iterator[Scenario]:
    """Yield the scenario of a gateway that changes its rule."""
    with Gateway(server.port, first) as gateway:
        yield Scenario(gateway.address, lambda: setattr(gateway, "rule", then))


@contextmanager
def refusing(server: Server) -> Iterator[Scenario]:
    """Answers 500 to everything."""
    with behind(server, always("forward"), always("refuse")) as scenario:
        yield scenario


@contextmanager
def forgetful(server: Server) -> Iterator[Scenario]:
    """A gateway loses every fifth answer, from the start: carried out, answered 500."""
    with behind(server, losing(), losing()) as scenario:
        yield scenario


@contextmanager
def locked(server: Server) -> Iterator[Scenario]:
    """Refuses the login (401)."""
    with behind(server, always("forward"), always("login")) as scenario:
        yield scenario


@contextmanager
def full(server: Server) -> Iterator[Scenario]:
    """The disk below its database and files is full, until the training is over."""
    with mounted(server.folder.parent / "small") as folder:
        other = Server(folder)
        filler = folder / "filler"
        yield Scenario(other.address, lambda: fill(filler), filler.unlink, other.address)
        other.kill()


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """Mount a disk of a few MB."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as stream:
        try:
            while stream.write(bytes(4096)):
                pass
        except OSError:
            return


@contextmanager
def closed(server: Server) -> Iterator[Scenario]:
    """Nobody listens, from the start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield Scenario(f"http://127.0.0.1:{probe.getsockname()[1]}")


@contextmanager
def swallowing(server: Server) -> Iterator[Scenario]:
    """Packets get no answer, from the start."""
    with socket.socket() as silent, ExitStack() as queue:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(2):  # fill the queue of connections that nobody takes: the next gets no answer at all
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        yield Scenario(f"http://127.0.0.1:{silent.getsockname()[1]}")


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        *(healthy, killed, restarted, hanging, hanging_for_a_while, refusing),
        *(forgetful, locked, full, closed, swallowing),
    )
}
HEADER = (
    *("the server", "in calls, s", "wait at the end, s", "stall, s", "training in all, s", "lines told"),
    *("weights", "epochs before sync", "runs", "points missing", "points doubled"),
)


def measure(name: str, project: Path, server: Server, epochs: int, weights: str) -> tuple[str | float, ...]:
    """Return a line of the table."""
    with SCENARIOS[name](server) as scenario:
        more = {"MLFLOW_TRACKING_URI": scenario.address}
        took = train_timed(project, more, max(1, epochs // 8), scenario.strike)
        scenario.mend()
        well = scenario.well or server.address
        before = shown(well, project).epochs
        run_module(project, "genloop sync", {"MLFLOW_TRACKING_URI": well})
        after = shown(well, project)
        forget(well)
    same = "equal" if hash_weights(project / f"data/weights/{RUN}/weights.safetensors") == weights else "DIFFERENT"
    print(*took.lines, sep="\n", flush=True)
    told = ((SCENARIOS[name].__doc__ or name).rstrip("."), took.calls, took.wait, took.calls + took.wait, took.whole)
    return *told, len(took.lines), same, f"{before} of {epochs}", after.runs, after.missing, after.doubled


def main() -> None:
    """Run the scenarios one after the other against one server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=list(SCENARIOS), choices=list(SCENARIOS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, ExitStack() as end:
        project, store = Path(work) / "project", Path(work) / "store"
        project.mkdir()
        store.mkdir()
        make_project(project, options.epochs)
        weights = hash_weights(project / f"data/weights/{RUN}/weights.safetensors")
        server = Server(store)
        end.callback(lambda: server.kill())
        rows = []
        for name in options.only:
            rows.append(measure(name, project, server, options.epochs, weights))
            print(table(HEADER, rows[-1:]), flush=True)
    print(machine(), table(HEADER, rows), sep="\n\n")


if __name__ == "__main__":
    main()
