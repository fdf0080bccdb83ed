"""From a generated file back to all that it came from: run, choices, commit, data, the run in MLflow, the weights."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from genloop.config import Train
from genloop.errors import GenloopError, printable
from genloop.identity import hash_weights
from genloop.marking import Mark, is_hash, read_mark
from genloop.reading import read_json
from genloop.report.numbers import flat
from genloop.versions import Version, hash_in, in_git, in_workspace
from genloop.workspace import environment_without

MANIFEST = "manifest.json"
UNMARKED = (".npz", ".csv", ".json")  # of samples, beside whose manifest they lie
REQUIRED = ("data", "modality", "family")  # of a run's choices
Line = tuple[str, str]


def identify(path: Path) -> Mark:
    """Return the identity of a file of a run: its mark, or what the manifest of the samples beside it says.

    Raises:
        GenloopError: it has none.
    """
    manifest = path.with_name(MANIFEST)
    if path.suffix not in UNMARKED or not path.is_file() or not manifest.is_file():
        return read_mark(path)
    stated = read_json(manifest)
    try:
        weights, seed, count = (stated.pop(key) for key in ("weights", "seed", "count"))
        asked = {key: value for key, value in stated.items() if value}
        if not is_hash(weights):
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise GenloopError(f"{manifest}: is no manifest of samples; trace a PNG or Parquet file instead") from None
    return Mark("", weights, seed, count, asked)


def trace(path: Path) -> Iterator[Line]:
    """Yield what is known of a file, each with its name; what cannot be found is said as well.

    Raises:
        GenloopError: the file carries no identity.
    """
    mark = identify(path)
    here, versions = in_workspace(mark.weights), list(in_git(mark.weights))
    known = [here] * (here is not None) + versions
    version = next((found for found in known if found and mark.run in ("", found.run)), known[0] if known else None)
    mark = mark if mark.run else replace(mark, run=version.run if version else "")
    yield "run", mark.run or "not named in the manifest"
    yield "weights", mark.weights
    yield "drawn", f"{mark.count:,} records, seed {mark.seed}"
    yield "asked", _listed(flat(mark.asked)) or "nothing"
    yield "choices", _choices(mark)
    yield "data", _data(mark, version)
    for found in versions:
        yield "commit", found.told
    if not versions:
        yield "commit", "not found: no commit here holds scores of these weights; 'git fetch' brings those of others"
    yield from _in_mlflow(mark.weights)
    yield "to be had", _places(mark, here, version)


def _choices(mark: Mark) -> str:
    if not mark.choices:
        return "not in the file; the run has them"
    try:
        required = {key: mark.choices.get(key) for key in REQUIRED}
        defaults = flat(TypeAdapter(Train).validate_python(required).model_dump(mode="json"))
    except ValidationError:  # of another version, or of none
        defaults = {}
    own = {key: value for key, value in flat(mark.choices).items() if defaults.get(key) != value}
    return _listed(own) or "all by default"


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _data(mark: Mark, version: Version | None) -> str:
    """Return the data set's name and DVC's hash of what the training read."""
    if version is None:
        return f"{mark.choices.get('data', 'not named')}, whose hash only a commit with these weights has"
    used = version.lock.get(f"train@{version.run}", {}).get("deps", ())
    found = {dep["path"]: dep.get("md5") for dep in used if dep["path"].startswith("data/prepared/")}
    told = (f"{path.rpartition('/')[2]}, DVC hash {md5} of {path}" for path, md5 in found.items())
    return next(told, "not found: dvc.lock does not know the training")


def _in_mlflow(weights: str) -> Iterator[Line]:
    from genloop.tracking.lookup import Logbook

    try:
        runs = Logbook().of_weights(weights)
    except GenloopError as error:
        yield "MLflow", f"not found: {error}"
        return
    for run in runs:
        tags: Mapping[str, Any] = run.data.tags
        experiment = tags.get("genloop.experiment")
        told = f", experiment {experiment}" if experiment else ""
        changed = " with changes" if tags.get("genloop.git_changed") == "true" else ""
        commit = f", commit {tags['genloop.git'][:7]}{changed}" if "genloop.git" in tags else ""
        yield "MLflow", f"{run.info.run_id} ({run.info.run_name}, {run.info.status}{commit}{told})"
    if not runs:
        yield "MLflow", "not found: no run there has these weights"


def _places(mark: Mark, here: Version | None, version: Version | None) -> str:
    """Return where the weights are, or how to bring them back."""
    if version is None:
        return "not found: neither the workspace nor a commit here knows these weights; MLflow may keep them"
    folder = f"data/weights/{version.run}"
    file = Path(folder) / "weights.safetensors"
    if here and file.is_file() and hash_weights(file) == mark.weights:
        return f"{folder}, in the workspace"
    md5 = hash_in(version.lock, folder)
    if md5 is None:
        return f"not found: dvc.lock does not know {folder}"
    before = "" if not version.commit else f"git checkout {version.commit[:7]} && "
    if (cache_folder() / "files" / "md5" / md5[:2] / md5[2:]).exists():
        return f"DVC's cache, {md5}: {before}dvc checkout {folder}"
    return f"not in DVC's cache; from its remote, if it was pushed: {before}dvc pull {folder}"


def cache_folder() -> Path:
    """Return the folder of DVC's cache.

    Raises:
        GenloopError: this is no project of DVC.
    """
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment_without("DVC_"))
    if done.returncode:
        raise GenloopError(f"DVC does not say where its cache is ({printable(done.stderr.strip())[:200]})")
    return Path(done.stdout.strip())
