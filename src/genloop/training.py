"""Build, fit, resume and save a training of any family on any modality."""

import json
import logging
import shutil
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as lightning
import torch
from filelock import FileLock, Timeout
from pytorch_lightning.callbacks import Callback
from safetensors.torch import save
from torch import nn

from genloop import plugins
from genloop.batches import Batches
from genloop.callbacks import Curves, Devices, Observer, Previews, Progress, SaveState
from genloop.charts import draw_layers, draw_losses
from genloop.config import Gan, Vae
from genloop.devices import process_rank
from genloop.errors import GenloopError
from genloop.forecast import check_forecast
from genloop.groups import grouped
from genloop.numerics import make_reproducible
from genloop.outputs import replace_folder, write_json
from genloop.plugins import Records, Schema
from genloop.randomness import keyed_seed
from genloop.schedule import resolve_epochs


def open_training(run: Gan | Vae, prepared: Path) -> tuple[Records, Schema]:
    """Return the training records and what the networks must know of them."""
    module = plugins.data(run.modality)
    return grouped(run, module.open_records(prepared, "train"), module.read_schema(prepared))


def build(run: Gan | Vae, schema: Schema, steps: int) -> Any:
    """Return the LightningModule of a run, its weights and biases drawn from the run's seed."""
    torch.manual_seed(keyed_seed(run.seed, "weights"))
    system = plugins.system(run.family)(run, schema, plugins.networks(run), steps)
    return system.to(memory_format=torch.channels_last)  # the faster order for convolutions; others keep theirs


def train(name: str, run: Gan | Vae, prepared: Path, out: Path, state: Path, observer: Observer) -> None:
    """Train a run and write its weights, curves and previews to ``out``.

    Args:
        name: the run's name, for the progress bar.
        run: its resolved choices.
        prepared: the folder of prepared records.
        out: the folder that is replaced as a whole at the end.
        state: a folder for what is needed to go on after an interruption; removed at the end.
        observer: follows along.

    Raises:
        GenloopError: another process trains the same, or the memory does not suffice.
    """
    try:
        with _alone(state):
            make_reproducible(run.threads)
            records, schema = open_training(run, prepared)
            system, curves = _fit(name, run, records, schema, state, observer)
            if process_rank() == 0:
                known = json.loads((prepared / "schema.json").read_text()) | {"group_counts": schema.group_counts}
                _save(run, known, _saved(run, records, system), curves, state, out)
                shutil.rmtree(state)
    except Timeout:
        raise GenloopError(f"{name}: another process is training exactly this; wait for it or stop it") from None


def _alone(state: Path) -> AbstractContextManager[object]:
    """Hold the state for this training; further processes of the same training follow its first."""
    if process_rank():
        return nullcontext()
    state.mkdir(parents=True, exist_ok=True)
    return FileLock(state.with_suffix(".lock"), timeout=0)


def _fit(
    name: str, run: Gan | Vae, records: Records, schema: Schema, state: Path, observer: Observer
) -> tuple[Any, Curves]:
    _quiet_lightning()
    epochs = resolve_epochs(run.epochs, run.records_seen, len(records), most=run.most_epochs)
    batches = Batches(run, records, epoch=lambda: trainer.current_epoch)
    system = build(run, schema, steps=epochs * batches.steps)
    if process_rank() == 0:
        check_forecast(name, system, schema, lambda n: batches.gather([0] * n), batches.batch, epochs * batches.steps)
    curves = Curves(batches, observer)
    callbacks = [
        Devices(batches),
        curves,
        Previews(run, schema, state / "previews", observer),
        Progress(name, batches),
        SaveState(state / "state.ckpt"),
    ]
    trainer = build_trainer(run, epochs, callbacks, state)
    if run.trainer.compile:
        system.compile_networks()
    saved = state / "state.ckpt"
    trainer.fit(system, batches, ckpt_path=saved if saved.exists() else None, weights_only=True)
    return system, curves


def build_trainer(run: Gan | Vae, epochs: int, callbacks: list[Callback], folder: Path) -> lightning.Trainer:
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
        deterministic=True,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


def _saved(run: Gan | Vae, records: Records, system: Any) -> dict[str, nn.Module]:
    """Return the networks that are saved, by name, with what is fitted after the training."""
    networks: dict[str, nn.Module] = system.sampled
    if isinstance(run, Vae) and run.second_stage:
        from genloop.second_stage import fit_sampler

        networks["sampler"] = fit_sampler(run, networks, records)
    return networks


def _save(
    run: Gan | Vae, schema: dict[str, Any], networks: dict[str, nn.Module], curves: Curves, state: Path, out: Path
) -> None:
    tensors = {
        f"{name}.{key}": tensor.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    losses, layers = pd.DataFrame(curves.losses), pd.DataFrame(curves.layers)
    with replace_folder(out) as folder:
        (folder / "weights.safetensors").write_bytes(save(tensors))
        write_json(folder / "run.json", run.model_dump())
        write_json(folder / "schema.json", schema)
        losses.to_csv(folder / "losses.csv", index=False, lineterminator="\n")
        layers.to_csv(folder / "layers.csv", index=False, lineterminator="\n")
        draw_losses(losses, folder / "losses.png")
        draw_layers(layers, folder / "layers.png")
        shutil.copytree(state / "previews", folder / "previews")


def _quiet_lightning() -> None:
    """Silence Lightning's advertisements and the warnings that are not about this training."""
    for logger in ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
