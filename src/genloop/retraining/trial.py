"""Some runs of a commit, trained for a short while in a worktree of their own."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from genloop.comparison import Entry, read_metrics
from genloop.errors import GenloopError
from genloop.masking import mask_secrets
from genloop.retraining.budget import Length, keep_runs, length_of, shorten
from genloop.retraining.heard import Heard
from genloop.versions import METRICS, Lock, hash_in, parse_lock
from genloop.workspace import git
from genloop.worktree import Worktree

SCORING = "sample", "evaluate"


class Trial:
    """Runs at a commit; what fails is known by run, and keeps no other run from being trained."""

    def __init__(self, tree: Worktree, word: str) -> None:
        """Take a worktree, and what people call it: base or head."""
        self.tree, self.word = tree, word
        self.commit = tree.recipe.changes.commit
        self.data: dict[str, str] = {}  # of each run that it has
        self.lengths: dict[str, Length] = {}
        self.faults: dict[str, str] = {}
        self.heard = Heard()

    @property
    def label(self) -> str:
        """The word with the commit."""
        changed = " with changes" if self.tree.recipe.changes.patch else ""
        return f"{self.word} {self.commit[:7]}{changed}"

    @property
    def folder(self) -> Path:
        """Where the outputs of its stages are."""
        return self.tree.folder / "data"

    @property
    def lock(self) -> Lock:
        """What DVC noted of its stages."""
        path = self.tree.folder / "dvc.lock"
        return parse_lock(path.read_text(encoding="utf-8") if path.exists() else "")

    def prepare(self, names: Sequence[str]) -> None:
        """Leave nothing but the named runs, as far as they are there, and prepare their data."""
        try:
            self.data = keep_runs(self.tree.folder, names)
            self._bring_raw()
            self._bring_made()
        except GenloopError as error:
            self.faults = dict.fromkeys(names, str(error))
        shutil.rmtree(self.tree.folder / METRICS, ignore_errors=True)  # of a full training, at this commit
        self._repro("prepare", dict.fromkeys(self.data[name] for name in self._sound()))
        for name in self._sound():
            if (self.folder / "prepared" / self.data[name] / "report.json").exists():
                self.lengths[name] = length_of(self.tree.folder, name, self.data[name])
            else:
                self.faults[name] = self._why(name)

    def train(self, seen: Mapping[str, int]) -> None:
        """Train, sample and score; ``seen`` says for each run how many records it sees."""
        names = [name for name in self._sound() if name in seen]
        if names:
            shorten(
                self.tree.folder, self.lengths, {name: self.lengths[name].seen for name in self.lengths} | dict(seen)
            )
        self._repro("evaluate", names)
        for name in names:
            if not self.metrics(name).exists():
                self.faults[name] = self._why(name)

    def entry(self, name: str) -> Entry | None:
        """Return the scores of a run, if it came so far."""
        path = self.metrics(name)
        return Entry(name, self.data[name], read_metrics(path.read_text(), path.name)) if path.exists() else None

    def score(self, name: str, weights: Path) -> Entry:
        """Score other weights of a run as its own were, which are gone then.

        Raises:
            GenloopError: they cannot be scored here.
        """
        place, heard = self.folder / "weights" / name, Heard()
        shutil.rmtree(place)
        shutil.copytree(weights, place)
        self.metrics(name).unlink()
        for stage in SCORING:
            if self.tree.follow(heard, "-m", f"stages.{stage}", name):
                raise GenloopError(heard.faults.get("", heard.last))
        entry = self.entry(name)
        assert entry is not None
        return entry

    def scoring(self, name: str) -> dict[str, str]:
        """Return the hashes of all that the scores of a run depend on, beside its weights."""
        lock, own = self.lock, (f"data/weights/{name}", f"data/samples/{name}")
        deps = [dep for stage in SCORING for dep in lock[f"{stage}@{name}"]["deps"]]
        return {dep["path"]: dep.get("md5", "") for dep in deps if dep["path"] not in own}

    def metrics(self, name: str) -> Path:
        """Return where the scores of a run stand."""
        return self.tree.folder / METRICS / f"{name}.json"

    def _sound(self) -> list[str]:
        return [name for name in self.data if name not in self.faults]

    def _repro(self, stage: str, names: Iterable[str]) -> None:
        targets = [f"{stage}@{name}" for name in names]
        if targets:
            self.tree.follow(self.heard, "-m", "dvc", "repro", "--keep-going", *targets)

    def _why(self, name: str) -> str:
        """Return why a run was not made: the last word of the stage that failed."""
        data = self.data[name]
        stages = "configure", f"prepare@{data}", f"reference@{data}", *(f"{s}@{name}" for s in ("train", *SCORING))
        told = next((self.heard.faults[stage] for stage in stages if stage in self.heard.faults), self.heard.last)
        return mask_secrets(told)

    def _bring_raw(self) -> None:
        """Have the raw data: what DVC has is brought, and what nobody has yet is copied; what Git has is there."""
        for name in dict.fromkeys(self.data.values()):
            place = f"data/raw/{name}"
            if self.word == HEAD and git("status", "--porcelain", "--", place, f"{place}.dvc"):
                self._copy(place)
            elif not (self.tree.folder / place).exists() and self.tree.dvc("checkout", place).returncode:
                pulled = self.tree.dvc("pull", place)
                if pulled.returncode:
                    reason = mask_secrets(" ".join(pulled.stderr.split()))[:300]
                    raise GenloopError(f"{place} is neither in Git nor in DVC's cache or remote ({reason})")

    def _bring_made(self) -> None:
        """Have what this commit made of its data where DVC's cache has it; else it is made anew."""
        lock, names = self.lock, dict.fromkeys(self.data.values())
        places = [f"data/{kind}/{name}" for name in names for kind in ("prepared", "reference")]
        if known := [place for place in places if hash_in(lock, place)]:
            self.tree.dvc("checkout", *known)

    def _copy(self, place: str) -> None:
        """Copy raw data that are not committed."""
        shutil.rmtree(self.tree.folder / place, ignore_errors=True)
        if Path(place).is_dir():
            shutil.copytree(place, self.tree.folder / place)
        if (noted := Path(f"{place}.dvc")).exists():
            shutil.copy(noted, self.tree.folder / noted)


BASE, HEAD = "base", "head"
