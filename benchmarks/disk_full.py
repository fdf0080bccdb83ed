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
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.stages_in_forks import STAGES, Command, Ended, import_all, run

PAGE = 4096
EVEN = 8  # steps, beside those within files
AMPLE = "size=500m,nr_inodes=100000"
FREE = (  # commands beside the stages, which write where people say
    Command("genloop", ("sample", "tiny_gan", "out/drawn"), ("out/drawn",)),
    Command("genloop", ("sample", "rows_vae", "out/rows"), ("out/rows",)),
    Command("genloop", ("fill", "rows_vae", "gaps.csv", "out/filled.csv"), ("out/filled.csv",)),
    Command("genloop", ("fill", "rows_vae", "gaps.csv", "out/filled.parquet"), ("out/filled.parquet",)),
)
CLEAR = re.compile(r"the disk is full; free some space there|GiB are free; free some space there")
READ_ONLY = re.compile(r"the disk can only be read; make it writable")


@dataclass
class Tried:
    """What came of all points of one command on one disk."""

    points: int = 0
    unclear: list[str] = field(default_factory=list)
    harmed: list[str] = field(default_factory=list)
    equal: bool = False


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mount(folder: Path, content: Path) -> None:
    """Make ``folder`` a disk of its own that holds a copy of ``content``."""
    while os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", AMPLE, "none", folder], check=True)
    shutil.copytree(content, folder, dirs_exist_ok=True, symlinks=True)


def leave_free(folder: Path, pages: int | None = None, names: int | None = None) -> None:
    """Leave so many pages and names free on the disk ``folder``; None: as many as there ever were."""
    used = os.statvfs(folder)
    options = AMPLE
    if pages is not None:
        size = max(used.f_blocks - used.f_bfree + pages, 1) * used.f_frsize  # 0 would be no limit
        options = f"size={size},nr_inodes=100000"
    if names is not None:
        options = f"size=500m,nr_inodes={used.f_files - used.f_ffree + names}"
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def mark(folder: Path, command: Command) -> None:
    """Make the earlier outputs of a command other than those that it will write."""
    for out in (folder / name for name in command.outs):
        if out.is_dir():
            (out / "earlier").write_text("an earlier output\n")
        elif out.exists():
            out.write_bytes(out.read_bytes() + b"\n")


def page_points(disk: Path, since: int) -> list[int]:
    """Return how many pages to leave free: within each file that is newer than ``since``, and in even steps."""
    files = sorted((s.st_mtime_ns, s.st_size) for path in disk.rglob("*") if path.is_file() and (s := path.stat()))
    sizes = [-(-size // PAGE) for changed, size in files if changed > since and size]
    within = {sum(sizes[:index]) + size // 2 for index, size in enumerate(sizes)}
    return sorted(within | {sum(sizes) * step // EVEN for step in range(EVEN)})


def points(disk: Path, since: int) -> Iterator[dict[str, int]]:
    """Yield what to leave free, page by page and name by name."""
    for pages in page_points(disk, since):
        yield {"pages": pages}
    for names in range(sum(path.stat().st_mtime_ns > since for path in disk.rglob("*")) + 4):
        yield {"names": names}


def judge(
    tried: Tried, command: Command, ended: Ended, before: dict[str, bytes], disk: Path, clear: re.Pattern
) -> None:
    """Note whether a command that failed said why, and left the earlier outputs whole."""
    tried.points += 1
    lines = [line for line in ended.said.splitlines() if clear.search(line)]
    named = any(line.startswith(f"genloop: {out}") for line in lines for out in command.outs)
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
    (folder / "project.out").mkdir()
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
        subprocess.run(["umount", project / "data"], check=True)


if __name__ == "__main__":
    main()
