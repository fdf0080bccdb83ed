"""Whether what is new in a data set can be trained on."""

from pathlib import Path

from genloop import plugins
from genloop.deliveries.choices import Drift
from genloop.deliveries.findings import Compared, Delivery, Finding, judge
from genloop.errors import GenloopError

__all__ = ["Delivery", "Finding", "check_delivery"]


def check_delivery(data: str, modality: str, before: Path, now: Path, drift: Drift) -> Delivery:
    """Compare the records of ``now`` that are not in ``before`` with those of ``before``, both prepared folders.

    A record is what it holds: its place, its split and the name of its file are none of it. Only new records are
    tested, against all known ones, so that a small broken batch is not lost in a large data set. Memory is bounded:
    each record takes eight bytes, and a few thousand are looked at.

    Raises:
        GenloopError: a folder is damaged, or ``drift.moving`` names what there is not.
    """
    found = plugins.delivery(modality).compare(before, now, drift)
    unknown = sorted(set(drift.moving) - set(found.names))
    if unknown:
        told = f"there is nothing called '{unknown[0]}' that could move"
        raise GenloopError(f"gate.{data}.drift.moving: {told}; there are {', '.join(found.names)}")
    findings = (*_broken_off(found, drift), *found.findings, *judge(found.trials, drift))
    return Delivery(data, found.new, found.gone, findings)


def _broken_off(found: Compared, drift: Drift) -> list[Finding]:
    """Return that records are lost, if they are."""
    if found.now >= drift.fewer * found.known:
        return []
    told = f"{found.now:,} are left of {found.known:,}; limit of fewer: {drift.fewer:g} of them"
    return [Finding("records", told, broken=True)]
