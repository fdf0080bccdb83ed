"""How often generators that copy are flagged, and those that do not: some seeds of each, on four data sets.

An honest generator shows real records that nobody trained on, or rows between two of them; genloop's trained generators
stand beside. A replaying one is the same with one record in a hundred replaced by a training record: exactly, changed a
little (each pixel by up to two gray levels; one number by a hundredth of its range), or with all numbers moved nearby
(up to half a percent of the ranks). The first run's data and weights are those of ``dvc repro``.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import replays
from benchmarks.adult import prepare_adult
from benchmarks.data import arguments, prepare_idx
from benchmarks.measure import Cell, add_result, last_results, machine, table
from benchmarks.replays import CHANGES, Parts, between, divide, trained
from genloop.copying import Copying
from genloop.randomness import keyed_generator

SHARE = 0.01
KINDS = ("honest", *CHANGES, "all", "marginals")  # the last but one shows nothing but training records
RESULTS = Path("benchmarks/results/copying.jsonl")
RUNS = {"digits_gan": 1000, "digits_vae": 1000, "cancer_gan": 455, "cancer_vae": 455}  # and records that are drawn
Case = Callable[[int], Parts]  # a seed's


def cases(shared: Path) -> dict[str, Case]:
    """Return every data set with an honest generator, and every trained one."""
    digits, cancer = Path("data/prepared/digits"), Path("data/prepared/cancer")
    found: dict[str, Case] = {
        "digits": lambda seed: divide(digits, (1000, 500, 297), _keyed(seed)),
        "Fashion-MNIST": lambda seed: divide(prepare_idx(shared / "fashion-mnist"), (10_000, 2000, 2000), _keyed(seed)),
        "Adult": lambda seed: divide(prepare_adult(shared / "tables" / "adult"), (30_000, 2000, 2000), _keyed(seed)),
        "cancer, rows between": lambda seed: _smooth(divide(cancer, (455, 57, 57), _keyed(seed)), seed),
    }
    for name, count in RUNS.items():
        weights, prepared = Path("data/weights") / name, digits if name.startswith("digits") else cancer
        found[name] = lambda seed, w=weights, p=prepared, c=count: trained(w, p, c, seed)  # type: ignore[misc]
    return found


def _keyed(seed: int) -> np.random.Generator:
    return keyed_generator(seed, "copying")


def _smooth(parts: Parts, seed: int) -> Parts:
    assert isinstance(parts.generated, pd.DataFrame)
    rows = between(parts.generated, len(parts.train), keyed_generator(seed, "between"))
    return Parts(parts.train, rows, parts.held_out)


def measure(name: str, parts: Parts, seed: int) -> None:
    """Judge every kind of generator and add what is found to the results."""
    usual = replays.honest(parts, seed)
    shown = {"honest": parts.generated, "marginals": replays.marginals(parts, keyed_generator(seed, "marginals"))}
    changes = CHANGES if isinstance(parts.train, pd.DataFrame) else CHANGES[:2]
    shown |= {change: replays.replay(parts, SHARE, change, keyed_generator(seed, change)) for change in changes}
    shown["all"] = replays.replay(parts, 1.0, "exactly", keyed_generator(seed, "all"))
    for kind, records in shown.items():
        found = replays.judge(records, parts, usual, seed)
        add_result(RESULTS, {"what": name, "kind": kind, "seed": seed} | _line(found))


def _line(found: Copying) -> dict[str, float]:
    line = {
        "records": found.records,
        "honest": found.honest_records,
        "suspicious_threshold": found.threshold,
        "copied_flagged": float(found.flagged),
    }
    for name, share in (("copied", found.copied), ("closer_than_held_out", found.closer)):
        line |= {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
    return line


def print_tables(seeds: list[int]) -> None:
    """Print how many of the seeds are flagged, and the figures of the median seed."""
    lines = [line for line in last_results(RESULTS, "what", "kind", "seed") if line["seed"] in seeds]
    known = [line["what"] for line in lines]
    names = [name for name in cases(Path()) if name in known]
    frame = pd.DataFrame(lines).set_index(["what", "kind"]).sort_index()
    flagged: list[tuple[Cell, ...]] = []
    figures: list[tuple[Cell, ...]] = []
    for name in names:
        found = {kind: frame.loc[[(name, kind)]] for kind in KINDS if (name, kind) in frame.index}
        first, counts = found["honest"].iloc[0], {kind: part["copied_flagged"] for kind, part in found.items()}
        flags = [f"{counts[kind].sum():.0f}/{len(counts[kind])}" if kind in counts else "" for kind in KINDS]
        flagged.append((name, int(first["records"]), int(first["honest"]), *flags))
        medians = {kind: part.median() for kind, part in found.items()}
        threshold = float(medians["honest"]["suspicious_threshold"])
        figures.append((name, threshold, *(_interval(medians.get(kind)) for kind in KINDS)))
    print(machine(), table(("what", "generated", "honest records", *KINDS), flagged), sep="\n\n")
    print("", table(("what", "threshold", *KINDS), figures), sep="\n")


def _interval(medians: pd.Series | None) -> str:
    if medians is None:
        return ""
    copied = " ".join(f"{100 * medians[f'copied{end}']:.1f}" for end in ("", "_low", "_high"))
    return f"{copied}; {100 * medians['closer_than_held_out']:.0f}"


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--what", nargs="+", help="only these data sets or runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    parser.add_argument("--table", action="store_true", help="print the results so far and measure nothing")
    choices = parser.parse_args()
    torch.set_num_threads(1)
    if not choices.table:
        for name, case in cases(choices.data).items():
            for seed in choices.seeds if choices.what is None or name in choices.what else []:
                measure(name, case(seed), seed)
            print(name, flush=True)
    print_tables(choices.seeds)
