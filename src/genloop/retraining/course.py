"""What a retraining is asked for, and what it has found and done so far."""

from dataclasses import dataclass, field
from typing import Literal

from genloop.deliveries.check import Delivery
from genloop.retraining.cases import Case, Judged
from genloop.retraining.heard import Heard
from genloop.retraining.plan import Plan
from genloop.retraining.publishing import Publishing
from genloop.retraining.repository import Repository
from genloop.tracking.decision import Decision


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    publish: Literal["none", "propose", "push"] = "none"
    remote: str = "origin"
    branch: str = "genloop/retrained"
    target: str = "main"
    accept: tuple[str, ...] = ()
    update: bool = False
    dry_run: bool = False
    wait: float = 300.0
    lease: float = 180.0

    @property
    def publishing(self) -> Publishing | None:
        """Where results go."""
        if self.publish == "none":
            return None
        return Publishing(Repository(self.remote), self.target, self.branch, direct=self.publish == "push")


@dataclass
class Course:
    """What a retraining has found and done so far; of one that fails half-way the summary tells just this."""

    base: str = "HEAD"  # the commit that it began at, before its own
    plan: Plan = field(default_factory=lambda: Plan({}, ()))
    unrecorded: tuple[str, ...] = ()
    undecided: tuple[Case, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    heard: Heard = field(default_factory=Heard)
    judged: tuple[Judged, ...] = ()
    decided: tuple[Decision, ...] = ()
    commit: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """The data sets whose new data nothing is trained on."""
        return [delivery.data for delivery in self.deliveries if delivery.broken]

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.plan.stages or self.unrecorded or self.undecided)
