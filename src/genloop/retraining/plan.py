"""What has to run anew, told from dvc.lock: a fresh clone downloads nothing for it."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genloop.errors import GenloopError
from genloop.masking import describe
from genloop.versions import Lock, parse_lock
from genloop.workspace import git

SCORE = ("train", "sample", "evaluate")  # stages after which a run has other scores
CONFIGURE = "configure"  # its outputs are compared by themselves: they say which later stage a choice concerns
MADE = ("data/weights/", "data/samples/", "data/reference/")  # what stages make of what else has changed
SHOWN = 4  # files that are named as a reason
MISSING = ("deleted", "not in cache")  # of a file that a fresh clone need not have


@dataclass(frozen=True)
class Plan:
    """The stages that DVC would run, and why: the files that changed, those of earlier stages included."""

    stages: Mapping[str, tuple[str, ...]]  # by address, as train@digits_gan, in their order
    inputs: tuple[str, ...]  # outputs of other stages that they read

    def names(self, *kinds: str) -> list[str]:
        """Return the runs, or data sets, of which a stage of these kinds has to run."""
        addresses = (address.partition("@") for address in self.stages)
        return list(dict.fromkeys(name for kind, _, name in addresses if name and kind in kinds))

    def why(self, name: str) -> str:
        """Return in words why a run or data set is made anew."""
        roots = (root for address, found in self.stages.items() if address.endswith(f"@{name}") for root in found)
        return f"changed: {_listed(list(dict.fromkeys(roots)))}"

    def reasons(self) -> dict[str, str]:
        """Return in words why each stage has to run."""
        return {address: f"changed: {_listed(list(roots))}" for address, roots in self.stages.items()}

    def without(self, names: Iterable[str]) -> "Plan":
        """Return the plan without the stages of some runs and data sets."""
        left_out = set(names)
        kept = {key: value for key, value in self.stages.items() if key.partition("@")[2] not in left_out}
        return Plan(kept, self.inputs)


def changed_since(commit: str, plan: Plan, runs: Iterable[str]) -> dict[str, str]:
    """Return the runs that differ from those at a commit, and why: what has to run anew, and what has run since."""
    before, now = parse_lock(git("show", f"{commit}:./dvc.lock") or ""), parse_lock(Path("dvc.lock").read_text())
    found = {}
    for name in runs:
        stages = [f"{kind}@{name}" for kind in SCORE]
        unlike = _used(before, stages) ^ _used(now, stages)
        other = sorted({path for path, _ in unlike if not path.startswith(MADE)})
        if name in plan.names(*SCORE):
            found[name] = plan.why(name)
        elif other:
            found[name] = f"changed: {_listed(other)}"
    return found


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more


def _used(lock: Lock, stages: Iterable[str]) -> set[tuple[str, str]]:
    return {(dep["path"], str(dep.get("md5"))) for stage in stages for dep in lock.get(stage, {}).get("deps", ())}


def make_plan() -> Plan:
    """Compare all stages with dvc.lock. Files that are missing count as what dvc.lock says of them.

    ``data/config`` must hold the present choices, resolved.

    Raises:
        GenloopError: DVC cannot read the project.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # what fails is raised, and told in one line
    try:
        with Repo() as repo, repo.lock:
            return _compared(repo.index.graph)
    except DvcException as error:
        raise GenloopError(f"DVC cannot compare the project with dvc.lock: {describe(error)}") from None


def _compared(graph: Any) -> Plan:
    found: dict[str, tuple[str, ...]] = {}
    inputs: list[str] = []
    for stage, before in _ordered(graph):
        made = {out.fs_path: out for upstream in before for out in upstream.outs}
        earlier = [upstream.addressing for upstream in before if upstream.addressing != CONFIGURE]
        roots = [*_changes(stage, made), *(root for address in earlier for root in found.get(address, ()))]
        if roots:
            found[stage.addressing] = tuple(dict.fromkeys(roots))
            fresh = {out.fs_path for up in before if up.addressing in found for out in up.outs}
            inputs += [str(dep) for dep in stage.deps if dep.fs_path in made and dep.fs_path not in fresh]
    return Plan(found, tuple(dict.fromkeys(inputs)))


def _ordered(graph: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each stage after those that it depends on, and with them; DVC's edges lead to these."""
    waiting = {stage: list(graph.successors(stage)) for stage in graph}
    while waiting:
        for stage in [stage for stage, before in waiting.items() if not any(other in waiting for other in before)]:
            yield stage, waiting.pop(stage)


def _changes(stage: Any, made: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs from dvc.lock in a stage itself."""
    if stage.changed_stage():
        yield f"the command of {stage.addressing}"
    for dependency in stage.deps:
        known = made.get(dependency.fs_path)
        for name, how in dependency.status().items():
            if how not in MISSING or (known is not None and known.hash_info != dependency.hash_info):
                yield str(name)
    for out in stage.outs:
        if any(how not in MISSING for how in out.status().values()):
            yield str(out)
