"""How often the gate is right: equal recipes as champion and challenger, and recipes that are truly worse or better.

Trainings differ in their seed alone, so of two of the same recipe neither is better. A lesser one is the same with a
twentieth or a quarter of the epochs. ``train`` makes and scores them, ``tell`` puts every challenger before every
champion; prepared data and references are those of ``dvc repro``.
"""

import argparse
import itertools
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.doctor import Follower
from benchmarks.measure import add_result, last_results, machine, scores_of, table
from genloop.comparison import Entry, Value
from genloop.config import (
    Gan,
    GanEvaluate,
    ImageGan,
    ImageGanSample,
    ImageSample,
    ImageVae,
    ImageVaeSample,
    TableSample,
    TableVae,
    TableVaeEvaluate,
    TableVaeSample,
    Vae,
    VaeEvaluate,
)
from genloop.evaluation import evaluate
from genloop.gate.badness import badness
from genloop.gate.choices import Gate
from genloop.gate.ruling import ORDER, rule
from genloop.glossary import meaning
from genloop.resolve import read_params
from genloop.sampling import sample
from genloop.training import train

WORK = Path("benchmarks/work/gate")
RESULTS = Path("benchmarks/results/gate.jsonl")
AGAIN = Path("benchmarks/results/gate_again.jsonl")
DIGITS: dict[str, Any] = {"data": "digits", "modality": "image", "batch": 32}
SOME = 300  # pairs of groups that are tried
CASES = {  # parts of the champion's and of the challenger's epochs
    "of the same recipe": (1, 1),
    "of the same recipe, a quarter of the epochs on both sides": (4, 4),
    "a quarter of the epochs": (1, 4),
    "a twentieth of the epochs": (1, 20),
    "four times the epochs": (4, 1),
    "twenty times the epochs": (20, 1),
}
RECIPES: dict[str, tuple[Gan | Vae, int]] = {  # the shipped ones, and the epochs that they see
    "digits_vae": (ImageVae(family="vae", latent=16, lr=0.004, epochs=60, **DIGITS), 60),
    "digits_gan": (ImageGan(family="gan", epochs=60, **DIGITS), 60),
    "cancer_vae": (TableVae(family="vae", data="cancer", modality="table"), 85),
}
SAMPLES: dict[str, ImageSample | TableSample] = {
    "digits_vae": ImageVaeSample(),
    "digits_gan": ImageGanSample(),
    "cancer_vae": TableVaeSample(),
}
EVALUATES: dict[str, GanEvaluate | VaeEvaluate] = {
    "digits_vae": VaeEvaluate(),
    "digits_gan": GanEvaluate(),
    "cancer_vae": TableVaeEvaluate(),
}


def make(recipe: str, part: int, seed: int) -> None:
    """Train a recipe on one part in so many of its epochs, score it, and add what is found to the results."""
    run, epochs = RECIPES[recipe]
    run = run.model_copy(update={"seed": seed} | ({"epochs": max(epochs // part, 1)} if part > 1 else {}))
    name, start = f"{recipe}_{part}_{seed}", time.process_time()
    for kind in ("prepared", "reference"):
        (WORK / kind).parent.mkdir(parents=True, exist_ok=True)
        if not (WORK / kind).exists():
            (WORK / kind).symlink_to(Path("data", kind).resolve())
    state = WORK / "state" / name
    shutil.rmtree(state, ignore_errors=True)
    train(name, run, WORK / "prepared" / run.data, WORK / "weights" / name, state, Follower())
    sample(WORK / "weights" / name, SAMPLES[recipe], WORK / "samples" / name)
    metrics = evaluate(name, EVALUATES[recipe], WORK)
    shutil.rmtree(state, ignore_errors=True)
    line = {"recipe": recipe, "part": part, "seed": seed, "metrics": metrics, "seconds": time.process_time() - start}
    add_result(RESULTS, line)
    print(f"{name}: {line['seconds']:.0f} CPU seconds", flush=True)


def draw_again(recipe: str, seed: int, others: int) -> None:
    """Sample the weights of a recipe with other seeds of sampling, and add the score that ranks to the results."""
    run, name = RECIPES[recipe][0], f"{recipe}_1_{seed}"
    rank, modality = Gate().ranked_by(run.modality), run.modality
    for other in range(1, others + 1):
        out = WORK / "samples" / f"{name}_again"
        sample(WORK / "weights" / name, SAMPLES[recipe].model_copy(update={"seed": other}), out)
        found, _ = scores_of(modality, out, WORK / "reference" / run.data, WORK / "prepared" / run.data)
        add_result(AGAIN, {"recipe": recipe, "seed": seed, "sample": other, "rank": found[rank]})
        print(f"{name}, sample {other}: {found[rank]:.3f}", flush=True)


def sides(
    entries: dict[tuple[str, int], list[Entry]], recipe: str, parts: tuple[int, int], seeds: int
) -> Iterator[tuple[Sequence[Entry], Sequence[Entry]]]:
    """Return champion and challenger, of so many seeds each that no two share: all of single ones, else some."""
    champions, challengers = (entries[recipe, part] for part in parts)
    if seeds == 1:
        yield from (([a], [b]) for a, b in itertools.product(champions, challengers) if a is not b)
        return
    generator = random.Random(0)
    for _ in range(SOME):
        champion = generator.sample(champions, seeds)
        yield champion, generator.sample([entry for entry in challengers if entry not in champion], seeds)


def outcomes(pairs: Iterator[tuple[Sequence[Entry], Sequence[Entry]]], gate: Gate, modality: str) -> str:
    """Return how many of a hundred challengers were promoted, kept and refused."""
    found = Counter(rule(challenger, champion, gate, modality).outcome for champion, challenger in pairs)
    return " / ".join(f"{100 * found[outcome] / found.total():.0f}" for outcome in ORDER)


def still_better(entries: Sequence[Entry], lines: Sequence[dict[str, Any]], modality: str) -> str:
    """Return how many single runs that were promoted over their equals stay better in further samples of both."""
    rank = Gate().ranked_by(modality)
    drawn: dict[int, list[float]] = {}
    for line in lines:
        value = badness(Value(line["rank"]), meaning(rank, modality).better)
        drawn.setdefault(line["seed"], []).append(value.score)
    mean = {seed: statistics.mean(values) for seed, values in drawn.items()}
    pairs = (
        (a, b) for a, b in itertools.permutations(entries, 2) if {a.identity["seed"], b.identity["seed"]} <= set(mean)
    )
    won = [(a, b) for a, b in pairs if rule([b], [a], Gate(), modality).outcome == "promoted"]
    held = sum(mean[b.identity["seed"]] < mean[a.identity["seed"]] for a, b in won)
    within = statistics.mean(statistics.variance(values) for values in drawn.values()) ** 0.5
    return f"{held} of {len(won)} stay better; {rank} of one run's samples deviates by {within:.3f}"


def tell() -> None:
    """Print what becomes of challengers of equal, of lesser and of better recipes."""
    entries: dict[tuple[str, int], list[Entry]] = {}
    lines = last_results(RESULTS, "recipe", "part", "seed")
    for line in lines:
        name, data = f"{line['recipe']}_{line['part']}_{line['seed']}", str(line["recipe"]).partition("_")[0]
        entries.setdefault((line["recipe"], line["part"]), []).append(Entry(name, data, line["metrics"]))
    params = read_params(Path("params.yaml"), Path("data/raw"))
    rows = []
    for recipe, (run, _) in RECIPES.items():
        for what, parts in CASES.items():
            for seeds in (1, 3):
                gates = (params.gate[run.data], Gate())
                found = [outcomes(sides(entries, recipe, parts, seeds), gate, run.modality) for gate in gates]
                rows.append((recipe, what, str(seeds), *found))
    print(table(("recipe", "challenger", "seeds a side", "gate as shipped", "no limits"), rows))
    drawn = last_results(AGAIN, "recipe", "seed", "sample") if AGAIN.exists() else []
    for recipe in dict.fromkeys(line["recipe"] for line in drawn):
        lines_of = [line for line in drawn if line["recipe"] == recipe]
        print(f"\n{recipe}: {still_better(entries[recipe, 1], lines_of, RECIPES[recipe][0].modality)}")
    print(f"\n{sum(line['seconds'] for line in lines) / 60:.0f} CPU minutes for {len(lines)} trainings. {machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("recipe", choices=RECIPES)
    training.add_argument("--parts", type=int, nargs="+", default=[1])
    training.add_argument("--seeds", type=int, default=8)
    training.add_argument("--first", type=int, default=0)
    drawing = commands.add_parser("draw_again")
    drawing.add_argument("recipe", choices=RECIPES)
    drawing.add_argument("--others", type=int, default=3)
    drawing.add_argument("--seeds", type=int, default=9)
    commands.add_parser("tell")
    chosen = parser.parse_args()
    if chosen.command == "tell":
        tell()
    elif chosen.command == "draw_again":
        for number in range(chosen.seeds):
            draw_again(chosen.recipe, number, chosen.others)
    else:
        for number, part in itertools.product(range(chosen.first, chosen.first + chosen.seeds), chosen.parts):
            make(chosen.recipe, part, number)
