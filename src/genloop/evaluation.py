"""All scores of a run: how its records compare with held-out ones and, given a likelihood, what it says of them."""

import json
from pathlib import Path
from typing import Any

from genloop import plugins
from genloop.bounds import bound_scores
from genloop.config import GanEvaluate, Vae, VaeEvaluate
from genloop.identity import group_of
from genloop.intervals import Figures
from genloop.numerics import make_reproducible
from genloop.sampling import load_run


def evaluate(name: str, choices: GanEvaluate | VaeEvaluate, data: Path, out: Path) -> dict[str, Any]:
    """Return the scores of a run by name, with their intervals, those of the baselines and how all were taken."""
    weights, samples = data / "weights" / name, data / "samples" / name
    run = load_run(weights)
    make_reproducible(run.threads)
    reference, prepared = data / "reference" / run.data, data / "prepared" / run.data
    figures, protocol = plugins.scores(run.modality).score(samples, reference, prepared, out)
    asked = json.loads((samples / "manifest.json").read_text())
    weights_hash = asked.pop("weights")
    protocols = {"data": protocol | {"sample_seed": asked["seed"], "asked": _asked(asked)}}
    if isinstance(choices, VaeEvaluate) and isinstance(run, Vae):
        figures |= Figures(bound_scores(weights, run, prepared, choices))
        protocols["likelihood"] = choices.model_dump(exclude={"family"})
    return {
        **figures.as_dict(),
        "baselines": json.loads((reference / "reference.json").read_text())["baselines"],
        "protocol": protocols,
        "identity": {"weights": weights_hash, "group": group_of(run.model_dump(), asked), "seed": run.seed},
    }


def _asked(manifest: dict[str, Any]) -> Any:
    """Return what was asked of the records, beside their number and their seed."""
    return {key: value for key, value in manifest.items() if key not in ("seed", "count") and value}
