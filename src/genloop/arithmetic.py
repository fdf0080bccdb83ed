"""What the bytes of a training depend on beside its choices, data and code: the device and how it computes.

Equal bytes hold where all of it is equal. Elsewhere sums are taken in another order, numbers differ in the last digits,
and after many steps weights differ as those of another seed: docs/reliability.md says how far scores do.
"""

import platform
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from genloop.config import Training


@dataclass(frozen=True)
class Arithmetic:
    """One way to compute."""

    device: str  # cpu, or the name of the GPU
    kernels: str  # the processor's kind and the widest instructions that torch uses on it
    threads: int
    devices: int
    torch: str
    deterministic: bool

    def __str__(self) -> str:
        """Return it in words."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        devices = f"{self.devices} devices, " if self.devices > 1 else ""
        form = "" if self.deterministic else ", kernels without a deterministic form allowed"
        return f"{devices}{self.device}, {self.kernels}, {threads}, torch {self.torch}{form}"

    def differences(self, other: "Arithmetic") -> list[str]:
        """Return in words where two ways differ."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return [f"{name} {ours}, now {theirs}" for name, ours, theirs in pairs if ours != theirs]


def arithmetic_of(run: Training) -> Arithmetic:
    """Return how this process computes a run."""
    return Arithmetic(
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        kernels=f"{_processor()} {torch.backends.cpu.get_cpu_capability()}",
        threads=run.threads,
        devices=run.trainer.devices * run.trainer.nodes,
        torch=torch.__version__.partition("+")[0],
        deterministic=run.trainer.deterministic,
    )


def _processor() -> str:
    """Return the architecture and, where the system says it, the maker, on which libraries choose their kernels."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    maker = next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")
    return f"{platform.machine()} {maker}".strip()
