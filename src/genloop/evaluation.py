"""All scores of a run: how its records compare with held-out ones and, given a likelihood, what it says of them."""

from pathlib import Path
from typing import Any

from genloop import plugins
from genloop.bounds import bound_scores
from genloop.config import GanEvaluate, Vae, VaeEvaluate
from genloop.numerics import make_reproducible
from genloop.sampling import load_run


def evaluate(name: str, choices: GanEvaluate | VaeEvaluate, data: Path) -> dict[str, Any]:
    """Return the scores of a run by name, and under ``protocol`` how they were taken."""
    weights = data / "weights" / name
    run = load_run(weights)
    make_reproducible(run.threads)
    scores, protocol = plugins.scores(run.modality).score(data / "samples" / name, data / "reference" / run.data)
    if isinstance(choices, VaeEvaluate) and isinstance(run, Vae):
        scores |= bound_scores(weights, run, data / "prepared" / run.data, choices)
        protocol |= {
            "elbo_draws": choices.draws,
            "elbo_seed": choices.seed,
            "importance_draws": choices.importance,
            "importance_records": choices.importance_records,
        }
    return {**scores, "protocol": protocol}
