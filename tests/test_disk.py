"""A full or read-only disk: one line that names what is full and says what to do, and nothing that was there is lost.

``benchmarks/disk_full.py`` does the same to every stage, at every file that it writes.
"""

import errno
import resource
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from genloop.errors import GenloopError
from genloop.faults import REMEDIES, explain_fault
from genloop.outputs import check_disk, replace_file, replace_folder, write_json
from tests.conftest import ROOT, Project

FULL = Path("/dev/full")  # takes nothing: every write to it fails as on a full disk
NOISE = np.random.default_rng(0).integers(0, 256, (512, 512)).astype(np.uint8)
SMALL_DISK = "mount -t tmpfs -o size=1m none {0} && cp -a {1}/. {0} && "
REPLACE = """\
import os, subprocess, sys
from pathlib import Path
from genloop.command import run_safely
from genloop.outputs import replace_folder, write_json, write_text
disk = Path(sys.argv[1])
def leave(size, names):
    subprocess.run(["mount", "-o", f"remount,size={size},nr_inodes={names}", disk], check=True)
def work():
    with replace_folder(disk / "folder") as folder:
        write_json(folder / "one.json", list(range(2000)))
        (folder / "two").write_bytes(bytes(9000))
    write_text(disk / "file", "new" * 3000)
def held():
    return {str(path.relative_to(disk)): path.read_bytes() for path in disk.rglob("*") if path.is_file()}
(disk / "folder").mkdir()
(disk / "folder" / "earlier").write_text("earlier")
(disk / "file").write_text("earlier")
before, state = held(), os.statvfs(disk)
names = state.f_files - state.f_ffree
points = [((2 + more) * 4096, 1000) for more in range(4)] + [(2**20, names + more) for more in range(6)]
codes = []
for size, names in points:
    leave(size, names)
    child = os.fork()
    if not child:
        os.dup2(os.open(disk.parent / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        run_safely(work)
        os._exit(0)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert held() == before, (size, names, list(held()))
leave(2**20, 1000)
work()
assert sorted(held()) == ["file", "folder/one.json", "folder/two"]
print(codes)
"""


def unshare(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command that may mount what nobody else sees; skip where the system does not allow it."""
    allowed = (
        shutil.which("unshare") and subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0
    )
    if not allowed:
        pytest.skip("this system does not let tests mount a disk of their own (unshare -rm)")
    return subprocess.run(["unshare", "-rm", "sh", "-c", command], cwd=folder, capture_output=True, text=True)


def test_a_disk_that_is_full_at_any_point_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "replace.py").write_text(REPLACE)
    prefix = f"PYTHONPATH={ROOT / 'src'} mount -t tmpfs -o size=1m none disk && PYTHONPATH={ROOT / 'src'}"
    done = unshare(f"{prefix} {sys.executable} replace.py disk", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[1,", *["1,"] * 8, "1]"]
    said = (tmp_path / "said").read_text().splitlines()
    assert len(said) == 10
    for line in said:
        assert line.startswith(("genloop: disk/folder: the disk is full; ", "genloop: disk/file: the disk is full; "))


def test_a_stage_on_a_full_disk(project: Project) -> None:
    shutil.copytree(project.folder / "data/samples", project.folder / "kept")
    mounted = SMALL_DISK.format("data/samples", "kept") + "mount -o remount,size=64k data/samples 2>/dev/null; "
    fill = "head -c 2m /dev/zero > data/samples/other 2>/dev/null; rm -f data/samples/none; "
    stage = f"{sys.executable} -m stages.sample tiny_gan; code=$?; rm data/samples/other; "
    done = unshare(f"{mounted}{fill}{stage} diff -r kept data/samples && exit $code", project.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"genloop: data/samples/tiny_gan: {explain_fault(OSError(28, ''))}\n"


def test_a_stage_on_a_read_only_disk(project: Project) -> None:
    command = f"mount --bind data data && mount -o remount,ro,bind data && {sys.executable} -m stages.summarize"
    done = unshare(command, project.folder)
    assert done.returncode == 1
    assert done.stderr.startswith("genloop: data/summary.md: the disk can only be read; make it writable")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from genloop.command import run_safely\n"
    code += "from genloop.outputs import write_text; run_safely(lambda: write_text(Path('x'), 'long' * 9000))"
    (tmp_path / "x").write_text("earlier")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},  # which would be cut off as well
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("genloop: x: the file grew larger than the disk or a limit (ulimit -f) allows")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "earlier"


def _draw(path: Path) -> None:
    figure = matplotlib.figure.Figure()
    figure.subplots().imshow(NOISE)
    figure.savefig(path, format="png")


def _fill_database(path: Path) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("pragma max_page_count = 5")
        database.execute("create table t (x)")
        database.execute("insert into t values (zeroblob(100000))")


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", NOISE.tobytes())


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("x"),
    "npy": lambda path: NOISE.tofile(path),
    "npz": lambda path: np.savez(path.open("wb"), NOISE),
    "csv": lambda path: pd.DataFrame(NOISE).to_csv(path),
    "parquet": lambda path: pd.DataFrame(NOISE, columns=list(map(str, range(512)))).to_parquet(path),
    "picture": lambda path: Image.fromarray(NOISE).save(path, format="png"),
    "figure": _draw,
    "zip": _zip,
    "torch": lambda path: torch.save(torch.zeros(99999), path),
    "sqlite": _fill_database,
}


def test_a_database_without_room_for_its_journal_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    """SQLite says the same of both; so the disk below it is asked."""
    insert = "import sqlite3, sys; from pathlib import Path; from genloop.faults import explain_fault\n"
    insert += "try: sqlite3.connect(sys.argv[1] + '/x.db').execute('create table t (x)')\n"
    insert += "except sqlite3.Error as error: print(error, '->', explain_fault(error, Path(sys.argv[1])))"
    (tmp_path / "insert.py").write_text(insert)
    (tmp_path / "disk").mkdir()
    run = f"PYTHONPATH={ROOT / 'src'} {sys.executable} insert.py"
    full = "mount -t tmpfs -o size=1m,nr_inodes=2 none disk && touch disk/x.db"
    done = unshare(f"{full} && {run} disk; {run} nowhere", tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "unable to open database file -> disk: " + REMEDIES[errno.ENOSPC],
        "unable to open database file -> None",
    ]


@pytest.mark.filterwarnings("ignore")  # what was not written when the interpreter lets go of it
@pytest.mark.parametrize("name", WRITERS)
def test_what_libraries_say_of_a_full_disk_is_understood(name: str) -> None:
    if not FULL.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(Exception) as caught:  # noqa: PT011 (which one is the library's choice)
        WRITERS[name](FULL)
    told = explain_fault(caught.value, Path("data/x"))
    assert told is not None
    assert "the disk is full; free some space there" in told


def test_other_errors_are_not_blamed_on_the_disk() -> None:
    assert explain_fault(ValueError("no value is full")) is None
    assert explain_fault(FileNotFoundError(2, "No such file", "x")) is None


def test_a_fault_is_told_with_the_place(tmp_path: Path) -> None:
    assert str(explain_fault(PermissionError(13, "", "raw/a.csv"), tmp_path)).startswith(
        "raw/a.csv: permission denied; "
    )
    with (
        pytest.raises(GenloopError, match=rf"^{tmp_path}/x: the disk did not read or write; "),
        replace_folder(tmp_path / "x"),
    ):
        raise OSError(5, "Input/output error")
    with pytest.raises(GenloopError, match="free some space there"):
        check_disk(tmp_path, 2**70)


def test_a_file_does_not_take_the_place_of_a_folder_nor_a_folder_that_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(GenloopError, match="folder: is a folder, where a file is to be written"),
        replace_file(tmp_path / "folder"),
    ):
        pass
    with (
        pytest.raises(GenloopError, match="file: is a file, where a folder is to be written"),
        replace_folder(tmp_path / "file"),
    ):
        pass


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "link").symlink_to("large", target_is_directory=True)
    with replace_folder(tmp_path / "link") as folder:
        write_json(folder / "a.json", 1)
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in (tmp_path / "large").iterdir()] == ["a.json"]


def test_printing_where_nobody_takes_it(project: Project) -> None:
    compare = f"{sys.executable} -m genloop compare"
    full = project.run("sh", "-c", f"{compare} > /dev/full", succeeds=False)
    assert full.returncode == 1
    assert full.stderr == f"genloop: {explain_fault(OSError(28, ''))}\n"
    broken = project.run("bash", "-c", f"{compare} | true; exit ${{PIPESTATUS[0]}}", succeeds=False)
    assert (broken.returncode, broken.stderr) == (141, "")


def test_samples_do_not_take_the_place_of_other_files(project: Project) -> None:
    (project.folder / "mine").mkdir()
    (project.folder / "mine" / "letter.txt").write_text("dear")
    done = project.run(sys.executable, "-m", "genloop", "sample", "tiny_gan", "mine", succeeds=False)
    assert done.returncode == 1
    assert done.stderr == "genloop: mine: holds other files than samples, which would be lost; name a new folder\n"
    assert (project.folder / "mine" / "letter.txt").read_text() == "dear"


def test_a_full_disk_leaves_no_bytecode_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    text = "\n".join(f"x{i} = {i}.5, 'text{i}'" for i in range(2000))
    fill = f"cp -r {ROOT / 'stages'} disk/ && rm -rf disk/stages/__pycache__ && cd disk && cp ../large.py stages/"
    (tmp_path / "large.py").write_text(text)
    small = "mount -o remount,size=$(( $(df -k . | tail -1 | awk '{print $3}') + 8 ))k ."
    run = f"PYTHONDONTWRITEBYTECODE= {sys.executable} -c 'import stages.large'"
    command = (
        f"mount -t tmpfs -o size=99m none disk && {fill} && {small} && {run} && mount -o remount,size=99m . && {run}"
    )
    done = unshare(command, tmp_path)
    assert done.returncode == 0, done.stderr
