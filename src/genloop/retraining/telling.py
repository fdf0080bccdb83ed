"""What two trials of the same runs came to, run by run: scores side by side, pictures, and what is to be known."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from genloop.comparison import Entry
from genloop.deliveries.overlap import overlap
from genloop.errors import GenloopError
from genloop.illustrations import Illustration
from genloop.report.facts import ReportFacts, read_training
from genloop.report.page import samples_of, verdict
from genloop.retraining.against import Sides, compared
from genloop.retraining.beside import draw_curves
from genloop.retraining.budget import epochs_for
from genloop.retraining.trial import BASE, HEAD, Trial
from genloop.summary import known_runs


class Telling:
    """What is told of two trials, run by run."""

    def __init__(self, now: Trial, before: Trial, seen: Mapping[str, int], folder: Path, later: Path) -> None:
        """Take the trials, the records that each run saw, the folder to fill, and how it will be called."""
        self.now, self.before, self.seen, self.folder, self.later = now, before, seen, folder, later
        self.scores: list[str] = []
        self.pictures: dict[str, list[Illustration]] = {}
        self.notes: list[str] = []
        self.faults: list[str] = []
        self.weights: dict[str, dict[str, str]] = {}

    def add(self, name: str) -> None:
        """Tell a run."""
        now, before = self.now.entry(name), self.before.entry(name)
        if now is None:
            why = self.now.faults.get(name, f"{self.now.label} has no such run")
            self.faults.append(f"{name}: {why}")
            return
        self._note(name, now)
        if before is None and name in self.before.faults:
            self.notes.append(f"{name}: {self.before.label} could not be trained: {self.before.faults[name]}")
        trials = [self.before, self.now] if before else [self.now]
        self.pictures[name] = self._pictures(name, trials)
        self.weights[name] = {HEAD: now.identity["weights"]} | ({BASE: before.identity["weights"]} if before else {})
        modality = known_runs(self.now.folder)[name]["modality"]
        if before is not None:
            before = self._fairly(name, modality, before)
        self.scores += [*compared(now, before, modality, Sides(BASE, HEAD, self.before.label)), ""]

    def _fairly(self, name: str, modality: str, before: Entry) -> Entry:
        """Return the scores of the base's weights, taken as those here were."""
        before_hashes, hashes = self.before.scoring(name), self.now.scoring(name)
        if before_hashes == hashes:
            return before
        try:
            entry = self.now.score(name, self.before.folder / "weights" / name)
        except GenloopError as error:
            how = f"could not be scored as those of {self.now.label} ({error}), so each side has its own scoring"
            self.notes.append(f"{name}: the weights of {self.before.label} {how}")
            return before
        how = f"so the weights of {self.before.label} were scored as those of {self.now.label}"
        self.notes.append(f"{name}: data or scoring changed, {how}")
        prepared = f"data/prepared/{self.now.data[name]}"
        if before_hashes.get(prepared) != hashes[prepared]:
            folders = (trial.folder / "prepared" / trial.data[name] for trial in (self.before, self.now))
            told = overlap(modality, *folders).told_of("the base")
            self.notes.append(f"{name}: the data changed: {told}")
        return entry

    def _note(self, name: str, now: Entry) -> None:
        """Tell how long a run trained, and whether anything is amiss with it."""
        length, folder = self.now.lengths[name], self.now.folder
        epochs = epochs_for(self.seen[name], length.records)
        self.notes.append(
            f"{name}: {epochs * length.records:,} records seen, {epochs:,} times all training records; "
            f"{length.seen:,} in the whole training"
        )
        facts = ReportFacts(
            name,
            {},
            now.metrics,
            folder / "weights" / name,
            folder / "samples" / name,
            training=read_training(folder / "weights" / name),
        )
        self.notes.append(f"{name}: {verdict(facts)[1]}")

    def _pictures(self, name: str, trials: Sequence[Trial]) -> list[Illustration]:
        """Copy reports and pictures of a run, and return the pictures as they will be called."""
        place = self.folder / name
        place.mkdir()
        found = []
        for trial in trials:
            shutil.copy(trial.folder / "reports" / name / "report.html", place / f"{trial.word}.html")
            for sample in samples_of(trial.folder / "samples" / name)[:1]:
                shutil.copy(sample.path, place / f"{trial.word}.png")
                found.append(
                    Illustration(f"{sample.title}, {trial.label}", place / f"{trial.word}.png", sample.caption)
                )
        try:
            curves = draw_curves(name, trials, place / "curves.png")
            found.append(Illustration("Curves", curves, "Over the records seen, both sides in one."))
        except GenloopError as error:
            self.notes.append(f"{name}: no curves of both sides: {error}")
        return [picture._replace(path=self.later / picture.path.relative_to(self.folder)) for picture in found]
