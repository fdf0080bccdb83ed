"""Ten thousand hostile inputs: none may end in a traceback, hang, fill memory or die; each wrong one in one line.

Say ``python -m benchmarks.fuzz``, with ``--share 0.1`` for a tenth of them, or ``--kind CSV --only 17`` for one.
Inputs are the same for the same seed. Those that fail are kept under ``benchmarks/work/fuzz`` and printed.
"""

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.fuzz_work import KINDS, ended, make

COUNTS = {
    "params.yaml": 2500,
    "CSV": 1800,
    "Parquet tables": 1200,
    "pictures": 1200,
    "pictures in Parquet": 500,
    "archives": 1100,
    "IDX": 600,
    "NPZ": 600,
    "where, fill": 500,
}
LONGEST = 10  # seconds of a processor for one input
BLOCKED = 60  # seconds by the clock in which one input has used less, on a machine that others use too
LARGEST = 2**30  # bytes in memory, the interpreter's and the libraries' own included
START = 120  # seconds until the first input begins, on a busy machine
KEPT = Path("benchmarks/work/fuzz")


@dataclass
class Found:
    """How the inputs of a kind ended."""

    verdicts: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    slowest: float = 0.0
    examples: dict[str, int] = field(default_factory=dict)


class Watch:
    """Tells when a process has had enough time for one input."""

    def __init__(self, process: int, seconds: float) -> None:
        self.process, self.end = process, time.monotonic() + seconds
        self.limited = seconds == BLOCKED  # the start may take any time of a processor
        self.used = self._used()

    def is_over(self) -> bool:
        """Return whether the time by the clock or that of a processor is used up."""
        return time.monotonic() > self.end or (self.limited and self._used() - self.used > LONGEST)

    def _used(self) -> float:
        try:
            times = psutil.Process(self.process).cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)


def follow(kind: str, start: int, stop: int, seed: int, folder: Path, found: Found) -> int:
    """Have a process read inputs until it ends, dies or hangs; return the number of the next one."""
    given = (start, stop, seed, folder / "work", folder / "trained")
    command = [sys.executable, "-m", "benchmarks.fuzz_work", kind, *map(str, given)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    current, watch = start, Watch(worker.pid, START)
    try:
        while current < stop:
            try:
                line = lines.get(timeout=1)
            except queue.Empty:
                if watch.is_over():
                    fail(kind, current, "hang", "no end in sight", seed, found)
                    return current + 1
                continue
            if line is None:
                assert worker.stderr is not None
                fail(kind, current, "death", worker.stderr.read()[-2000:], seed, found)
                return current + 1
            told = json.loads(line)
            watch = Watch(worker.pid, BLOCKED)
            if "done" in told:
                note(kind, told, seed, found)
                current = told["done"] + 1
        return stop
    finally:
        worker.kill()
        worker.wait()


def note(kind: str, told: dict[str, Any], seed: int, found: Found) -> None:
    """Count one input that came to its end."""
    found.peak, found.slowest = max(found.peak, told["peak"]), max(found.slowest, told["seconds"])
    if told["peak"] > LARGEST:
        fail(kind, told["done"], "memory", f"{told['peak'] / 2**20:.0f} MiB", seed, found)
    elif told["verdict"] in ("worked", "refused"):
        found.verdicts[told["verdict"]] += 1
    else:
        fail(kind, told["done"], told["verdict"], told["told"], seed, found)


def fail(kind: str, number: int, verdict: str, told: str, seed: int, found: Found) -> None:
    """Keep an input that failed, and print it."""
    found.verdicts[verdict] += 1
    kept = KEPT / f"{kind.replace(' ', '_').replace(',', '')}-{number}"
    make(kind, number, seed, kept)
    print(f"{kind} {number}: {verdict}, kept in {kept}\n{told[-1500:]}", flush=True)


def main(options: argparse.Namespace) -> int:
    """Read all inputs, print a table, and return how many failed."""
    results = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train = [
            sys.executable,
            "-m",
            "benchmarks.fuzz_work",
            "train",
            "0",
            "0",
            "0",
            str(folder),
            str(folder / "trained"),
        ]
        subprocess.run(train, check=True, capture_output=True)
        if options.only is not None:
            make(options.kind, options.only, options.seed, KEPT / "one")
            print(*ended(options.kind, KEPT / "one", folder / "trained" / "weights"), sep="\n")
            return 0
        for kind in [options.kind] if options.kind else KINDS:
            count, number, found = max(1, round(COUNTS[kind] * options.share)), 0, Found()
            while number < count:
                number = follow(kind, number, count, options.seed, folder, found)
            results[kind] = found
    failing = ("traceback", "nameless", "hang", "memory", "death")
    told = "tracebacks | without a name | hangs | over 1 GiB | deaths | longest, s | most memory, MiB"
    print(f"| kind | inputs | worked | refused in one line | {told} |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for kind, found in results.items():
        row = [found.verdicts.total(), *(found.verdicts[verdict] for verdict in ("worked", "refused", *failing))]
        print(
            f"| {kind} | {' | '.join(f'{count:,}' for count in row)} | {found.slowest:.1f} | {found.peak / 2**20:.0f} |"
        )
    return sum(found.verdicts[verdict] for found in results.values() for verdict in failing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the ten thousand inputs")
    parser.add_argument("--kind", choices=KINDS, help="only this kind")
    parser.add_argument("--only", type=int, help="only the input of this number, of a kind")
    sys.exit(1 if main(parser.parse_args()) else 0)
