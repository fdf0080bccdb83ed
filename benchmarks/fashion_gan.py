"""Fashion-MNIST: a genloop GAN against a textbook DCGAN given the same minutes of processor time on one thread.

Frechet distance between 10,000 generated pictures and the 10,000 of the test split, in the features of genloop's own
reference classifier; the same of 10,000 training pictures beside it. All train in bf16. genloop trains without classes,
as the DCGAN does, told groups that it finds itself, and, as a contender of its own, with them (``conditional: true``).
Scores of finished seeds are added to benchmarks/results/fashion_gan.jsonl; ``--table`` prints what is there.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import torch

from benchmarks import dcgan, genloop_run
from benchmarks.data import arguments, prepare_idx
from benchmarks.measure import add_result, last_results, machine, scores_of, table
from genloop.choices import ImageReference
from genloop.image.data import draw, read_schema, write_samples
from genloop.image.scores import features
from genloop.image.scores.compare import build_reference
from genloop.outputs import replace_folder

RUN: dict[str, Any] = {"batch": 128, "trainer": {"precision": "bf16-mixed"}}  # what differs from the defaults
GENLOOP: dict[str, dict[str, Any]] = {"genloop": {}, "genloop, classes": {"conditional": True}}
CONTENDERS = ["dcgan", *GENLOOP]
COUNT = 10_000
KEYS = ("budget", "seed", "what")  # of a result; the last with the same keys counts
RESULTS = Path("benchmarks/results")


def train(what: str, prepared: Path, minutes: float, seed: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return pictures of one contender, and what its training took."""
    if what == "dcgan":
        return dcgan.train_for(prepared, minutes, COUNT, seed)
    run = genloop_run.gan(data="fashion", seed=seed, **RUN, **GENLOOP[what])
    return genloop_run.train_for(run, prepared, minutes, COUNT)


def measure(what: str, prepared: Path, reference: Path, minutes: float, seed: int) -> None:
    """Train one contender with one seed and add its scores to the results."""
    pictures, took = train(what, prepared, minutes, seed)
    folder = keep(folder_name(what, seed), pictures, prepared)
    add_scores(folder, reference, prepared, {"what": what, "seed": seed, "budget": minutes, **took})


def folder_name(what: str, seed: int) -> str:
    """Return the folder of the results that holds one contender's pictures."""
    return f"fashion_{what.replace(', ', '_')}_{seed}"


def keep(name: str, pictures: torch.Tensor, prepared: Path) -> Path:
    """Write generated pictures and a grid of them to a folder of the results, ready to be scored, and return it."""
    with replace_folder(RESULTS / name) as folder:
        schema = read_schema(prepared)
        write_samples(folder, [(pictures, torch.zeros(len(pictures), 0))], schema)
        draw(pictures[:64], schema).save(folder / "grid.png")
    return RESULTS / name


def add_scores(folder: Path, reference: Path, prepared: Path, line: dict[str, Any]) -> None:
    """Score a folder of samples and add that to the results."""
    scores, protocol = scores_of("image", folder, reference, prepared)
    add_result(RESULTS / "fashion_gan.jsonl", line | scores | {"protocol": protocol})
    print(f"{line['what']} seed {line['seed']}: Frechet {scores['frechet']:.3f}", flush=True)


def score_again(reference: Path, prepared: Path) -> None:
    """Score what was generated before anew, after a change of the reference."""
    for line in last_results(RESULTS / "fashion_gan.jsonl", *KEYS):
        add_scores(RESULTS / folder_name(line["what"], line["seed"]), reference, prepared, line)


def print_table() -> None:
    """Print all results so far; of a contender, seed and budget measured twice, the last."""
    lines = last_results(RESULTS / "fashion_gan.jsonl", *KEYS)
    columns = (
        "minutes",
        "records_seen",
        "frechet",
        "frechet_real",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
    )
    rows = [(line["what"], str(line["seed"]), *(line[column] for column in columns)) for line in lines]
    print(machine(), table(("what", "seed", *columns), rows), sep="\n\n")
    textbook = {(line["budget"], line["seed"]): line["frechet"] for line in lines if line["what"] == "dcgan"}
    for line in lines:
        key = line["budget"], line["seed"]
        if line["what"] in GENLOOP and key in textbook:
            ratio = line["frechet"] / textbook[key]
            print(f"seed {line['seed']}, {line['budget']:g} minutes: Frechet, {line['what']} / DCGAN: {ratio:.3f}")


def prepare_reference(prepared: Path) -> Path:
    """Return the folder that all is scored against, made where it is missing or the feature network is another."""
    source = hashlib.sha256(Path(str(features.__file__)).read_bytes()).hexdigest()[:8]
    out = prepared.with_name(f"{prepared.name}-reference-{source}")
    if not out.exists():
        build_reference(prepared, ImageReference(modality="image", count=COUNT), out)
    return out


def main(choices: argparse.Namespace) -> None:
    """Measure what is asked for, one after the other."""
    torch.set_num_threads(1)
    if not choices.table:
        print(machine(), flush=True)
        prepared = prepare_idx(choices.data / "fashion-mnist", choices.records)
        reference = prepare_reference(prepared)
        if choices.score_again:
            return score_again(reference, prepared)
        for seed in choices.seeds:
            for what in choices.what:
                measure(what, prepared, reference, choices.minutes, seed)
    return print_table()


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--what", choices=CONTENDERS, nargs="+", default=CONTENDERS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=16.0, help="processor time of each training")
    parser.add_argument("--table", action="store_true", help="print the results so far and train nothing")
    parser.add_argument("--score-again", action="store_true", help="score earlier results anew and train nothing")
    main(parser.parse_args())
