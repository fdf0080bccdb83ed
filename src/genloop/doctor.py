"""The doctor: from numbers of a training to what ails it, in words. Thresholds were measured: docs/doctor.md."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Vitals = dict[str, float | int]  # what a check found, by name


@dataclass(frozen=True)
class Finding:
    """A disease, seen once."""

    disease: str
    epoch: int  # after which it was seen, or in which the training broke
    step: int  # of the whole training
    seen: str
    remedy: str

    @property
    def line(self) -> str:
        """The finding in one line for people."""
        return f"{self.disease} at epoch {self.epoch}, step {self.step}: {self.seen}; try {self.remedy}"

    def state(self) -> dict[str, Any]:
        """Return what ``training.json`` says of the finding."""
        return asdict(self)


REMEDIES = {
    "generator_collapse": "a lower lr, a penalty (penalty: 1 with critic_norm: none), or another seed",
    "critic_won": "a lower critic_lr, a larger penalty, or augment: adaptive",
    "critic_memorizes": "augment: adaptive, a larger penalty, fewer epochs, or more records",
    "critic_stopped": "a smaller penalty, a higher critic_lr, or a lower lr",
    "copying": "fewer epochs, more records, or less width; weights from before it are kept, if there are any",
    "posterior_collapse": "rate_weight: 1 or lower, rate_warmup: 0.3, or free_bits",
    "explosion": "a lower lr, lr_warmup: 0.1, or a smaller penalty",
    "not_finite": "a lower lr, lr_warmup: 0.1, or a smaller penalty",
    "plateau": "fewer epochs or patience, or, where the figure is not good enough, more width or more records",
}


def finding(disease: str, epoch: int, step: int, seen: str) -> Finding:
    """Return a finding with what to try."""
    return Finding(disease, epoch, step, seen, REMEDIES[disease])


@dataclass(frozen=True)
class Sign:
    """What a disease looks like in the numbers of a check."""

    disease: str
    needs: tuple[str, ...]  # numbers that it is told by
    shows: Callable[[Vitals], bool]
    told: str  # a format of these numbers
    course: Callable[[Sequence[Vitals]], bool] = lambda checks: True  # that the checks take besides


CONFIRMED = 2  # checks in a row that must show a sign
VARIED = 0.5  # of the variety of records, below which a generator has collapsed
TOLD, HARDLY, UNTOLD = 0.98, 0.75, 0.65  # share of pairs of a record and a fake that a critic ranks rightly
BY_HEART = 0.8  # of the way from records it learned from to fakes that a critic sees other records
SURE = 8.0  # deviation of a critic's verdicts, in logits
# Kernel distance of fakes that are not good, of fakes that anyone can tell, and of fakes that are nothing like records.
APART, FAR, HOPELESS = 0.1, 1.0, 10.0
STUCK = 3  # checks over which a generator that learns comes nearer by a tenth, and after which it is not hopeless


def _stays(checks: Sequence[Vitals]) -> bool:
    """Return whether variety is not on its way up, as that of a generator that has only begun."""
    before, now = checks[-CONFIRMED:]
    return all(now[name] <= 1.1 * before[name] or now[name] > VARIED for name in ("diversity", "nearest"))


def _is_stuck(checks: Sequence[Vitals]) -> bool:
    if len(checks) <= STUCK or "kernel_distance" not in checks[-1 - STUCK]:
        return False
    now = checks[-1]["kernel_distance"]
    return now > HOPELESS or (now > APART and now > 0.9 * checks[-1 - STUCK]["kernel_distance"])


SIGNS = (
    Sign(
        "generator_collapse",
        ("diversity", "nearest"),
        lambda v: v["diversity"] < VARIED or v["nearest"] < VARIED,
        "fakes vary {diversity:.2f} times as much as records, the nearest other is {nearest:.2f} times as far",
        _stays,
    ),
    Sign(
        "critic_won",
        ("told_learned", "spread", "kernel_distance"),
        lambda v: v["told_learned"] > TOLD and v["spread"] > SURE,
        "the critic tells {told_learned:.1%} of records from fakes, by {spread:.3g} logits, and fakes get no better",
        _is_stuck,
    ),
    Sign(
        "critic_memorizes",
        ("told", "told_learned", "memorized"),
        lambda v: v["told_learned"] > TOLD and v["told"] < HARDLY and v["memorized"] > BY_HEART,
        "the critic tells {told_learned:.1%} of the records it learns from, and {told:.1%} of others, from fakes",
    ),
    Sign(
        "critic_stopped",
        ("told_learned", "spread", "kernel_distance"),
        lambda v: v["told_learned"] < UNTOLD and v["kernel_distance"] > FAR,
        "the critic tells {told_learned:.1%} of records from fakes that are far away, verdicts differ by {spread:.2g}",
    ),
    Sign(
        "copying",
        ("copied", "copied_low"),
        lambda v: v["copied_low"] > 0,
        "{copied:.1%} of fakes repeat a training record, beyond what honest records do",
    ),
    Sign(
        "posterior_collapse",
        ("active", "rate"),
        lambda v: v["active"] < 1,
        "no latent varies with the record, the rate is {rate:.2g} nats",
    ),
)


def examine(checks: Sequence[Vitals]) -> dict[str, str]:
    """Return the diseases that the last checks show, each with what was seen."""
    found, last = {}, checks[-CONFIRMED:]
    for sign in SIGNS:
        known = len(last) == CONFIRMED and all(need in check for check in last for need in sign.needs)
        if known and all(map(sign.shows, last)) and sign.course(checks):
            found[sign.disease] = sign.told.format(**last[-1])
    return found


def plateau(figures: Sequence[float], gainless: int, planned: int, patience: int | None) -> bool:
    """Return whether too many checks have passed without a gain, by their figures, of which more is better.

    That is ``patience``; without it, half of those planned, if the later half of these was no better than the earlier.
    """
    if patience is not None:
        return gainless >= patience
    half = gainless // 2
    return gainless >= max(planned / 2, STUCK) and (
        statistics.fmean(figures[-half:]) <= statistics.fmean(figures[-2 * half : -half])
    )
