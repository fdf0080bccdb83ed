"""How arithmetic is made to give the same bytes every time."""

import os

import torch
from torch.utils import deterministic


def seed_noise(seed: int) -> None:
    """Seed the generators of all devices in use, at a fraction of the time of ``torch.manual_seed``."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def make_reproducible(threads: int, deterministic_kernels: bool = True) -> None:
    """Fix the number of threads, which decides the order of sums, and refuse kernels without a deterministic form."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # matrix products of a GPU ask for it, before the first
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic_kernels)
    # Filling memory that is about to be overwritten costs time and changes nothing.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
