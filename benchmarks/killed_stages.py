"""Kills stages, and DVC itself, at random moments, and looks at what is left.

Say ``python -m benchmarks.killed_stages``; ``python -m benchmarks.killed_stages 5 3`` kills each stage 5 times by each
signal and ``dvc repro`` 3 times. A tiny project is made and run. Of a stage that is killed, each earlier output must be
whole or already be the new one, and the next run must end with the bytes of an undisturbed one and leave no unfinished
work behind. After SIGTERM the stage must have said one line, cleaned up by itself and ended with 143. Of ``dvc``,
the next ``dvc repro`` must end well with the same bytes and the same ``dvc.lock``; where its lock file was cut off,
``git checkout dvc.lock`` comes first.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.stages_in_forks import STAGES, Command, import_all, run

if TYPE_CHECKING:
    from tests.conftest import Project

TIMES = (3, 6)  # kills of each stage by each signal, kills of dvc
KILLED = [stage for stage in STAGES if "train" not in stage.module]
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


@dataclass
class Killed:
    """What came of all kills of one stage by one signal."""

    kills: int = 0
    too_late: int = 0
    faults: list[str] = field(default_factory=list)

    def check(self, good: bool, fault: str) -> None:
        """Note a fault."""
        if not good:
            self.faults.append(fault)


def contents(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return what outputs hold, by name."""
    files = [
        file for name in names for file in ((folder / name).rglob("*") if (folder / name).is_dir() else [folder / name])
    ]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files if file.is_file()}


def unfinished(folder: Path) -> list[str]:
    """Return what lies about of work that was not finished."""
    return [path.relative_to(folder).as_posix() for path in (folder / "data").rglob(".*.unfinished")]


def make_earlier(folder: Path, command: Command) -> dict[str, bytes]:
    """Make the outputs of a stage other than those that it will write, and return them."""
    for out in (folder / name for name in command.outs):
        if out.is_dir():
            (out / "earlier").write_text("an earlier output\n")
        else:
            out.write_bytes(out.read_bytes() + b"\n")
    return contents(folder, command.outs)


def kill_after(seconds: float, number: signal.Signals) -> Callable[[int], None]:
    """Return what kills a process after some seconds."""

    def kill(process: int) -> None:
        time.sleep(seconds)
        os.kill(process, number)  # it has not been waited for, so it is still this one

    return kill


def kill_stage(command: Command, folder: Path, number: signal.Signals, times: int) -> Killed:
    """Kill a stage at random moments of the time that it takes."""
    killed, expected = Killed(), contents(folder, command.outs)
    takes = run(command, folder).seconds
    drawn = random.Random(f"{command.name} {number}")
    while killed.kills < times and killed.too_late < 3 * times:
        earlier = make_earlier(folder, command)
        ended = run(command, folder, kill_after(drawn.uniform(0.05, 1.0) * takes, number))
        if ended.code == 0:
            killed.too_late += 1
            continue
        killed.kills += 1
        for out in command.outs:
            left = contents(folder, (out,))
            old, new = ({name: held[name] for name in held if name.startswith(out)} for held in (earlier, expected))
            killed.check(left in (old, new), f"{command.name}: {out} is neither the earlier nor the new one")
        if number == signal.SIGTERM:
            lines = [line for line in ended.said.splitlines() if line.startswith("genloop: terminated")]
            told = (ended.code, len(lines)) in ((143, 1), (-number, 0))  # the latter: while Python still imports
            killed.check(told, f"{command.name}: {ended.code}: {ended.said!r}")
            killed.check(not unfinished(folder), f"{command.name}: terminated, left {unfinished(folder)}")
        again = run(command, folder)
        killed.check(again.code == 0, f"{command.name}: the next run fails: {again.said}")
        killed.check(contents(folder, command.outs) == expected, f"{command.name}: other bytes after a kill")
        killed.check(not unfinished(folder), f"{command.name}: left {unfinished(folder)}")
    return killed


def kill_dvc(project: "Project", number: signal.Signals, times: int) -> Killed:
    """Kill ``dvc repro --force`` at random moments, only itself and not what it started, and say ``dvc repro``."""
    killed, folder, lock = Killed(), project.folder, project.folder / "dvc.lock"
    outs = tuple(out for stage in STAGES for out in stage.outs)
    expected, locked, drawn = contents(folder, outs), lock.read_bytes(), random.Random(f"dvc {number}")
    for _ in range(times):
        process = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", "--force"],
            cwd=folder,
            env=project.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(drawn.uniform(1, 60))
        process.send_signal(number)
        killed.too_late += process.wait() == 0
        killed.kills += 1
        while again := project.dvc("repro", succeeds=False):
            if "another process is" not in again.stderr:  # the stage that DVC had started goes on without it
                break
            time.sleep(1)
        killed.check(again.returncode == 0, f"dvc: {again.stdout[-500:]} {again.stderr[-500:]}")
        killed.check(contents(folder, outs) == expected, "dvc: other bytes after a kill")
        killed.check(lock.read_bytes() == locked, "dvc: another dvc.lock after a kill")
        killed.check(not unfinished(folder), f"dvc: left {unfinished(folder)}")
    return killed


def row(name: str, number: signal.Signals, killed: Killed) -> None:
    """Print a row, and on standard error what went wrong."""
    print(f"| {name} | {number.name} | {killed.kills} | {len(killed.faults)} |", flush=True)
    for fault in killed.faults:
        print(fault, file=sys.stderr, flush=True)


def main() -> None:
    """Print a table."""
    from tests.conftest import make_project

    times, of_dvc = (int(word) for word in (sys.argv[1:] or TIMES))
    print("| what | signal | kills | faults |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        project = make_project(Path(place))
        project.dvc("repro")
        for number in SIGNALS:
            row("dvc repro", number, kill_dvc(project, number, of_dvc))
        import_all(project.folder)
        for command in KILLED:
            for number in SIGNALS:
                row(command.name, number, kill_stage(command, project.folder, number, times))


if __name__ == "__main__":
    main()
