"""From what people type to runs whose weights lie in a folder; what had to be fetched is gone afterwards."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from genloop.errors import GenloopError
from genloop.references.reference import Origin, Reference, read_reference
from genloop.references.revisions import commits_of, data_hash, fetch_weights, holding_commit, runs_at
from genloop.summary import known_runs
from genloop.tracking.lookup import Logbook, Logged
from genloop.versions import metrics_at
from genloop.workspace import git

DATA = Path("data")


@dataclass(frozen=True)
class Here:
    """A run in the workspace."""

    name: str

    @property
    def label(self) -> str:
        """Its name."""
        return self.name


@dataclass(frozen=True)
class At:
    """A run as a commit has it."""

    name: str
    revision: str
    commit: str

    @property
    def label(self) -> str:
        """As people write it."""
        return f"{self.name}@{self.revision}"


Place = Here | At | Logged


@contextmanager
def found_runs(words: Sequence[str], logbook: Logbook) -> Iterator[list[Reference]]:
    """Give the runs that words stand for, in their order.

    A word is a run's name in the workspace, an MLflow run (name, id, or how that begins),
    ``name@revision`` with a Git revision or the name of an experiment, or just a revision or experiment: that stands
    for the runs that the other words name, as it has them, or for all that it has.

    Raises:
        GenloopError: a word stands for nothing, or for several things, or what it stands for is gone.
    """
    places = find_places(words, logbook)
    labels = [place.label for place in places]
    for label in labels:
        if labels.count(label) > 1:
            raise GenloopError(f"{label}: is named twice; name each run once")
    with tempfile.TemporaryDirectory(prefix="genloop-") as fetched:
        yield [_opened(place, logbook, Path(fetched) / str(number)) for number, place in enumerate(places)]


def find_places(words: Sequence[str], logbook: Logbook) -> list[Place]:
    """Return where the runs are that words stand for; nothing is fetched.

    Raises:
        GenloopError: a word stands for nothing, or for several things.
    """
    known = [(word, _find(word, logbook)) for word in words]
    named = list(dict.fromkeys(place.name for _, place in known if not isinstance(place, str)))
    places: list[Place] = []
    for word, place in known:
        places += [place] if not isinstance(place, str) else _all_at(word, place, named)
    return places


def _find(word: str, logbook: Logbook) -> Place | str:
    """Return where a run is; the commit, if the word is just a revision."""
    if _is_here(word):
        return Here(word)
    name, _, revision = word.partition("@")
    if name and revision and not revision.startswith("{"):  # as in master@{1}
        if commit := _one_commit(word, revision):
            return _all_at(revision, commit, [name])[0]
        raise GenloopError(f"{word}: there is neither a Git revision nor an experiment '{revision}'")
    logged = logbook.named(word)
    commits = commits_of(word)
    meant = [f"MLflow run {run.run_id}" for run in logged] + [f"{kind} ({sha[:7]})" for sha, kind in commits.items()]
    if len(meant) > 1:
        raise GenloopError(f"{word}: may be {' or '.join(meant)}; write the whole id, or NAME@COMMIT")
    if logged:
        return logged[0]
    if commits:
        return next(iter(commits))
    raise GenloopError(_nothing(word, logbook))


def _is_here(word: str) -> bool:
    if (DATA / "weights" / word / "run.json").exists() and "/" not in word:
        return True
    if word in (known_runs(DATA) if (DATA / "config" / "runs.json").exists() else {}):
        raise GenloopError(f"{word}: is not trained yet; run 'dvc repro' or 'dvc pull' first")
    return False


def _nothing(word: str, logbook: Logbook) -> str:
    path = DATA / "config" / "runs.json"
    names = f"params.yaml has {', '.join(known_runs(DATA)) or 'none'}" if path.exists() else f"{path} is missing"
    beside = "; it is no Git revision or experiment either"
    if logbook.failure is not None:
        return f"{word}: no such run; {names}{beside}, and MLflow cannot be asked for it ({logbook.failure})"
    return f"{word}: no such run; {names}{beside}, and no name or id of a run in MLflow"


def _one_commit(word: str, revision: str) -> str | None:
    commits = commits_of(revision)
    if len(commits) > 1:
        meant = " or ".join(f"{kind} ({sha[:7]})" for sha, kind in commits.items())
        raise GenloopError(f"{word}: '{revision}' may be {meant}; write the commit instead")
    return next(iter(commits), None)


def _all_at(revision: str, commit: str, names: Sequence[str]) -> list[Place]:
    """Return the named runs that a commit has, or all of them if none is named."""
    scored = runs_at(commit)
    chosen = [name for name in names if name in scored] if names else scored
    if not chosen:
        told = f"has no scores of {', '.join(names)}" if names else "has no scores of any run"
        raise GenloopError(f"{revision}: that revision {told}; it has {', '.join(scored) or 'none'} in data/metrics")
    return [At(name, revision, commit) for name in chosen]


def _opened(place: Place, logbook: Logbook, fetched: Path) -> Reference:
    """Return a run with its weights; ``fetched`` is where they are brought to if they are not in the workspace."""
    if isinstance(place, Logged):
        return _from_mlflow(place, logbook, fetched)
    found = _from_workspace(place) if isinstance(place, Here) else _from_commit(place, fetched)
    logged = logbook.holding(found.name, found.data, found.weights_hash)
    return replace(found, origin=replace(found.origin, mlflow=logged.run_id if logged else None))


def _from_workspace(place: Here) -> Reference:
    metrics, lock = DATA / "metrics" / f"{place.name}.json", Path("dvc.lock")
    if not metrics.exists():
        raise GenloopError(f"{place.name}: is not scored yet ({metrics} is missing); run 'dvc repro'")
    found = read_reference(place.label, place.name, DATA / "weights" / place.name, metrics.read_text(), Origin())
    held = data_hash(lock.read_text(), found.data) if lock.exists() else None
    return replace(found, origin=Origin(holding_commit(place.name, found.weights_hash), data_hash=held))


def _from_commit(place: At, fetched: Path) -> Reference:
    fetch_weights(place.label, place.commit, place.name, fetched)
    metrics = metrics_at(place.commit, place.name) or ""
    found = read_reference(place.label, place.name, fetched, metrics, Origin(place.commit))
    held = data_hash(git("show", f"{place.commit}:./dvc.lock") or "", found.data)
    return replace(found, origin=Origin(place.commit, data_hash=held))


def _from_mlflow(logged: Logged, logbook: Logbook, fetched: Path) -> Reference:
    if logged.weights is None:
        raise GenloopError(f"{logged.label}: MLflow run {logged.run_id} holds no weights, its training came to no end")
    fetched.mkdir()
    logbook.fetch(logged, fetched)
    metrics = fetched / "metrics" / f"{logged.name}.json"
    if not metrics.exists():
        raise GenloopError(f"{logged.label}: MLflow run {logged.run_id} has no scores; run 'python -m genloop sync'")
    origin = Origin(logged.commit, logged.changed, logged.data_hash, logged.run_id)
    return read_reference(logged.label, logged.name, fetched / "weights", metrics.read_text(), origin)
