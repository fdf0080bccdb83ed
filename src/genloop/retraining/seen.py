"""Whether a champion was trained on records that it is judged by today."""

import tempfile
from pathlib import Path

from genloop.deliveries.overlap import overlap
from genloop.retraining.arrivals import bring, champions_data
from genloop.tracking.registry import Version
from genloop.versions import hash_in, parse_lock

PREPARED = Path("data/prepared")


def tell_seen(champion: Version, modality: str) -> str | None:
    """Return a line on how many held-out records a champion was trained on; None: its data are those of today, or away.

    Raises:
        GenloopError: a folder of prepared records is damaged.
    """
    now, earlier = PREPARED / champion.data, champions_data(champion)
    lock = parse_lock(Path("dvc.lock").read_text(encoding="utf-8"))
    if earlier is None or earlier.records == hash_in(lock, now.as_posix()) or not now.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="genloop-") as scratch:
        before = Path(scratch) / "before"
        if not bring(earlier.records, before):
            told = f"how many of today's held-out records {champion.label} was trained on is not known"
            return f"{champion.data}: {told}: neither DVC's cache nor its remote has {earlier.whose}"
        return f"{champion.data}: {overlap(modality, before, now).told_of(champion.label)}"
