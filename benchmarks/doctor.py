"""Fixtures of every disease and healthy trainings of both families on both modalities: what the doctor says of them.

Thresholds were chosen on the seed 0; the table is of other seeds. An alarm in a training made ill is no false one: one
disease brings others along.
"""

import argparse
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.measure import table
from genloop.config import Gan, ImageGan, ImageVae, TableGan, TableVae, Vae
from genloop.doctor import Finding
from genloop.errors import GenloopError
from genloop.observing import Row
from genloop.training import train

WORK = Path("benchmarks/work")
FIRST = 1  # seed of the table; 0 was looked at
DIGITS: dict[str, Any] = {"data": "digits", "modality": "image", "epochs": 20, "batch": 32, "previews": 1}
CANCER: dict[str, Any] = {"data": "cancer", "modality": "table", "records_seen": 20_000, "previews": 1}
RUNS: dict[str, Gan | Vae] = {
    "digits, GAN": ImageGan(family="gan", **DIGITS),
    "digits, VAE": ImageVae(family="vae", latent=16, lr=0.004, **DIGITS),
    "cancer, GAN": TableGan(family="gan", **CANCER),
    "cancer, VAE": TableVae(family="vae", **CANCER),
}
STRONG = {"critic_lr": 0.05, "lr": 1e-5, "penalty": 0.0}
# What is changed, by what was done and to which training, and the diseases any of which is a hit.
ILL: dict[str, tuple[dict[str, dict[str, Any]], set[str]]] = {
    "a learning rate far too high": (
        {name: {"lr": 0.5 if name.endswith("GAN") else 1.0} for name in RUNS},
        {"explosion", "not_finite", "generator_collapse"},
    ),
    "a critic far too strong": (
        {"digits, GAN": STRONG, "cancer, GAN": STRONG},
        {"critic_won"},
    ),
    "a critic that does not learn": (
        {"digits, GAN": {"critic_lr": 1e-7}, "cancer, GAN": {"critic_lr": 1e-7}},
        {"critic_stopped"},
    ),
    "a critic with few records": (
        {"digits, GAN": {"validation": 0.9, "epochs": 800}},
        {"critic_memorizes"},
    ),
    "few rows seen 400 times": (
        {"cancer, VAE": {"most_epochs": 400, "records_seen": 200_000}},
        {"copying"},
    ),
    "a rate weighted 100 times": (
        {"digits, VAE": {"rate_weight": 100.0}, "cancer, VAE": {"rate_weight": 100.0, "free_bits": 0.0}},
        {"posterior_collapse"},
    ),
    "a penalty that outweighs the rest": (
        {"digits, GAN": {"penalty": 1e5, "critic_norm": "none"}, "cancer, GAN": {"penalty": 1e5}},
        {"critic_stopped", "explosion", "not_finite"},
    ),
    "a penalty that overflows": (
        {"digits, GAN": {"penalty": 1e38, "critic_norm": "none"}, "cancer, GAN": {"penalty": 1e38}},
        {"not_finite"},
    ),
}  # fmt: skip


class Follower:
    """Notes what the doctor finds."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.found: dict[str, int] = {}

    def epoch(self, losses: Row, layers: list[Row], steps: list[Row]) -> None:
        """Look away."""

    def preview(self, epoch: int, path: Path) -> None:
        """Look away."""

    def finding(self, found: Finding) -> None:
        """Note a disease and its epoch."""
        self.found[found.disease] = found.epoch


def diagnose(run: Gan | Vae) -> dict[str, int]:
    """Train a run and return the diseases that were found, with the epoch of each."""
    follower, state = Follower(), WORK / "state_doctor"
    shutil.rmtree(state, ignore_errors=True)
    try:
        train("doctor", run, Path("data/prepared") / run.data, WORK / "doctor", state, follower)
    except GenloopError as stopped:
        print(stopped)
    return follower.found


def row(done: str, name: str, keys: dict[str, Any], hits: set[str] | None, seeds: range) -> tuple[str, ...]:
    """Train with each seed; return a line of the table."""
    run = RUNS[name]
    found = []
    for seed in seeds:
        found.append(diagnose(type(run).model_validate(run.model_dump() | keys | {"seed": seed})))
        print(json.dumps({"done": done, "run": name, "seed": seed, "found": found[-1]}), flush=True)
    all_found = Counter(disease for each in found for disease in each)
    named = ", ".join(f"`{disease}` {count}" for disease, count in sorted(all_found.items())) or "nothing"
    if hits is None:
        return done, name, "", f"{sum(bool(set(each) - {'plateau'}) for each in found)} of {len(seeds)}", named
    return done, name, f"{sum(bool(set(each) & hits) for each in found)} of {len(seeds)}", "", named


def main(seeds: range, only: str) -> None:
    """Print the table."""
    rows = [row("healthy", name, {}, None, seeds) for name in RUNS if only in f"healthy {name}"]
    for done, (cases, hits) in ILL.items():
        rows += [row(done, name, keys, hits, seeds) for name, keys in cases.items() if only in f"{done} {name}"]
    print(table(("what", "training", "hits", "false alarms", "found, in so many trainings"), rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--only", default="", help="words of the cases that are tried")
    choices = parser.parse_args()
    main(range(choices.first, choices.first + choices.seeds), choices.only)
