"""How benchmarks measure: contenders take turns in one process, medians are compared, the machine is named."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from genloop import plugins

Rate = Callable[[], float]
Cell = str | float | int
Row = dict[str, float | int | str]


def interleave(contenders: dict[str, Rate], rounds: int) -> dict[str, list[float]]:
    """Return each contender's results over ``rounds`` rounds in which all take turns, after one round to warm up.

    Whoever else uses the machine then slows all contenders alike. Every second round runs backwards, so that nobody
    always follows the same neighbor.
    """
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name in list(contenders)[:: -1 if turn % 2 else 1]:
            result = contenders[name]()
            if turn:
                results[name].append(result)
                print(f"round {turn} of {rounds}: {name}: {result:,.0f}", flush=True)
    return results


def medians(results: dict[str, list[float]]) -> dict[str, float]:
    """Return the median of each contender's results."""
    return {name: statistics.median(values) for name, values in results.items()}


def ratio(results: dict[str, list[float]], name: str, other: str) -> float:
    """Return the median over the rounds of ``name``'s result divided by that of ``other`` in the same round."""
    return statistics.median(a / b for a, b in zip(results[name], results[other], strict=True))


def step_rate(step: Callable[[], object], steps: int, records: int, clock: Callable[[], float]) -> float:
    """Return records per second of ``steps`` calls that handle ``records`` records each.

    The steps are those of bare loops, which are free to use any kernel; genloop asks for deterministic ones by itself.
    """
    torch.use_deterministic_algorithms(False)
    start = clock()
    for _ in range(steps):
        step()
    return steps * records / (clock() - start)


def machine() -> str:
    """Return one line with processor, cores, load, and versions; no name of the machine or its user."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0))
    return (
        f"{model}, {cores} cores, {torch.get_num_threads()} threads of torch {torch.__version__.split('+')[0]}, "
        f"{torch.backends.cpu.get_cpu_capability()}, Python {platform.python_version()}, "
        f"load of the last minute {os.getloadavg()[0]:.1f}"
    )


def scores_of(modality: str, samples: Path, reference: Path, prepared: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the scores of samples, those of the baselines with their names behind, and the protocol."""
    found = plugins.scores(modality).score(samples, reference, prepared, samples)
    beside = {
        f"{metric}_{name}": base.get(metric)
        for name, base in found.baselines.items()
        for metric in found.figures.scores
    }
    return found.figures.scores | beside, found.protocol


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a Markdown table; numbers are written with three digits or as whole numbers."""
    written = [[cell if isinstance(cell, str) else _number(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *written]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.3g}"


def add_result(path: Path, line: dict[str, Any]) -> None:
    """Add a line of JSON to the results that are collected in ``path`` over several calls."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as results:
        results.write(json.dumps(line, sort_keys=True) + "\n")


def last_results(path: Path, *keys: str) -> list[dict[str, Any]]:
    """Return the collected results in the order of ``keys``; of those that agree in all of them, the last."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    last = {tuple(line[key] for key in keys): line for line in lines}
    return [last[key] for key in sorted(last)]


class Stopwatch:
    """Follows a genloop training and notes the time at the end of each epoch; hands all on to another observer.

    What lies between the ends of the first and of the last epoch is a training without its start: steps, callbacks,
    curves, previews, saved states and logging.
    """

    def __init__(self, clock: Callable[[], float] = time.process_time, follower: object = None) -> None:
        """Take the clock, and who else follows, a :class:`genloop.callbacks.Observer`."""
        self.clock, self.follower = clock, follower
        self.marks: list[tuple[int, float]] = []
        self.start = clock()

    def epoch(self, losses: Row, layers: list[Row], steps: list[Row]) -> None:
        """Note the end of an epoch."""
        if self.follower is not None:
            self.follower.epoch(losses, layers, steps)  # type: ignore[attr-defined]
        self.marks.append((int(losses["records_seen"]), self.clock()))

    def preview(self, epoch: int, path: Path) -> None:
        """Hand a preview on."""
        if self.follower is not None:
            self.follower.preview(epoch, path)  # type: ignore[attr-defined]

    def finding(self, found: object) -> None:
        """Hand a finding on."""
        if self.follower is not None:
            self.follower.finding(found)  # type: ignore[attr-defined]

    def rate(self) -> float:
        """Return records per second from the end of the first epoch to that of the last."""
        (first, start), (last, end) = self.marks[0], self.marks[-1]
        return (last - first) / (end - start)
