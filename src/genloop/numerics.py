"""How arithmetic is made to give the same bytes every time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic

from genloop.errors import GenloopError


def seed_noise(seed: int) -> None:
    """Seed the generators of all devices in use, at a fraction of the time of ``torch.manual_seed``."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def make_reproducible(threads: int, deterministic_kernels: bool = True, compiled: bool = False) -> None:
    """Fix the number of threads, which decides the order of sums, and refuse kernels without a deterministic form.

    Where networks will be compiled, the compiler is told too; to import it takes a second.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # matrix products of a GPU ask for it, before the first
    torch.set_num_threads(threads)
    if compiled:
        torch.use_deterministic_algorithms(deterministic_kernels)
    else:
        torch.set_deterministic_debug_mode("error" if deterministic_kernels else "default")
    # Filling memory that is about to be overwritten costs time and changes nothing.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def refused_kernels_named(name: str) -> Iterator[None]:
    """Say by which key a run is allowed a kernel that was refused.

    Raises:
        GenloopError: in place of torch's own error; others pass through.
    """
    try:
        yield
    except RuntimeError as error:
        told = str(error)
        if "does not have a deterministic implementation" not in told:
            raise
        kernel = told.partition(" does not have")[0]
        raise GenloopError(
            f"runs.{name}: {kernel} has no form on this device that gives equal bytes; set "
            "trainer.deterministic: false, which the protocol of its scores will say"
        ) from error
