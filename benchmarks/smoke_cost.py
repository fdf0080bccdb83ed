"""What a smoke training costs, part by part: python -m benchmarks.smoke_cost FOLDER, a fresh clone to be changed."""

import argparse
import io
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from benchmarks.measure import machine
from genloop.retraining.smoke import smoke

RUNS = {"digits_gan": ("batch: 32}", "batch: 32, lr: 0.001}"), "digits_vae": ("lr: 0.004", "lr: 0.008")}
RECORDS = 20_000
PART = re.compile(r"^(?:Running stage '(.+)':|(\w+ \w{7}(?: with changes)?: \w+)$)")


class Clock(io.TextIOBase):
    """Takes what is printed, and notes when each part began."""

    def __init__(self) -> None:
        """Begin."""
        self.parts: list[tuple[str, float]] = []

    def write(self, text: str) -> int:
        """Take a line."""
        if found := PART.match(text.strip()):
            self.parts.append((found[1] or found[2], time.perf_counter()))
        return len(text)


def spent() -> float:
    """Return the seconds that processors spent on this process and on those that have ended below it."""
    sides = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(side.ru_utime + side.ru_stime for side in sides)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def measure(told: str) -> None:
    """Make a smoke of the present folder, and print what each part took."""
    clock, start, before = Clock(), time.perf_counter(), spent()
    with redirect_stdout(clock):
        found = smoke("HEAD", list(RUNS), RECORDS, Path("data/retraining"))
    end = time.perf_counter()
    if found.faults:
        raise SystemExit("\n".join(found.faults))
    print(f"\n{told}: {end - start:.0f} s, of processors {spent() - before:.0f} s\n")
    ends = [began for _, began in clock.parts[1:]] + [end]
    for (part, began), after in zip(clock.parts, ends, strict=True):
        print(f"  {after - began:5.1f} s  {part}")
    sys.stdout.flush()


def main() -> None:
    """Change the learning rates, then smoke twice: with an empty cache, and with all in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    text = (folder / "params.yaml").read_text(encoding="utf-8")
    for old, new in RUNS.values():
        text = text.replace(old, new, 1)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    print(machine())
    print(subprocess.run(["git", "diff", "--stat"], cwd=folder, capture_output=True, text=True).stdout)
    with inside(folder):
        measure("with an empty cache")
        measure("once more, all in DVC's cache")


if __name__ == "__main__":
    main()
