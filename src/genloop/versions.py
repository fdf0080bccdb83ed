"""Weights in Git: which commits and experiments hold their scores, and what dvc.lock says there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genloop.workspace import git

METRICS = "data/metrics"
MOST = 20  # commits that are looked at
Lock = Mapping[str, Any]  # the stages of a dvc.lock


@dataclass(frozen=True)
class Version:
    """A commit at which a run has certain weights; without a commit the workspace."""

    run: str
    lock: Lock
    commit: str = ""
    reference: str = ""  # by which it is known, as refs/heads/main or that of an experiment

    @property
    def told(self) -> str:
        """The commit in words."""
        name = self.reference.rpartition("/")[2]
        kind = "experiment" if self.reference.startswith("refs/exps/") else "on"
        return f"{self.commit} ({kind} {name})"


def in_git(weights: str) -> Iterator[Version]:
    """Yield the commits in which the scores of these weights came about, the oldest first, experiments too."""
    listed = git("log", "--all", "--source", f"-S{weights}", "--format=%H %S", "--reverse", "--", METRICS) or ""
    for line in listed.splitlines()[:MOST]:
        commit, _, reference = line.partition(" ")
        for found in (git("grep", "-l", "-F", weights, commit, "--", METRICS) or "").splitlines():
            lock = parse_lock(git("show", f"{commit}:./dvc.lock") or "")
            yield Version(Path(found).stem, lock, commit, reference)


def metrics_at(commit: str, name: str) -> str | None:
    """Return what ``evaluate`` wrote of a run, as a commit has it."""
    return git("show", f"{commit}:./{METRICS}/{name}.json")


def in_workspace(weights: str) -> Version | None:
    """Return the run of the workspace that has these weights, if any."""
    for path in sorted(Path(METRICS).glob("*.json")):
        if weights in path.read_text(errors="replace"):
            lock = Path("dvc.lock")
            return Version(path.stem, parse_lock(lock.read_text() if lock.exists() else ""))
    return None


def parse_lock(text: str) -> Lock:
    """Return the stages of a dvc.lock; none of one that is damaged."""
    try:
        stages = yaml.CSafeLoader(text).get_single_data()["stages"]  # of plain values, like safe_load, but by libyaml
    except (yaml.YAMLError, TypeError, KeyError, ValueError):
        return {}
    return stages if isinstance(stages, dict) else {}


def hash_in(lock: Lock, path: str) -> str | None:
    """Return DVC's hash of a stage's output, if the lock knows it."""
    for stage in lock.values():
        for out in stage.get("outs", ()):
            if out["path"] == path:
                return out.get("md5")
    return None
