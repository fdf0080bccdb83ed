"""Adult: the VAE and the GAN of a table after so many minutes of processor time on one thread, by every score.

32,561 training rows and 16,281 held-out ones, as UCI split them. Trained on the one, generated as many rows, scored by
genloop's own protocol. Beside them stand what training rows drawn again, independent columns and held-out rows score.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch

from benchmarks.data import PREPARED, arguments
from benchmarks.genloop_run import train_anew, training_rate
from benchmarks.measure import Stopwatch, add_result, last_results, machine, scores_of, table
from genloop.choices import TablePrepare, TableReference
from genloop.config import TableGan, TableSample, TableVae
from genloop.sampling import sample
from genloop.table.raw.prepare import prepare
from genloop.table.scores.compare import build_reference

RUNS: dict[str, Any] = {"vae": TableVae, "gan": TableGan}
MINUTES = {"vae": 1.6, "gan": 5.0}  # a VAE that is trained longer comes nearer to its training rows
RESULTS = Path("benchmarks/results/adult.jsonl")
COLUMNS = (
    "minutes", "shapes", "pairs", "pairs_strong", "missing", "detection", "usefulness", "new_rows",
    "nearer_to_training", "closer_than_held_out", "coverage",
)  # fmt: skip


def prepare_adult(source: Path) -> Path:
    """Return Adult as a prepared folder: ``adult.csv`` for training, ``adult.test`` with its header for testing."""
    out = PREPARED / "adult"
    if not out.exists():
        raw = PREPARED / "adult-raw"
        raw.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / "adult.csv", raw / "train.csv")
        header, *_ = (source / "adult.csv").read_text().splitlines()
        rows = [line.rstrip(".") for line in (source / "adult.test").read_text().splitlines()[1:] if line]
        (raw / "test.csv").write_text("\n".join([header, *rows]) + "\n")
        prepare(raw, TablePrepare(modality="table"), out)
    return out


def prepare_reference(prepared: Path) -> Path:
    """Return the folder that all is scored against, made where it is missing."""
    out = prepared.with_name(f"{prepared.name}-reference")
    if not out.exists():
        build_reference(prepared, TableReference(modality="table"), out)
    return out


def measure(what: str, prepared: Path, reference: Path, seed: int, choices: argparse.Namespace) -> None:
    """Train one family for its minutes and add its scores to the results."""
    minutes = choices.minutes or MINUTES[what]
    keys = dict(pair.split("=", 1) for pair in choices.set)
    run = RUNS[what].model_validate_strings(
        {"data": "adult", "modality": "table", "family": what, "seed": str(seed), "records_seen": "1000000", **keys}
        | {"trainer": {"precision": "bf16-mixed"}}
    )
    epochs = epochs_in(run, prepared, minutes)
    watch = Stopwatch()
    weights = train_anew(run.model_copy(update={"epochs": epochs}), prepared, watch)
    spent = (watch.marks[-1][1] - watch.start) / 60
    samples = Path(f"benchmarks/results/adult_{what}_{seed}")
    sample(weights, TableSample(), samples)
    scores, protocol = scores_of("table", samples, reference, prepared)
    line = {"what": what, "seed": seed, "budget": minutes, "set": " ".join(choices.set), "minutes": spent}
    add_result(RESULTS, line | {"epochs": epochs} | scores | {"protocol": protocol})
    print({name: round(scores.get(name, spent), 4) for name in COLUMNS}, flush=True)


def epochs_in(run: Any, prepared: Path, minutes: float) -> int:
    """Return how many epochs fit into so many minutes, told by a short training that is not counted."""
    rate = training_rate(run.model_copy(update={"epochs": 3}), prepared)
    return max(1, int(60 * minutes * rate * 0.97 / 32_561))


def print_table() -> None:
    """Print all results so far with those of the baselines."""
    lines = last_results(RESULTS, "what", "set", "budget", "seed")
    rows = [
        (f"{line['what']} {line['set']}".strip(), line["seed"], *(line[name] for name in COLUMNS)) for line in lines
    ]
    for kind in ("real", "bootstrap", "marginals"):
        known = [lines[-1].get(f"{name}_{kind}", "") for name in COLUMNS[1:]]
        rows.append((kind, "", "", *known))
    print(machine(), table(("what", "seed", *COLUMNS), rows), sep="\n\n")


def main(choices: argparse.Namespace) -> None:
    """Measure what is asked for, one after the other."""
    torch.set_num_threads(1)
    if not choices.table:
        prepared = prepare_adult(choices.data / "tables" / "adult")
        reference = prepare_reference(prepared)
        for seed in choices.seeds:
            for what in choices.what:
                measure(what, prepared, reference, seed, choices)
    print_table()


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--what", choices=list(RUNS), nargs="+", default=list(RUNS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--minutes", type=float, help="processor time of a training; else 1.6 for the VAE, 5 the GAN")
    parser.add_argument("--set", nargs="*", default=[], help="other choices of the run, as key=value")
    parser.add_argument("--table", action="store_true", help="print the results so far and train nothing")
    main(parser.parse_args())
