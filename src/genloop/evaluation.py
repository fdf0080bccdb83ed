"""All that is found out about a trained run: its scores, how they were taken, and a page for people."""

from pathlib import Path
from typing import Any

from genloop import plugins
from genloop.bound_scores import bound_scores
from genloop.config import Gan, GanEvaluate, Vae, VaeEvaluate
from genloop.formats import read_run
from genloop.identity import group_of, hash_folder
from genloop.illustrations import Illustration
from genloop.intervals import Figures
from genloop.latents import draw_latents
from genloop.marking import mark_folder
from genloop.numerics import make_reproducible
from genloop.outputs import replace_folder, write_json
from genloop.reading import read_json
from genloop.report.facts import ReportFacts, read_training
from genloop.report.page import write_report
from genloop.sampling import mark_of


def evaluate(name: str, choices: GanEvaluate | VaeEvaluate, data: Path) -> dict[str, Any]:
    """Write the scores of a run to ``data/metrics/<run>.json`` and its report to ``data/reports/<run>``.

    Both are ready before either takes its place, so that no fault leaves a report without its scores.

    Returns:
        the scores with all that belongs to them.
    """
    weights, samples = data / "weights" / name, data / "samples" / name
    run = read_run(weights)
    make_reproducible(run.threads)
    with replace_folder(data / "reports" / name) as folder:
        scored = plugins.scores(run.modality).score(
            samples, data / "reference" / run.data, data / "prepared" / run.data, folder
        )
        training, illustrations = read_training(weights), list[Illustration]()
        figures, protocol = scored.figures, {"data": scored.protocol, "arithmetic": arithmetic_told(training)}
        if isinstance(run, Vae) and isinstance(choices, VaeEvaluate):
            figures |= bound_scores(weights, run, data / "prepared" / run.data, choices)
            protocol["likelihood"] = choices.model_dump(exclude={"family"})
            illustrations = draw_latents(weights, run, data / "prepared" / run.data, choices.seed, folder)
        metrics = described(run, figures, protocol, samples, scored.baselines)
        facts = ReportFacts(
            name,
            run.model_dump(),
            metrics,
            weights,
            samples,
            illustrations,
            scored.suspicious,
            training,
            metrics["identity"] | {"samples": hash_folder(samples)},
        )
        write_report(folder, facts)
        mark_folder(folder, mark_of(name, run, read_json(samples / "manifest.json")))
        write_json(data / "metrics" / f"{name}.json", metrics)
    return metrics


# How far the shipped runs on digits moved on narrower instructions and on two threads: docs/reliability.md.
TOLERANCE = "other bytes; of the shipped digits' scores Frechet within 0.3 and elbo within 10 nats"


def arithmetic_told(training: dict[str, Any]) -> dict[str, str]:
    """Return what a training computed with, where equal trainings give equal bytes, and what holds elsewhere."""
    made = training.get("arithmetic", {"from step 0": "not noted by the version that trained it"})
    return {**made, "elsewhere": TOLERANCE}


def described(
    run: Gan | Vae, figures: Figures, protocol: dict[str, Any], samples: Path, baselines: dict[str, Any]
) -> dict[str, Any]:
    """Return figures with what they are compared with, how they were taken and what they are of."""
    manifest = read_json(samples / "manifest.json")
    weights, seed = manifest.pop("weights"), manifest.pop("seed")
    asked = {key: value for key, value in manifest.items() if value}
    protocol["data"] |= {"sample_seed": seed, "asked": {key: asked[key] for key in asked if key != "count"}}
    identity = {"weights": weights, "group": group_of(run.model_dump(), asked), "seed": run.seed}
    return {**figures.as_dict(), "baselines": baselines, "protocol": protocol, "identity": identity}
