"""Fills the disk at every point at which a stage or a command writes, and makes it read-only.

Say ``python -m benchmarks.disk_full``, on Linux, where ``unshare -rm`` is allowed (root may always). A tiny project is
made and run; then one of its folders becomes a small disk of its own (tmpfs), on which just so much is free that the
file in question does not fit any more: in bytes (the middle of each file that is written, and even steps) and in names
(from the first to the last that is made). A run must fail with one line that names what is full and says what to do,
leave the earlier outputs as they were and, when there is space again, end with the same bytes as one that was never
disturbed.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.small_disk import leave_free, mount, points, tree, unmount
from benchmarks.stages_in_forks import STAGES, Command, Ended, import_all, run

FREE = (  # commands beside the stages, which write where people say
    Command("genloop", ("sample", "tiny_gan", "out/drawn"), ("out/drawn",)),
    Command("genloop", ("sample", "rows_vae", "out/rows"), ("out/rows",)),
    Command("genloop", ("fill", "rows_vae", "gaps.csv", "out/filled.csv"), ("out/filled.csv",)),
    Command("genloop", ("fill", "rows_vae", "gaps.csv", "out/filled.parquet"), ("out/filled.parquet",)),
)
HIDDEN = (  # where else stages write, and whether they may go on without it
    ("stages.record", ".mlflow", False),
    ("stages.train", ".mlflow", True),
    ("stages.train", ".state", False),
)
HIDDEN_POINTS = [*({"pages": 2**n - 1} for n in range(9)), *({"names": names} for names in range(0, 40, 3))]
CLEAR = re.compile(r"the disk is full; free some space there|are free; free some space there")
READ_ONLY = re.compile(r"the disk can only be read; make it writable")


@dataclass
class Tried:
    """What came of all points of one command on one disk."""

    points: int = 0
    unclear: list[str] = field(default_factory=list)
    harmed: list[str] = field(default_factory=list)
    equal: bool = False


def mark(folder: Path, command: Command) -> None:
    """Make the earlier outputs of a command other than those that it will write."""
    for out in (folder / name for name in command.outs):
        if out.is_dir():
            (out / "earlier").write_text("an earlier output\n")
        elif out.exists():
            out.write_bytes(out.read_bytes() + b"\n")


def judge(
    tried: Tried, command: Command, ended: Ended, before: dict[str, bytes], disk: Path, clear: re.Pattern
) -> None:
    """Note whether a command that failed said why, and left the earlier outputs whole."""
    tried.points += 1
    lines = [line for line in ended.said.splitlines() if clear.search(line)]
    named = any(
        line.startswith((f"genloop: {out}", f"genloop: {Path(out).parent}: ")) for line in lines for out in command.outs
    )
    if not ended.code or len(lines) != 1 or not named or "Traceback" in ended.said:
        tried.unclear.append(f"{command.name}: {ended.code}: {ended.said[-400:]!r}")
    after = {name: content for name, content in tree(disk).items() if ".unfinished" not in name}
    if after != before:
        tried.harmed.append(f"{command.name}: {[name for name in before if before[name] != after.get(name)]}")


def fill_disk(command: Command, project: Path, place: str) -> Tried:
    """Run a command with the disk below ``place`` full at each point; at last with space."""
    disk, content = project / place, Path(f"{project}.{place}")
    tried = Tried()
    mount(disk, content)
    since = max(path.stat().st_mtime_ns for path in disk.rglob("*")) if any(disk.iterdir()) else 0
    undisturbed = run(command, project)
    if undisturbed.code:
        raise SystemExit(f"{command.name} fails by itself: {undisturbed.said}")
    expected, planned = tree(disk), list(points(disk, since))
    mount(disk, content)
    mark(project, command)
    before = tree(disk)
    for point in planned:
        leave_free(disk, **point)
        ended = run(command, project)
        leave_free(disk)
        if ended.code:
            judge(tried, command, ended, before, disk, CLEAR)
        else:  # it fitted: begin again from the earlier outputs
            mount(disk, content)
            mark(project, command)
    tried.equal = run(command, project).code == 0 and tree(disk) == expected
    return tried


def make_read_only(command: Command, project: Path, place: str) -> Tried:
    """Run a command with the disk below ``place`` read-only, then with a writable one."""
    disk, tried = project / place, Tried()
    mount(disk, Path(f"{project}.{place}"))
    mark(project, command)
    before = tree(disk)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    ended = run(command, project)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    judge(tried, command, ended, before, disk, READ_ONLY)
    tried.equal = run(command, project).code == 0
    return tried


def fill_hidden(command: Command, project: Path, place: str, goes_on: bool) -> Tried:
    """Run a command with the disk below a hidden folder full, more and more free; each time then with space.

    What MLflow holds cannot be compared byte for byte, so the outputs are, which lie elsewhere.
    """
    disk, content, tried = project / place, Path(f"{project}.{place}"), Tried(equal=True)
    mount(disk, content)
    run(command, project)
    expected = tree(project / "data")
    for point in HIDDEN_POINTS:
        mount(disk, content)
        mark(project, command)
        before = tree(project / "data")
        leave_free(disk, **point)
        ended = run(command, project)
        if ended.code or (goes_on and "MLflow does not take" in ended.said):  # else it fitted
            tried.points += 1
            lines = [line for line in ended.said.splitlines() if CLEAR.search(line) or "MLflow does not take" in line]
            named = len(lines) == 1 and (place in lines[0] or goes_on)
            if not named or "Traceback" in ended.said or bool(ended.code) == goes_on:
                tried.unclear.append(f"{command.name}: {point}: {ended.code}: {ended.said[-400:]!r}")
            if tree(project / "data") != (before if ended.code else expected):
                tried.harmed.append(f"{command.name}: {point}")
        leave_free(disk)
        tried.equal &= run(command, project).code == 0 and tree(project / "data") == expected
    subprocess.run(["umount", disk], check=True)
    return tried


def row(name: str, kind: str, tried: Tried) -> None:
    """Print a row, and on standard error what went wrong."""
    clear, whole = (tried.points - len(faults) for faults in (tried.unclear, tried.harmed))
    print(f"| {name} | {kind} | {tried.points} | {clear} | {whole} | {'yes' if tried.equal else 'NO'} |", flush=True)
    for fault in dict.fromkeys([*tried.unclear, *tried.harmed]):
        print(fault, file=sys.stderr, flush=True)


def prepare_project(folder: Path) -> Path:
    """Make a tiny project, run it, and lay aside what its disks will hold."""
    from tests.conftest import make_project, tiny_table

    (folder / "project").mkdir()
    project = make_project(folder / "project")
    project.dvc("repro")
    table = tiny_table(20)
    table.loc[::2, "town"] = None
    table.to_csv(project.folder / "gaps.csv", index=False)
    (project.folder / "data").rename(folder / "project.data")
    for place in ("out", ".mlflow", ".state"):
        (folder / f"project.{place}").mkdir()
    return project.folder


def main() -> None:
    """Print a table; with words, only of commands whose names hold one of them."""
    if os.environ.get("UNSHARED") is None:  # what is mounted is seen by nobody else, and gone at the end
        os.execvpe(
            "unshare",
            ["unshare", "-rm", sys.executable, "-m", "benchmarks.disk_full", *sys.argv[1:]],
            os.environ | {"UNSHARED": "1"},
        )
    chosen = [c for c in (*STAGES, *FREE) if not sys.argv[1:] or any(word in c.name for word in sys.argv[1:])]
    print(
        "| command | disk | points | clear line | earlier outputs whole | then equal bytes |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as place:
        project = prepare_project(Path(place))
        import_all(project)
        mount(project / "data", Path(f"{project}.data"))
        for command in chosen:
            at = command.outs[0].split("/")[0]
            row(command.name, f"full: {at}", fill_disk(command, project, at))
            row(command.name, f"read-only: {at}", make_read_only(command, project, at))
            mount(project / "data", Path(f"{project}.data"))
            for module, hidden, goes_on in HIDDEN:
                if module == command.module:
                    row(command.name, f"full: {hidden}", fill_hidden(command, project, hidden, goes_on))
        for place in ("data", "out", ".mlflow", ".state"):
            unmount(project / place)


if __name__ == "__main__":
    main()
