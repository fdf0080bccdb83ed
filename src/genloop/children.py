"""Programs that run for long: shown line by line, and ended with all that they started when this process ends."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS_TO_END = 20.0  # for what it has started, before it is killed


def run_shown(
    command: Sequence[str], environment: Mapping[str, str], seen: Callable[[str], None], folder: Path | None = None
) -> int:
    """Run a program, hand on each line that it prints, and return its exit code."""
    with (
        subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment) | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,  # so that Ctrl-C reaches it through us, once
        ) as process,
        ended_with_us(process),
    ):
        for line in process.stdout or ():
            seen(line)
        return process.wait()


@contextmanager
def ended_with_us(process: subprocess.Popen) -> Iterator[None]:
    """End a program that leads a process group if this one stops waiting for it."""
    try:
        yield
    except BaseException:  # also Ctrl-C and SIGTERM: a training saves its state, and ends
        _end(process)
        raise


def _end(process: subprocess.Popen) -> None:
    """End a program that leads a process group, with all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(SECONDS_TO_END)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
