"""Checks while training: the weights that are best on validation records are kept."""

import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from genloop.doctor import Vitals
from genloop.held_out import Plan
from genloop.validation import Check

NOISE = 2.0  # standard errors by which a figure must be worse to count as worse
Tensors = dict[str, dict[str, Tensor]]  # of each network, by name


class Checks(Callback):
    """Takes the figure of the sampled networks at planned epochs and keeps the weights that are best by it.

    Of weights whose figures differ by less than the noise of their difference, the last are kept: a training gets
    better with time, and the best of many noisy figures is often just a lucky one. Weights that repeat training records
    are kept only as long as there are no others, and then the first of them.
    """

    def __init__(self, figure: str, plan: Plan, examine: Callable[[Any], Check] | None, patience: int | None) -> None:
        """Take what checks a system, which only the first of several devices needs."""
        self.figure, self.plan, self.examine, self.patience = figure, plan, examine, patience
        self.checks: list[Vitals] = []
        self.figures: list[float] = []  # of these checks; more is better
        self.kept: Tensors = {}
        self.kept_copies = False
        self.kept_epoch = self.best_epoch = 0
        self.best = float("-inf")
        self.best_parts: tuple[Tensor, ...] = ()

    def on_train_start(self, trainer: lightning.Trainer, system: Any) -> None:
        """Stop again, where a resumed training had been about to stop."""
        trainer.should_stop = trainer.should_stop or self._is_enough()

    def on_train_epoch_end(self, trainer: lightning.Trainer, system: Any) -> None:
        """Check; all devices wait for the first, and stop together."""
        epoch = trainer.current_epoch + 1
        if epoch in self.plan.epochs:
            self._check(epoch, system)
            trainer.should_stop = trainer.should_stop or trainer.strategy.broadcast(self._is_enough())

    @rank_zero_only
    def _check(self, epoch: int, system: Any) -> None:
        assert self.examine is not None
        check = self.examine(system)
        self.checks.append({"epoch": epoch, **check.vitals})
        self.figures.append(check.figure if math.isfinite(check.figure) else -math.inf)
        if not math.isfinite(check.figure) or (check.copies and self.kept):
            return
        if self.kept_copies:
            self.best = -math.inf
        if check.figure > self.best:
            self.best, self.best_epoch, self.best_parts = check.figure, epoch, check.parts
        if epoch == self.best_epoch or self.best - check.figure < NOISE * check.noise_against(self.best_parts):
            self.kept_epoch, self.kept_copies = epoch, check.copies
            self.kept = {name: _copied(network) for name, network in system.sampled.items()}

    def _is_enough(self) -> bool:
        return self.patience is not None and self.gainless >= self.patience

    @property
    def gainless(self) -> int:
        """Checks since the best figure, those that copy among them, however good theirs are."""
        return sum(check["epoch"] > self.best_epoch for check in self.checks)

    def at(self, epoch: int) -> Vitals:
        """Return what was found after an epoch; nothing, where nobody checked."""
        return self.checks[-1] if self.checks and self.checks[-1]["epoch"] == epoch else {}

    def state_dict(self) -> dict[str, Any]:
        """Return figures and kept weights, for resuming."""
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from saved ones."""
        for name in STATE:
            setattr(self, name, state_dict[name])


STATE = ("checks", "figures", "kept", "kept_copies", "kept_epoch", "best_epoch", "best", "best_parts")


def _copied(network: Any) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
