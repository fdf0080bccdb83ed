"""How often honest deliveries are told of or called broken, and how often spoiled ones are: on real data.

Each delivery is drawn from a data set at random, so an honest one differs from the rest by chance alone. A natural one
comes from a part that other people made or a later time: the official test split, or the last tenth of a table by its
date. A spoiled one has a fault in a share of its records. Data sets are prepared once; of large ones 3,000 records are
known.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.measure import machine, table
from genloop.choices import ImagePrepare, TablePrepare
from genloop.deliveries.check import Delivery, check_delivery
from genloop.deliveries.choices import Drift
from genloop.image.raw.prepare import prepare as prepare_pictures
from genloop.numerics import make_reproducible
from genloop.outputs import write_json
from genloop.randomness import keyed_generator
from genloop.table.encoding.columns import Column
from genloop.table.raw.prepare import prepare as prepare_rows

KNOWN = 3_000  # records, at most
SIZES = (20, 100, 1000)
SHARES = (0.05, 0.1, 0.25, 1.0)
PREPARED = Path("benchmarks/prepared")
TABLES = {
    "cancer": "data/raw/cancer",
    "titanic": "tables/titanic.csv",
    "adult": "tables/adult/adult.csv",
    "taxis": "tables/taxis.csv",
}
PICTURES = {
    "digits": "data/raw/digits",
    "fashion-mnist": "fashion-mnist",
    "mnist": "mnist",
    "clothing": "clothing/px32",
}
OTHERS = {"mnist": "fashion-mnist", "fashion-mnist": "mnist"}

Rows = pd.DataFrame
Fault = Callable[[Rows, np.ndarray, np.random.Generator], Rows]


def prepared(name: str, source: str, data: Path) -> Path:
    """Return the prepared folder of a data set, made where it is missing."""
    out = PREPARED / f"deliveries-{name}"
    if not out.exists():
        place = Path(source) if source.startswith("data/") else data / source
        if name in PICTURES:
            prepare_pictures(place, ImagePrepare(modality="image"), out)
        else:
            with TemporaryDirectory() as folder:
                raw = place if place.is_dir() else Path(folder)
                if place.is_file():
                    (raw / place.name).write_bytes(place.read_bytes())
                prepare_rows(raw, TablePrepare(modality="table"), out)
    return out


class TableSet:
    """A prepared table from which deliveries are drawn."""

    modality = "table"

    def __init__(self, folder: Path) -> None:
        """Read all of it."""
        self.schema = json.loads((folder / "schema.json").read_text())
        self.columns = {column.name: column for column in map(Column.of, self.schema["columns"])}
        parts = [pd.read_parquet(folder / f"{split}.parquet") for split in ("train", "test")]
        self.rows = pd.concat(parts, ignore_index=True)
        self.rows = self.rows.astype({name: column.dtype for name, column in self.columns.items()})
        self.size = len(self.rows)
        dates = [name for name, column in self.columns.items() if column.kind == "datetime"]
        if dates:
            self.rows = self.rows.sort_values(dates[0], ignore_index=True)
        self.apart = self.size * 9 // 10 if dates else self.size  # from where on records are of another kind, by nature
        self.faults = table_faults(self.columns, self.rows)

    def write(self, chosen: np.ndarray, out: Path) -> None:
        """Write known rows."""
        self._write(self.rows.iloc[chosen], out)

    def deliver(
        self, known: np.ndarray, new: np.ndarray, fault: str | None, share: float, seed: int, out: Path
    ) -> None:
        """Write known rows and new ones, a share of which has the fault."""
        rows, generator = self.rows.iloc[new].reset_index(drop=True), np.random.default_rng(seed)
        if fault is not None:
            spoiled = generator.permutation(len(rows))[: max(round(share * len(rows)), 1)]
            rows = self.faults[fault](rows, np.sort(spoiled), generator)
        self._write(pd.concat([self.rows.iloc[known], rows], ignore_index=True), out)

    def _write(self, rows: Rows, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        rows.reset_index(drop=True).to_parquet(out / "train.parquet", index=False)
        rows.iloc[:0].to_parquet(out / "test.parquet", index=False)
        write_json(out / "schema.json", self.schema)


def table_faults(columns: dict[str, Column], rows: Rows) -> dict[str, Fault]:
    """Return faults by what they do, each to the columns that it can happen to, drawn anew for each delivery."""
    numbers = [name for name, column in columns.items() if column.kind in ("integer", "float")]
    words = [name for name, column in columns.items() if column.kind == "category"]
    several = [name for name in numbers if rows[name].nunique() > 10]

    def one(names: list[str], change: Callable[[pd.Series], pd.Series]) -> Fault:
        def fault(rows: Rows, spoiled: np.ndarray, generator: np.random.Generator) -> Rows:
            name = names[generator.integers(len(names))]
            values = rows[name].copy()
            values.iloc[spoiled] = change(values.iloc[spoiled]).astype(values.dtype).array
            return rows.assign(**{name: values})

        return fault

    def swapped(rows: Rows, spoiled: np.ndarray, generator: np.random.Generator) -> Rows:
        first, second = generator.permutation(several)[:2]
        one, two = rows[first].astype("Float64"), rows[second].astype("Float64")
        rows = rows.assign(**{first: one.copy(), second: two.copy()})
        rows.loc[spoiled, first], rows.loc[spoiled, second] = two.iloc[spoiled].array, one.iloc[spoiled].array
        return rows

    def shuffled(rows: Rows, spoiled: np.ndarray, generator: np.random.Generator) -> Rows:
        mixed = {name: rows[name].iloc[generator.permutation(spoiled)].array for name in rows}
        rows = rows.copy()
        for name, values in mixed.items():
            rows.loc[spoiled, name] = values
        return rows

    middle = [name for name in several if rows[name].quantile(0.99) < 1e6]
    return {
        "units x 1000": one(several, lambda values: (values.astype("Float64") * 1000).round(6)),
        "x 1.8 + 32": one(middle, lambda values: (values.astype("Float64") * 1.8 + 32).round()),
        "two columns swapped": swapped,
        "a column constant": one(several, lambda values: pd.Series([values.mode().iloc[0]] * len(values))),
        "values missing": one([*numbers, *words], lambda values: values.mask(np.ones(len(values), bool))),
        "a category renamed": one(words, lambda values: values.str.upper() + "_"),
        "columns shuffled": shuffled,
    }


class PictureSet:
    """Prepared pictures from which deliveries are drawn."""

    modality = "image"

    def __init__(self, folder: Path, other: Path | None = None) -> None:
        """Map all of it; ``other`` are pictures of the same shape that do not belong here."""
        self.schema = json.loads((folder / "schema.json").read_text())
        splits = ("train", "test")
        self.pictures = np.concatenate([np.load(folder / f"{split}.npy") for split in splits])
        self.labels = np.concatenate([np.load(folder / f"{split}_labels.npy") for split in splits])
        self.size = len(self.pictures)
        official = json.loads((folder / "report.json").read_text())["split"] == "official"
        self.apart = len(np.load(folder / "train.npy", mmap_mode="r")) if official else self.size
        faults: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
            "inverted": lambda x, _: 255 - x,
            "blank": lambda x, _: np.zeros_like(x),
            "rotated by 90 degrees": lambda x, _: np.rot90(x, axes=(2, 3)),
            "brighter by 25": lambda x, _: np.clip(x.astype(int) + 25, 0, 255).astype(np.uint8),
        }
        if other is not None:
            strange = np.load(other / "test.npy")
            faults["another data set"] = lambda x, g: strange[g.integers(len(strange), size=len(x))]
        self.faults = [*faults, "labels shuffled"]
        self._change = faults

    def write(self, chosen: np.ndarray, out: Path) -> None:
        """Write known pictures."""
        self._write(self.pictures[chosen], self.labels[chosen], out)

    def deliver(
        self, known: np.ndarray, new: np.ndarray, fault: str | None, share: float, seed: int, out: Path
    ) -> None:
        """Write known pictures and new ones, a share of which has the fault."""
        pictures, labels, generator = self.pictures[new], self.labels[new], np.random.default_rng(seed)
        spoiled = np.sort(generator.permutation(len(new))[: max(round(share * len(new)), 1)])
        if fault == "labels shuffled":
            labels[spoiled] = generator.permutation(labels[spoiled])
        elif fault is not None:
            pictures[spoiled] = self._change[fault](pictures[spoiled], generator)
        both = np.concatenate([self.pictures[known], pictures])
        self._write(both, np.concatenate([self.labels[known], labels]), out)

    def _write(self, pictures: np.ndarray, labels: np.ndarray, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        for split, part in (("train", slice(None)), ("test", slice(0))):
            np.save(out / f"{split}.npy", pictures[part])
            np.save(out / f"{split}_labels.npy", labels[part])
        write_json(out / "schema.json", self.schema)


Set = TableSet | PictureSet


def check(
    source: Set,
    size: int,
    number: int,
    fault: str | None = None,
    share: float = 0.0,
    natural: bool = False,
    most: int = KNOWN,
) -> tuple[Delivery, float]:
    """Return what is found of one delivery, and the seconds of the processor that it took."""
    order = keyed_generator(number, "delivery", size).permutation(source.size)
    new, known = order[:size], order[size : size + min(most, source.size - size)]
    if natural:
        new, known = order[order >= source.apart][:size], order[order < source.apart][:most]
    with TemporaryDirectory() as folder:
        before, now = Path(folder) / "before", Path(folder) / "now"
        source.write(known, before)
        source.deliver(known, new, fault, share, number, now)
        start = time.process_time()
        found = check_delivery("it", source.modality, before, now, Drift())
        return found, time.process_time() - start


def rates(found: list[tuple[Delivery, float]]) -> tuple[str, str, str]:
    """Return how many deliveries are told of, and broken, and the mean time of a check."""
    told, broken = (sum(map(test, found)) for test in (lambda one: bool(one[0].findings), lambda one: one[0].broken))
    return f"{told} of {len(found)}", f"{broken} of {len(found)}", f"{np.mean([seconds for _, seconds in found]):.2f}"


def reasons(found: list[tuple[Delivery, float]], begun: str) -> list[str]:
    """Return what was found, the most frequent first, and how often."""
    counts: Counter[str] = Counter()
    for delivery, _ in found:
        counts.update({f"{finding.what}{', broken' * finding.broken}" for finding in delivery.findings})
    return [f"{begun}: {what}: {count}" for what, count in counts.most_common(8)]


def main(choices: argparse.Namespace) -> None:
    """Print both tables for each data set."""
    make_reproducible(threads=1)
    print(machine())
    for name in choices.sets:
        folder = prepared(name, (TABLES | PICTURES)[name], choices.data)
        source: Set
        if name in TABLES:
            source = TableSet(folder)
        else:
            other = OTHERS.get(name)
            source = PictureSet(folder, prepared(other, PICTURES[other], choices.data) if other else None)
        sizes = [size for size in choices.sizes if size <= source.size * 0.6]
        counts = {"honest": choices.honest, "natural": choices.natural if source.apart < source.size else 0}
        for kind in (kind for kind, count in counts.items() if count):
            lines = []
            for size in sizes:
                one = partial(check, source, size, most=choices.known, natural=kind == "natural")
                found = [one(number) for number in range(counts[kind])]
                lines.append((str(size), *rates(found)))
                print(*reasons(found, f"  {size}"), sep="\n", flush=True)
            print(f"\n{name}, {kind}\n\n{table(('new', 'told', 'broken', 'CPU s'), lines)}\n", flush=True)
        if not choices.spoiled:
            continue
        rows = []
        for fault in source.faults:
            for size in sizes:
                one = partial(check, source, size, most=choices.known, fault=fault)
                cells = [rates([one(number=n, share=share) for n in range(choices.spoiled)]) for share in SHARES]
                rows.append((fault, str(size), *(f"{broken} ({told})" for told, broken, _ in cells)))
                print("|".join(rows[-1]), flush=True)
        heads = ("fault", "new", *(f"{share:.0%} spoiled: broken (told)" for share in SHARES))
        print(f"\n{name}, spoiled\n\n{table(heads, rows)}\n", flush=True)


def arguments() -> argparse.ArgumentParser:
    """Return the parser of what may be chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with mnist, tables and so on")
    parser.add_argument("--sets", nargs="*", default=[*TABLES, *PICTURES], help="data sets")
    parser.add_argument("--known", type=int, default=KNOWN, help="known records, at most")
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="new records of a delivery")
    parser.add_argument("--honest", type=int, default=50, help="honest deliveries of each size")
    parser.add_argument("--natural", type=int, default=10, help="natural deliveries of each size")
    parser.add_argument("--spoiled", type=int, default=10, help="spoiled ones of each kind, share and size; 0: none")
    return parser


if __name__ == "__main__":
    main(arguments().parse_args())
