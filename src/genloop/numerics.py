"""How arithmetic is made to give the same bytes every time."""

import torch


def make_reproducible(threads: int) -> None:
    """Fix the number of threads, which decides the order of sums, and refuse kernels without a deterministic form."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
