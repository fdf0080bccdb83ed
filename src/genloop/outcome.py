"""What a training leaves: the networks that are kept, its curves and previews, and what it was."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from safetensors.torch import save
from torch import Tensor, nn

from genloop.charts import draw_layers, draw_losses
from genloop.config import Gan, Vae
from genloop.doctoring import Doctor
from genloop.formats import state_format
from genloop.observing import Curves
from genloop.outputs import replace_folder, write_json
from genloop.plugins import Records, Schema
from genloop.resume import SaveState
from genloop.watching import Checks

CURVES = ("epoch", "records_seen")
STEPS = ("step",)
LAYERS = ("epoch", "layer", "part", "mean", "deviation", "norm")


class Training(NamedTuple):
    """A training that has come to its end, good or bad."""

    run: Gan | Vae
    parts: list[Records]  # that steps saw, and that only checks saw, if any
    schema: Schema
    system: Any
    curves: Curves
    checks: Checks | None
    doctor: Doctor
    saving: SaveState

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights are kept: the best, or the last where nobody checked."""
        return (self.checks and self.checks.kept_epoch) or len(self.curves.losses)

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks that are saved, by name, with the weights that are kept."""
        networks: dict[str, nn.Module] = self.system.sampled
        if self.checks and self.checks.kept:
            for name, network in networks.items():
                network.load_state_dict(self.checks.kept[name])
        return networks

    def facts(self) -> dict[str, Any]:
        """Return what ``training.json`` says."""
        checks = self.checks
        return {
            "figure": checks.figure if checks else None,
            "kept_epoch": self.kept_epoch,
            "epochs": len(self.curves.losses),
            "training_records": len(self.parts[0]),
            "validation_records": sum(map(len, self.parts[1:])),
            "checks": checks.checks if checks else [],
            "findings": [found.state() for found in self.doctor.findings],
            "arithmetic": {f"from step {step}": str(made) for step, made in self.saving.arithmetic},
        }


def tensors_of(networks: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Return all tensors of networks, by name."""
    return {
        f"{name}.{key}": tensor.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }


def are_finite(networks: dict[str, nn.Module]) -> bool:
    """Return whether every number in networks is finite."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors_of(networks).values())


def save_training(training: Training, prepared: Path, state: Path, out: Path) -> None:
    """Write the kept weights, curves and previews to ``out``, which is replaced as a whole."""
    networks = training.networks()
    if isinstance(training.run, Vae) and training.run.second_stage:
        from genloop.second_stage import fit_sampler

        networks["sampler"] = fit_sampler(training.run, networks, training.parts[0])
    known = json.loads((prepared / "schema.json").read_text()) | {"group_counts": training.schema.group_counts}
    losses = pd.DataFrame(training.curves.losses, columns=None if training.curves.losses else CURVES)
    layers = pd.DataFrame(training.curves.layers, columns=LAYERS)
    steps = pd.DataFrame(training.curves.steps, columns=None if training.curves.steps else STEPS)
    with replace_folder(out) as folder:
        (folder / "weights.safetensors").write_bytes(save(tensors_of(networks)))
        write_json(folder / "run.json", state_format(training.run.model_dump()))
        write_json(folder / "schema.json", known)
        write_json(folder / "training.json", training.facts())
        losses.to_csv(folder / "losses.csv", index=False, lineterminator="\n")
        layers.to_csv(folder / "layers.csv", index=False, lineterminator="\n")
        steps.to_csv(folder / "steps.csv", index=False, lineterminator="\n")
        draw_losses(losses, folder / "losses.png", kept=training.kept_epoch)
        draw_layers(layers, folder / "layers.png")
        if (state / "previews").exists():  # broken numbers may come before the first of them
            shutil.copytree(state / "previews", folder / "previews")
