"""Which of several processes of one training this is."""

import os

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # set by launchers: torchrun, Lightning itself, Slurm


def process_rank() -> int:
    """Return the number of this process in its training; 0 for the one that writes, which may be the only one."""
    return next((int(os.environ[name]) for name in RANKS if name in os.environ), 0)
