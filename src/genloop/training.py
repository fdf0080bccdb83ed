"""Build, fit, resume and save a training of any family on any modality."""

import logging
import shutil
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback

from genloop import plugins
from genloop.arithmetic import arithmetic_of
from genloop.batches import Batches
from genloop.callbacks import Devices, Previews, Progress
from genloop.config import Gan, Vae
from genloop.devices import process_rank
from genloop.doctor import Finding
from genloop.doctoring import Doctor
from genloop.errors import GenloopError
from genloop.faults import explained
from genloop.forecast import check_forecast
from genloop.groups import grouped
from genloop.held_out import figure_of, plan_checks, split_records
from genloop.numerics import make_reproducible, refused_kernels_named
from genloop.observing import Curves, Observer
from genloop.outcome import Training, are_finite, save_training
from genloop.plugins import Records, Schema
from genloop.randomness import keyed_seed
from genloop.resume import Ending, SaveState
from genloop.schedule import resolve_epochs
from genloop.states import Alone, StateFiles
from genloop.system import NotFinite
from genloop.validation import examiner
from genloop.watching import Checks


def open_training(run: Gan | Vae, prepared: Path) -> tuple[list[Records], Schema]:
    """Return the records that steps see, those that only checks see if any, and what the networks must know of them."""
    module = plugins.data(run.modality)
    parts = split_records(run, module.open_records(prepared, "train"))
    return grouped(run, parts, module.read_schema(prepared))


def build(run: Gan | Vae, schema: Schema, steps: int) -> Any:
    """Return the LightningModule of a run, its weights and biases drawn from the run's seed."""
    torch.manual_seed(keyed_seed(run.seed, "weights"))
    system = plugins.system(run.family)(run, schema, plugins.networks(run), steps)
    return system.to(memory_format=torch.channels_last)  # the faster order for convolutions; others keep theirs


def train(name: str, run: Gan | Vae, prepared: Path, out: Path, state: Path, observer: Observer) -> None:
    """Train a run and write its best weights, curves and previews to ``out``.

    Args:
        name: the run's name, for the progress bar.
        run: its resolved choices.
        prepared: the folder of prepared records.
        out: the folder that is replaced as a whole at the end.
        state: a folder for what is needed to go on after an interruption; removed at the end.
        observer: follows along.

    Raises:
        Interrupted: it was stopped, and its state is saved.
        GenloopError: another process trains the same, the memory does not suffice, or the numbers broke; the best
            weights until then are written all the same.
    """
    alone = nullcontext() if process_rank() else Alone(name, state)  # further processes of a training follow its first
    with alone, explained(state), refused_kernels_named(name):
        make_reproducible(run.threads, run.trainer.deterministic, run.trainer.compile)
        training, failure = _fit(name, run, prepared, state, observer)
        good = failure is None or are_finite(training.networks())
        if process_rank() == 0:
            if good:
                save_training(training, prepared, state, out)
            shutil.rmtree(state)
        if failure:
            raise GenloopError(f"{name}: {failure.line}; {_what_is_left(training, good, out)}")


def _what_is_left(training: Training, good: bool, out: Path) -> str:
    if not good:
        return "no weights were good"
    return f"{out} has the last good weights, those after epoch {training.kept_epoch}"


def _fit(name: str, run: Gan | Vae, prepared: Path, state: Path, observer: Observer) -> tuple[Training, Finding | None]:
    """Return the training, and why its numbers broke, if they did."""
    _quiet_lightning()
    parts, schema = open_training(run, prepared)
    epochs = resolve_epochs(run.epochs, run.records_seen, len(parts[0]), most=run.most_epochs)
    batches = Batches(run, parts[0], epoch=lambda: trainer.current_epoch)
    system = build(run, schema, steps=epochs * batches.steps)
    if process_rank() == 0:
        check_forecast(name, system, schema, lambda n: batches.gather([0] * n), batches.batch, epochs * batches.steps)
    checks = None
    if len(parts) > 1:
        plan = plan_checks(run, epochs, batches.steps * batches.batch, len(parts[1]))
        examine = examiner(run, parts, schema, plan.fakes) if process_rank() == 0 else None
        checks = Checks(figure_of(run), plan, examine, run.patience)
    curves = Curves(batches, checks, observer)
    doctor = Doctor(name, batches.steps, curves, checks, observer)
    files, ending = StateFiles(state), Ending(name)
    saving = SaveState(files, run.trainer.save_every, batches, ending, arithmetic_of(run))
    callbacks = [
        Devices(batches),
        *([checks] if checks else []),
        curves,
        doctor,
        Previews(run, schema, state / "previews", observer),
        Progress(name, batches),
        saving,
    ]
    trainer = build_trainer(run, epochs, callbacks, files)
    if run.trainer.compile:
        system.compile_networks()
    training = Training(run, parts, schema, system, curves, checks, doctor, saving)
    try:
        with ending:
            trainer.fit(system, batches, ckpt_path=files.newest(), weights_only=True)
    except NotFinite as failure:
        return training, doctor.dissect(failure, system)
    except SystemExit:  # what Lightning makes of it
        raise KeyboardInterrupt from None
    return training, None


def build_trainer(run: Gan | Vae, epochs: int, callbacks: list[Callback], files: StateFiles) -> lightning.Trainer:
    """Return Lightning's trainer: on a GPU where there is one, and with nothing that genloop does itself."""
    choices = run.trainer
    parallel = choices.strategy == "ddp" or choices.devices * choices.nodes > 1
    return lightning.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        precision=choices.precision,
        devices=choices.devices,
        num_nodes=choices.nodes,
        strategy="ddp_find_unused_parameters_true" if parallel else "auto",  # a GAN's losses each use one network
        max_epochs=epochs,
        deterministic=choices.deterministic,
        callbacks=callbacks,
        plugins=[files],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=files.folder,
    )


def _quiet_lightning() -> None:
    """Silence Lightning's advertisements and the warnings that are not about this training."""
    for logger in ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
