"""Runs stages and commands many times: each in a fork of a process that has imported already what they need.

What runs is the same as ``python -m stages.<stage> ...``, without the seconds that imports take.
"""

import contextlib
import os
import runpy
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

NEEDED = (  # of others only: genloop's modules have a say in what each stage draws, so each stage imports its own
    "jaxtyping",
    "jinja2",
    "matplotlib.figure",
    "mlflow",
    "pandas",
    "pyarrow.parquet",
    "pydantic",
    "pytorch_lightning",
    "scipy.stats",
    "sklearn.ensemble",
    "sqlalchemy",
    "torch",
)
STARTERS = ("DVC_", "MLFLOW_", "GIT_", "GENLOOP_")  # of variables that would lead elsewhere


@dataclass(frozen=True)
class Command:
    """A stage or a command, and what it replaces when all goes well."""

    module: str
    arguments: tuple[str, ...]
    outs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return it as people would say it."""
        return " ".join([self.module.removeprefix("stages."), *self.arguments])


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int  # negative: the signal that killed it
    said: str  # on standard error
    seconds: float


STAGES = (
    Command("stages.configure", (), ("data/config",)),
    *(Command("stages.prepare", (data,), (f"data/prepared/{data}",)) for data in ("tiny", "rows")),
    *(Command("stages.reference", (data,), (f"data/reference/{data}",)) for data in ("tiny", "rows")),
    *(
        Command(f"stages.{stage}", (run,), tuple(out.format(run) for out in outs))
        for run in ("tiny_gan", "tiny_vae", "rows_vae")
        for stage, outs in {
            "train": ("data/weights/{}",),
            "sample": ("data/samples/{}",),
            "evaluate": ("data/reports/{}", "data/metrics/{}.json"),
            "record": ("data/receipts/{}.json",),
        }.items()
    ),
    Command("stages.summarize", (), ("data/summary.md",)),
)


def import_all(project: Path) -> None:
    """Import what a project's stages need, and leave no variable of DVC's or MLflow's that would lead elsewhere."""
    sys.path[:0] = [str(project), str(project / "src")]
    for key in [key for key in os.environ if key.startswith(STARTERS)]:
        del os.environ[key]
    for module in NEEDED:
        import_module(module)


def start(command: Command, folder: Path, stderr: int) -> int:
    """Start a command in ``folder`` and return its process."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(stderr, 2)
        sys.argv = ["", *command.arguments]
        runpy.run_module(command.module, run_name="__main__")
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else bool(leaving.code)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def run(command: Command, folder: Path, meddle: Callable[[int], None] | None = None) -> Ended:
    """Run a command in ``folder`` to its end; ``meddle`` is given its process while it runs."""
    with tempfile.TemporaryFile("w+", dir="/dev/shm") as said:
        began = time.perf_counter()
        process = start(command, folder, said.fileno())
        if meddle:
            meddle(process)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        seconds = time.perf_counter() - began
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)  # whatever it left running
        said.seek(0)
        return Ended(code, said.read(), seconds)
