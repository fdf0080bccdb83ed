"""How arithmetic is made to give the same bytes every time."""

import torch
from torch.utils import deterministic


def make_reproducible(threads: int) -> None:
    """Fix the number of threads, which decides the order of sums, and refuse kernels without a deterministic form."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Filling memory that is about to be overwritten costs time and changes nothing.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
