"""Trainings killed at random moments in all kinds of ways, said again, and compared with undisturbed ones.

    python -m benchmarks.kill_test [kills] [seed]

Each trial is a fresh copy of a small project. `dvc repro` is killed at a moment between the start of its training and
the end that an undisturbed one takes, then said again. Equal means: every byte of data/weights and, in the first trial
of each run and kind, data/samples and data/metrics. MLflow is asked whether there is one run of it, FINISHED, with each
epoch once. A kernel's memory limit needs root and cgroups of version 1; elsewhere that kind is a SIGKILL.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
from mlflow import MlflowClient

from genloop.randomness import keyed_generator
from tests.conftest import Project, make_project

SECONDS_BETWEEN_STATES = 0.3
AT_ONCE = 2  # trials beside each other
PICTURES = "data: tiny, modality: image, width: 4, latent: 4, batch: 16, sample: {count: 50}"
ROWS = "data: rows, modality: table, width: 16, latent: 4, batch: 16"
RUNS = {  # with everything that carries state
    "image_gan": f"{{{PICTURES}, family: gan, epochs: 220, conditional: true, critic_norm: spectral, penalty: 1, "
    "penalty_form: difference, penalty_on: real, penalty_every: 2, augment: adaptive, lr_warmup: 0.3, schedule: cosine",
    "image_vae": f"{{{PICTURES}, family: vae, epochs: 200, conditional: true, average: 0.9, rate_warmup: 0.5, "
    "free_bits: 2, patience: 40",
    "table_gan": f"{{{ROWS}, family: gan, epochs: 150, lr_warmup: 0.2, patience: 30",
    "table_vae": f"{{{ROWS}, family: vae, epochs: 150, prior: mixture, importance: 2, free_bits: 0, lr_warmup: 0.2",
}
PARAMS = "data:\n  tiny: {modality: image, reference: {count: 50, epochs: 1}}\n" + (
    "  rows: {modality: table, rules: [end >= start, total = price + tip]}\nruns:\n"
)
MEMORY = Path("/sys/fs/cgroup/memory")
Kill = Callable[[Project, psutil.Popen, psutil.Process], None]


def kill_stage(project: Project, pipeline: psutil.Popen, trainer: psutil.Process) -> None:
    """SIGKILL to the stage."""
    trainer.kill()


def kill_pipeline(project: Project, pipeline: psutil.Popen, trainer: psutil.Process) -> None:
    """SIGKILL to `dvc`, whose stage lives on until it notices."""
    pipeline.kill()


def terminate(project: Project, pipeline: psutil.Popen, trainer: psutil.Process) -> None:
    """SIGTERM to the stage, as from a scheduler."""
    trainer.terminate()


def interrupt(project: Project, pipeline: psutil.Popen, trainer: psutil.Process) -> None:
    """Ctrl-C: SIGINT to the whole group."""
    os.killpg(pipeline.pid, signal.SIGINT)


def starve(project: Project, pipeline: psutil.Popen, trainer: psutil.Process) -> None:
    """Out of memory: the kernel's own killer, by a limit below what the stage holds."""
    group = MEMORY / f"genloop-{trainer.pid}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(2**24))
        (group / "cgroup.procs").write_text(str(trainer.pid))
        trainer.wait(20)
    except (OSError, psutil.TimeoutExpired):
        trainer.kill()
    finally:
        trainer.wait(20)
        if group.exists():
            group.rmdir()


def lose_power(project: Project, pipeline: psutil.Popen, trainer: psutil.Process) -> None:
    """SIGKILL, and what the disk had not got of the newest state is missing."""
    trainer.kill()
    trainer.wait(20)
    states = sorted((project.folder / ".state").glob("*/*.ckpt"))
    if states:
        content = states[-1].read_bytes()
        states[-1].write_bytes(content[: len(content) // 2])
        (states[-1].parent / ".state.unfinished").write_bytes(content[:100])


KINDS: dict[str, Kill] = {
    "SIGKILL to the stage": kill_stage,
    "SIGKILL to dvc": kill_pipeline,
    "SIGTERM to the stage": terminate,
    "Ctrl-C": interrupt,
    "out of memory": starve,
    "power loss in a write": lose_power,
}


@dataclass(frozen=True)
class Outcome:
    """What became of a trial."""

    run: str
    kind: str
    equal: bool
    one_run: bool
    had_state: bool  # when it was said again

    @property
    def good(self) -> bool:
        """Whether nothing was lost."""
        return self.equal and self.one_run


def pipeline_of(project: Project, target: str) -> psutil.Popen:
    """Start `dvc repro` up to a stage."""
    command = [sys.executable, "-m", "dvc", "repro", target]
    with (project.folder.parent / "told").open("a") as told:
        return psutil.Popen(
            command, cwd=project.folder, env=project.environment, stdout=told, stderr=told, start_new_session=True
        )


def trainer_of(pipeline: psutil.Popen) -> psutil.Process | None:
    """Return the process of the stage `train` of a pipeline, or None when there is none."""
    try:
        for child in pipeline.children(recursive=True):
            if "stages.train" in child.cmdline():
                return child
    except psutil.NoSuchProcess:
        pass
    return None


def results(project: Project, run: str) -> dict[str, bytes]:
    """Return all that a run leaves."""
    files = project.bytes_of(f"data/weights/{run}", f"data/samples/{run}", "data/metrics")
    return {name: content for name, content in files.items() if run in name}


def training_seconds(project: Project, run: str) -> float:
    """Run a pipeline to its end and return how long its training took."""
    pipeline = pipeline_of(project, f"evaluate@{run}")
    while (trainer := trainer_of(pipeline)) is None:
        assert pipeline.poll() is None, (project.folder.parent / "told").read_text()
        time.sleep(0.02)
    start = time.monotonic()
    trainer.wait()
    seconds = time.monotonic() - start
    assert pipeline.wait() == 0
    return seconds


def tried(
    begun: Path, run: str, kind: str, stage: str, moment: float, whole: dict[str, bytes], folder: Path
) -> Outcome | None:
    """Kill a training after ``moment`` seconds and say it again; None where it had come to its end before."""
    shutil.copytree(begun, folder / "project", symlinks=True)
    project = Project(folder / "project")
    target = f"{stage}@{run}"
    pipeline = pipeline_of(project, target)
    while (trainer := trainer_of(pipeline)) is None:
        time.sleep(0.01)
    time.sleep(moment)
    if trainer_of(pipeline) is None:
        pipeline.wait()
        return None
    KINDS[kind](project, pipeline, trainer)
    pipeline.wait()
    had_state = bool(list((project.folder / ".state").glob("*/*.ckpt")))
    again = pipeline_of(project, target).wait()
    if psutil.pid_exists(trainer.pid):  # it has lost its pipeline and was named; people would wait for it
        trainer.wait()
        again = pipeline_of(project, target).wait()
    told = (folder / "told").read_text()
    made = results(project, run)
    expected = {name: content for name, content in whole.items() if stage == "record" or "/weights/" in name}
    equal = again == 0 and made == expected and "Traceback" not in told
    outcome = Outcome(run, kind, equal, again == 0 and recorded_once(project, run), had_state)
    if outcome.good:
        shutil.rmtree(folder)  # else it stays to be looked at
    return outcome


def recorded_once(project: Project, run: str) -> bool:
    """Return whether MLflow has one run of it, finished, and each epoch once."""
    client = MlflowClient(f"sqlite:///{project.folder}/.mlflow/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [found for found in client.search_runs(experiments) if found.data.tags.get("genloop.run") == run]
    if len(runs) != 1 or runs[0].info.status != "FINISHED":
        return False
    histories = [client.get_metric_history(runs[0].info.run_id, name) for name in runs[0].data.metrics]
    return all(len({point.step for point in history}) == len(history) for history in histories)


def main(kills: int, seed: int) -> None:
    """Print what became of so many kills."""
    folder = Path(tempfile.mkdtemp(prefix="kills"))
    begun, wholes, lengths = prepare(folder)
    generator = keyed_generator(seed, "kills")

    def trial(number: int) -> Outcome:
        run, kind = list(RUNS)[number % len(RUNS)], list(KINDS)[number // len(RUNS) % len(KINDS)]
        stage = "record" if number < len(RUNS) * len(KINDS) else "train"
        for attempt, share in enumerate(shares[number]):
            place = folder / f"trial_{number}_{attempt}"
            place.mkdir()
            moment = share * lengths[run]
            if (outcome := tried(begun, run, kind, stage, moment, wholes[run], place)) is not None:
                print(f"{number + 1} of {kills}: {run}, {kind}: {'equal' if outcome.good else place}", flush=True)
                return outcome
            shutil.rmtree(place)
        raise RuntimeError(f"{run}: over before it could be killed")

    shares = generator.uniform(0.0, 1.0, (kills, 20))  # of the time that a training takes
    with ThreadPoolExecutor(AT_ONCE) as pool:
        print_table(list(pool.map(trial, range(kills))))


def prepare(folder: Path) -> tuple[Path, dict[str, dict[str, bytes]], dict[str, float]]:
    """Return a project before its trainings, what each leaves when nobody disturbs it, and how long it takes."""
    every = f", trainer: {{save_every: {SECONDS_BETWEEN_STATES}}}}}\n"
    params = PARAMS + "".join(f"  {name}: {choices}{every}" for name, choices in RUNS.items())
    (folder / "begun").mkdir()
    project = make_project(folder / "begun", params)
    project.dvc("repro", "reference@tiny", "reference@rows")
    shutil.copytree(project.folder, folder / "whole", symlinks=True)
    undisturbed = Project(folder / "whole")
    lengths = {run: training_seconds(undisturbed, run) for run in RUNS}
    return project.folder, {run: results(undisturbed, run) for run in RUNS}, lengths


def print_table(outcomes: list[Outcome]) -> None:
    """Print the kinds of kill with how many ended well."""
    print("\n| killed by | trials | had a state | equal bytes | one finished run in MLflow |\n|---|---|---|---|---|")
    for kind in (*KINDS, "all"):
        found = [outcome for outcome in outcomes if kind in (outcome.kind, "all")]
        counts = (sum(getattr(outcome, name) for outcome in found) for name in ("had_state", "equal", "one_run"))
        if found:
            print(f"| {kind} | {len(found)} | {' | '.join(map(str, counts))} |")
    print("\n| run | trials | equal bytes |\n|---|---|---|")
    for run in RUNS:
        found = [outcome for outcome in outcomes if outcome.run == run]
        print(f"| {run} | {len(found)} | {sum(outcome.equal for outcome in found)} |")


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:], *("100", "0")[len(sys.argv) - 1 :])))
