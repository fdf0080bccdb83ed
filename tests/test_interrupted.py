"""Stages that are killed, two at once, a clock that jumps: nothing is lost and nothing is mixed.

``benchmarks/killed_stages.py`` kills all stages, and DVC itself, at random moments.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genloop.errors import GenloopError
from genloop.outputs import replace_file, replace_folder
from tests.conftest import ROOT, Project

CLOCK = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static int jump(void) { static int calls; return (calls++ % 2 ? -1 : 1) * 86400 * 400; }  /* a year on, a year back */
time_t time(time_t *now) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (now) *now = t.tv_sec;
    return t.tv_sec;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += jump();
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec t;
    int failed = clock_gettime(CLOCK_REALTIME, &t);
    now->tv_sec = t.tv_sec;
    now->tv_usec = t.tv_nsec / 1000;
    return failed;
}
"""
WRITE = """\
import sys, time
from pathlib import Path
from genloop.command import run_safely
from genloop.outputs import replace_folder
def work():
    with replace_folder(Path("x")) as folder:
        (folder / "new").write_text("new")
        print("begun", flush=True)
        time.sleep(60)
run_safely(work)
"""


def begin_writing(folder: Path) -> subprocess.Popen[str]:
    """Start a process that is in the middle of replacing the folder ``x``."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # else ignored where the tests run behind &
    )
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "old").write_text("old")
    return tmp_path


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGTERM, 143, "genloop: terminated; say the same again to go on\n"),
        (signal.SIGINT, 130, "genloop: interrupted; say the same again to go on\n"),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_a_process_that_is_ended_leaves_what_was_there(earlier: Path, number: int, code: int, said: str) -> None:
    with begin_writing(earlier) as process:
        process.send_signal(number)
        assert process.communicate() == ("", said)
        assert process.returncode == code
    assert (earlier / "x" / "old").read_text() == "old"
    if number != signal.SIGKILL:  # which leaves no time to clean up
        assert names(earlier) == ["x", "x/old"]
    with replace_folder(earlier / "x") as folder:
        assert names(folder) == []
        (folder / "newer").write_text("")
    assert names(earlier) == ["x", "x/newer"]


def test_two_processes_do_not_write_the_same_at_once(earlier: Path) -> None:
    with begin_writing(earlier) as process:
        with (
            pytest.raises(GenloopError, match="x: another process is writing it; wait for it or stop it"),
            replace_folder(earlier / "x"),
        ):
            pass
        assert (earlier / ".x.unfinished/new/new").exists(), "the first one's work is untouched"
        process.kill()
    assert (earlier / "x" / "old").exists()


def test_what_a_killed_process_had_moved_away_comes_back(earlier: Path) -> None:
    """As after a kill between the two renames: the earlier folder has left its place, the new one has not taken it."""
    (earlier / ".x.unfinished/new").mkdir(parents=True)
    (earlier / "x").rename(earlier / ".x.unfinished/earlier")
    with pytest.raises(ValueError, match="not written"), replace_folder(earlier / "x"):  # noqa: PT012 (what fails is the point)
        assert (earlier / "x" / "old").exists()
        raise ValueError("not written")
    assert names(earlier) == ["x", "x/old"]


def test_leftovers_of_an_earlier_version_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".a.json.unfinished").write_text("{")
    with replace_file(tmp_path / "a.json") as unfinished:
        unfinished.write_text("{}")
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_stage_runs_again_to_the_same_bytes(project: Project, number: int) -> None:
    before = project.bytes_of("data")
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.prepare", "rows"],
        cwd=project.folder,
        env=project.environment,
        stderr=subprocess.PIPE,
    )
    while process.poll() is None and not (project.folder / "data/prepared/.rows.unfinished").exists():
        time.sleep(0.001)
    process.send_signal(number)
    process.communicate()
    assert process.returncode in (-9, 143)
    assert {name: held for name, held in project.bytes_of("data").items() if ".unfinished" not in name} == before
    project.stage("prepare", "rows")
    assert project.bytes_of("data") == before


def test_a_clock_that_jumps_changes_no_byte(project: Project, tmp_path: Path) -> None:
    """Not even where a format has a place for the time: ZIP, PNG, Parquet."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler to make a clock that jumps")
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c", "-ldl"], check=True
    )
    clock = str(tmp_path / "clock.so")
    jumps = "import time; print(abs(time.time() - time.time()) > 1e7)"
    assert project.run(sys.executable, "-c", jumps, LD_PRELOAD=clock).stdout == "True\n"
    before = project.bytes_of("data")
    for stage in (("configure",), ("prepare", "rows"), ("sample", "tiny_gan"), ("sample", "rows_vae")):
        project.run(sys.executable, "-m", f"stages.{stage[0]}", *stage[1:], LD_PRELOAD=clock)
    assert project.bytes_of("data") == before
