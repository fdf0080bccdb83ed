"""What a retraining costs on a fresh machine: nothing new, a smoke training, all runs; with installing, and in parts.

    python -m benchmarks.retraining_cost

A machine is a fresh clone with a fresh virtual environment. Git remote, DVC remote and MLflow's server are of this
machine, so that the network costs nothing; installing takes what the package registry and pip's cache let it take.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from genloop.workspace import environment_without
from tests.tracking.conftest import free_port, serving

ROOT = Path(__file__).parents[1]
CHANGE = ("params.yaml", "lr: 0.004", "lr: 0.003")  # of one run of four
AUTHOR = {
    f"GIT_{role}_{what}": "bench@example.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


class Bench:
    """A world for retrainings, with one virtual environment."""

    def __init__(self, folder: Path, port: int) -> None:
        """Clone this project into a bare remote."""
        self.folder, self.machines = folder, 0
        self.environment = environment_without("DVC_", "MLFLOW_", "GENLOOP_", "PYTHONPATH", "VIRTUAL_ENV") | AUTHOR
        self.environment |= {
            "DVC_REMOTE_URL": str(folder / "remote"),
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}",
            "PATH": f"{folder / 'venv/bin'}{os.pathsep}{os.environ['PATH']}",
        }
        self.run(["git", "clone", "-q", "--bare", str(ROOT), str(folder / "origin.git")], folder)

    def run(self, command: Sequence[str], folder: Path, expect: Sequence[int] = (0,)) -> float:
        """Run a program and return how many seconds it took."""
        begun = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True)
        if done.returncode not in expect:
            raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return time.monotonic() - begun

    def clone(self) -> Path:
        """Return a fresh clone."""
        self.machines += 1
        machine = self.folder / f"machine{self.machines}"
        self.run(["git", "clone", "-q", str(self.folder / "origin.git"), str(machine)], self.folder)
        return machine

    def install(self) -> float:
        """Install the project as the workflow does, and return the seconds."""
        machine = self.clone()
        made = self.run([sys.executable, "-m", "venv", str(self.folder / "venv")], machine)
        return made + self.run(["pip", "install", "-q", "-c", "requirements.lock", "."], machine)

    def retrain(self, machine: Path, *options: str) -> float:
        """Retrain and return the seconds."""
        return self.run(["python", "-m", "genloop", "retrain", *options], machine, (0, 10, 11))


@contextmanager
def bench() -> Iterator[Bench]:
    """Give a world that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="genloop-") as scratch:
        folder, port = Path(scratch), free_port()
        (folder / "server").mkdir()
        with serving(folder / "server", port):
            yield Bench(folder, port)


def measure(world: Bench) -> Mapping[str, float]:
    """Return the seconds of each part, from the first champion on."""
    seconds = {"installing": world.install()}
    first = world.clone()
    (first / "dvc.lock").unlink()
    for path in (first / "data/metrics").glob("*.json"):
        path.unlink()
    for command in (["git", "commit", "-qam", "nothing trained"], ["git", "push", "-q", "origin", "HEAD"]):
        world.run(command, first)
    seconds["all four runs, the first champions"] = world.retrain(
        world.clone(), "--publish", "push", "--target", "main"
    )
    idle = world.clone()
    seconds["dvc status"] = world.run(["dvc", "status", "--quiet"], idle, (0, 1))
    seconds["nothing new"] = world.retrain(idle, "--publish", "push")
    changed = world.clone()
    name, old, new = CHANGE
    (changed / name).write_text((changed / name).read_text().replace(old, new))
    world.run(["git", "commit", "-qam", "a smaller rate"], changed)
    seconds["smoke training of one run, here and at the base"] = world.retrain(changed, "--smoke", "--base", "HEAD^")
    world.run(["git", "push", "-q", "origin", "HEAD"], changed)
    seconds["one run of four"] = world.retrain(world.clone(), "--publish", "push")
    return seconds


def main() -> None:
    """Print the seconds, and what a job of each kind takes with installing."""
    with bench() as world:
        seconds = measure(world)
    for part, value in seconds.items():
        print(f"{part:<50}{value:8.1f} s")
    least = seconds["installing"] + seconds["dvc status"]
    idle = seconds["installing"] + seconds["nothing new"]
    print(f"a job with nothing new: {idle:.1f} s, {idle / least:.2f} times installing and 'dvc status' ({least:.1f} s)")


if __name__ == "__main__":
    main()
