"""The doctor at work: it follows the steps, epochs and checks of a training and reports each disease once."""

import sys
from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only
from tqdm import tqdm

from genloop.autopsy import broken_layer
from genloop.devices import process_rank
from genloop.doctor import Finding, examine, finding, plateau
from genloop.explosion import Usual, exploded
from genloop.observing import Curves, Observer, Row
from genloop.system import NotFinite
from genloop.watching import Checks


class Doctor(Callback):
    """Judges at the end of each epoch; comes after the curves and the checks that it reads."""

    def __init__(self, name: str, steps: int, curves: Curves, checks: Checks | None, observer: Observer) -> None:
        self.name, self.steps, self.curves, self.checks, self.observer = name, steps, curves, checks, observer
        self.findings: list[Finding] = []
        self.usual = Usual()

    @rank_zero_only
    def on_train_epoch_end(self, trainer: lightning.Trainer, system: Any) -> None:
        """Look at the steps of the epoch and, where there was one, at the check."""
        epoch = trainer.current_epoch + 1
        self._look_at_steps(epoch, system)
        checks = self.checks
        if checks is not None and checks.at(epoch):
            for disease, seen in examine(checks.checks).items():
                self.report(finding(disease, epoch, epoch * self.steps, seen))
            if plateau(checks.figures, checks.gainless, len(checks.plan.epochs), checks.patience):
                seen = f"{checks.figure} on validation records has not gained for {checks.gainless} checks"
                self.report(finding("plateau", epoch, epoch * self.steps, f"{seen}, since epoch {checks.best_epoch}"))

    def report(self, found: Finding) -> None:
        """Tell a disease, once, to the person, to the observer and to the outputs."""
        if any(known.disease == found.disease for known in self.findings):
            return
        self.findings.append(found)
        self.observer.finding(found)
        if process_rank() == 0:
            tqdm.write(f"genloop: {self.name}: {found.line}", file=sys.stderr)

    def dissect(self, failure: NotFinite, system: Any) -> Finding:
        """Report numbers that are not finite, and where they broke; return the finding."""
        epoch, step = failure.epoch + 1, failure.epoch * self.steps + failure.batch.step + 1
        seen = f"the {failure.network}'s loss or gradient is not finite, first in the layer"
        found = finding("not_finite", epoch, step, f"{seen} {broken_layer(system, failure)}")
        self.report(found)
        return found

    def _look_at_steps(self, epoch: int, system: Any) -> None:
        values: dict[str, list[tuple[int, float]]] = {}
        for step in system.steps_seen:
            values.setdefault(f"{step.network} loss", []).append((step.step, step.loss))
            values.setdefault(f"{step.network} gradient", []).append((step.step, step.slope))
        if peak := exploded(self.usual.look(values)):
            step = (epoch - 1) * self.steps + peak.step + 1
            seen = f"the {peak.what} was {peak.value:.3g}, {peak.times:,.0f} times the usual; "
            seen += f"the largest gradient is at {steepest(self.curves.layers, epoch)}"
            self.report(finding("explosion", epoch, step, seen))

    def state_dict(self) -> dict[str, Any]:
        """Return what has been found and what is usual, for resuming."""
        findings = [found.state() for found in self.findings]
        return {"findings": findings, "firsts": self.usual.firsts, "medians": self.usual.medians}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from saved ones."""
        self.findings = [Finding(**found) for found in state_dict["findings"]]
        self.usual.firsts, self.usual.medians = state_dict["firsts"], state_dict["medians"]


def steepest(layers: list[Row], epoch: int) -> str:
    """Return the layer with the largest gradient at the end of an epoch."""
    slopes = (row for row in reversed(layers) if row["epoch"] == epoch and str(row["part"]).endswith("_gradient"))
    return str(max(slopes, key=lambda row: float(row["norm"]))["layer"])
