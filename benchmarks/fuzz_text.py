"""Hostile text for the fuzzer: params.yaml by its grammar and by mutation, delimited tables, and what people ask for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

Generator = np.random.Generator
ODD = (
    "", " ", "\t", "\r", "\n", "\0", "\x1b[31m", "\u202e", "\u2028", "\ufeff", "é", "💥", "'", '"', ",", ";", "|", "#", "&a", "*a", "<<", "!!python/object/apply:os.system",
    "../x", "/etc/passwd", "~", "CON", "a" * 300, "0", "-0", "-1", "1e400", ".inf", "-.inf", ".nan", "NaN", "inf", "1" * 400, "9" * 5000, "0x", "0b2", "1_000", "12:30:45",
    "2024-13-45", "2024-02-30", "0001-01-01", "9999-12-31", "24:00", "null", "true", "yes", "=", ">=", "a = b", "a >= b", "1,5", "$3", "?", "<script>alert(1)</script>", "=1+1",
    "%", "%q", "%Y", "%z", "%Y-%m-%d", "[", "{", "]", "}", ": ", "- ", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e308", "1e-320", "1.0e+400", "٣", "½",
)  # fmt: skip
KEYS = (
    "data", "runs", "modality", "family", "epochs", "batch", "width", "latent", "lr", "loss", "penalty", "seed", "size", "channels", "columns", "rules", "holdout", "holdout_by", "reference",
    "count", "networks", "sample", "where", "label", "evaluate", "trainer", "devices", "limits", "memory", "kind", "values", "format", "decimals", "records_seen", "zzz", "__class__",
    "gate", "scores", "rank", "seeds", "drift", "moving", "shift", "level", "at_least", "at_most", "not_worse_by", "recall", "frechet",
)  # fmt: skip
VALID: dict[str, Any] = {
    "data": {
        "mine": {
            "modality": "image",
            "size": 16,
            "holdout": 0.2,
            "holdout_by": "content",
            "reference": {"count": 50, "epochs": 1},
        },
        "rows": {"modality": "table", "rules": ["end >= start", "total = price + tip"], "columns": {"age": "integer"}},
    },
    "runs": {
        "mine_gan": {"data": "mine", "modality": "image", "family": "gan", "epochs": 3, "sample": {"count": 50}},
        "mine_vae": {"data": "mine", "modality": "image", "family": "vae", "lr": 0.001, "latent": 4},
        "rows_vae": {"data": "rows", "modality": "table", "family": "vae", "sample": {"where": {"town": "Ulm"}}},
        "rows_gan": {"data": "rows", "modality": "table", "family": "gan", "trainer": {"devices": 1}},
    },
    "gate": {
        "mine": {"scores": {"recall": {"at_least": 0.6}, "frechet": {"at_most": 9, "not_worse_by": "2 %"}}, "seeds": 1},
        "rows": {"scores": {"pairs": {"not_worse_by": 0.01}}, "rank": "shapes", "drift": {"moving": ["age"]}},
    },
}
DOCUMENTS = (
    "", "\ufeff", "- a\n- b\n", "just words\n", "data: *nowhere\n", "[" * 5000, "{a: " * 3000, "- " * 4000 + "x", "data: &a {x: *a}\nruns: {}\n", "\tdata: {}\n", "? [a, b]\n: c\n",
    "data: !!python/object/apply:os.system ['touch marker']\nruns: {}\n", "data: !!binary x\nruns: !!timestamp x\n", "data: {}\n---\nruns: {}\n", "%YAML 9.9\n---\ndata: {}\n", "data: {}\ndata: {}\n",
    "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)) + "data: *a11\n",
    "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)) + "data: *a11\n",
    "data: {" + ", ".join(f"d{i}: {{modality: image}}" for i in range(2000)) + "}\nruns: {}\n", "data: {" + ", ".join(f"d{i}: 1" for i in range(2000)) + "}\nruns: {}\n",
)  # fmt: skip


def pick(generator: Generator, choices: Sequence[Any]) -> Any:
    """Return one of them as it is, which NumPy's own choice would turn into its types."""
    return choices[int(generator.integers(len(choices)))]


def mutated(content: bytes, generator: Generator, others: Sequence[bytes] = ()) -> bytes:
    """Return bytes that differ in one to eight places: set, removed, doubled, put in, cut off or from another."""
    changed = bytearray(content)
    for _ in range(int(generator.integers(1, 9))):
        size = len(changed)
        place = (
            int(generator.integers(size + 1))
            if generator.random() < 0.5
            else int(generator.integers(min(size, 64) + 1))
        )
        end = min(size, place + int(generator.integers(1, 9)))
        way = int(generator.integers(7))
        if way == 0 and place < size:
            changed[place] ^= 1 << int(generator.integers(8))
        elif way == 1:
            extreme = pick(
                generator,
                (
                    b"\xff\xff\xff\xff",
                    b"\x7f\xff\xff\xff",
                    b"\0\0\0\0",
                    b"\x80\0\0\0",
                    b"\xff\xff\xff\x7f",
                    b"\xff" * 8,
                ),
            )
            changed[place : place + len(extreme)] = extreme
        elif way == 2:
            del changed[place:end]
        elif way == 3:
            changed[place:place] = changed[place:end] * int(generator.integers(1, 5))
        elif way == 4:
            changed[place:place] = generator.bytes(int(generator.integers(1, 9)))
        elif way == 5 and generator.random() < 0.2:
            del changed[place:]
        elif way == 6 and others:
            other = pick(generator, others)
            start = int(generator.integers(len(other) + 1))
            changed[place:end] = other[start : start + int(generator.integers(1, 200))]
    return bytes(changed)


def odd_value(generator: Generator, depth: int = 0) -> Any:
    """Return any value that YAML can hold."""
    way = int(generator.integers(9 if depth < 3 else 6))
    if way < 3:
        return pick(generator, ODD)
    if way == 3:
        return pick(generator, (0, 1, -1, 2**31, 2**63, 10**300, True, False, None))
    if way == 4:
        return pick(generator, (0.0, -0.5, 1e300, float("inf"), float("nan")))
    if way == 5:
        return pick(
            generator,
            (
                "image",
                "table",
                "gan",
                "vae",
                "mine",
                "rows",
                "classifier",
                "inception",
                "os.path",
                "genloop.image.networks.dense",
                "antigravity.x",
                "..",
                "a..b",
            ),
        )
    if way == 6:
        return [odd_value(generator, depth + 1) for _ in range(int(generator.integers(4)))]
    return {
        str(pick(generator, KEYS + ODD)): odd_value(generator, depth + 1) for _ in range(int(generator.integers(4)))
    }


def _with_odd_values(generator: Generator) -> dict[str, Any]:
    """Return valid choices in which some keys were added, changed, renamed or removed."""
    choices: dict[str, Any] = json.loads(json.dumps(VALID))
    for _ in range(int(generator.integers(1, 4))):
        place = choices
        while True:
            inner = [value for value in place.values() if isinstance(value, dict) and value]
            if not inner or generator.random() < 0.25:
                break
            place = pick(generator, inner)
        known = list(place)
        way = int(generator.integers(4))
        if way == 0 or not known:
            place[str(pick(generator, KEYS))] = odd_value(generator)
        elif way == 1:
            place[pick(generator, known)] = odd_value(generator)
        elif way == 2:
            place[str(pick(generator, ODD + KEYS))] = place.pop(pick(generator, known))
        else:
            place.pop(pick(generator, known))
    return choices


def make_params(generator: Generator, folder: Path) -> None:
    """Write ``params.yaml`` and the raw folders that a valid one needs."""
    for name in VALID["data"]:
        (folder / "raw" / name).mkdir(parents=True)
    way = generator.random()
    if way < 0.1:
        content = pick(generator, DOCUMENTS).encode()
    elif way < 0.6:
        content = json.dumps(_with_odd_values(generator), indent=2, ensure_ascii=bool(generator.random() < 0.5)).encode(
            errors="surrogatepass"
        )
    else:
        text = json.dumps(VALID, indent=1)
        for _ in range(int(generator.integers(1, 4))):
            place = int(generator.integers(len(text)))
            text = text[:place] + pick(generator, ODD) + text[place + int(generator.integers(4)) :]
        content = text.encode()
    if generator.random() < 0.3:
        content = mutated(content, generator)
    if generator.random() < 0.03:
        content = content.decode(errors="replace").encode(
            pick(generator, ("utf-16", "utf-32", "cp1252", "utf-8-sig")), errors="replace"
        )
    (folder / "params.yaml").write_bytes(content)


WORDS = ("red", "blue", "green", "Ulm", "Bern", "yes", "no", "true", "A1", "007")


def cells(generator: Generator, rows: int) -> list[str]:
    """Return a column's values as text: of one kind, with some that are odd."""
    way = int(generator.integers(8)) if generator.random() < 0.3 else int(generator.integers(6))
    numbers = generator.integers(-99, 99, rows)
    column = {
        0: [str(number) for number in numbers],
        1: [f"{number / 7:.2f}" for number in numbers],
        2: [pick(generator, WORDS) for _ in range(rows)],
        3: [f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}" for number in numbers],
        4: [f"{number % 24:02d}:{number % 60:02d}" for number in numbers],
        5: [f"1/{1 + number % 28}/24 7:{number % 60:02d}" for number in numbers],
        6: ["some words of prose here" + str(number) for number in numbers],
        7: [str(pick(generator, ODD)) for _ in range(rows)],
    }[way]
    if generator.random() < 0.25:
        for _ in range(int(generator.integers(1, 4))):
            column[int(generator.integers(rows))] = pick(generator, (*ODD, "NA", "?"))
    return column


def table(generator: Generator) -> dict[str, list[str]]:
    """Return columns of text by their names, few of which are odd."""
    rows = int(generator.integers(1, 40) if generator.random() < 0.2 else generator.integers(12, 60))
    names = [
        f"c{number}" if generator.random() < 0.97 else str(pick(generator, ODD))
        for number in range(int(generator.integers(1, 7)))
    ]
    return {name: cells(generator, rows) for name in names}


def as_csv(columns: dict[str, list[str]], generator: Generator) -> bytes:
    """Return a table as text of some form and encoding, mutated now and then."""
    mark = pick(generator, (",", ";", "\t", "|"))
    quoted = generator.random() < 0.5
    lines = [list(columns), *zip(*columns.values(), strict=True)]
    text = "".join(
        mark.join('"' + cell.replace('"', '""') + '"' if quoted else cell for cell in line) + "\n" for line in lines
    )
    content = text.encode(
        pick(generator, ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252")), errors="replace"
    )
    return mutated(content, generator) if generator.random() < 0.25 else content


def make_table_choices(generator: Generator) -> dict[str, Any]:
    """Return choices of ``data:`` for a table, some of them odd."""
    choices: dict[str, Any] = {
        "modality": "table",
        "holdout": pick(generator, (0.2, 0.001, 0.999)),
        "holdout_by": pick(generator, ("place", "content")),
    }
    if generator.random() < 0.3:
        kinds = ("integer", "float", "boolean", "category", "datetime", "key", "constant", "omit")
        choices["columns"] = {f"c{int(generator.integers(3))}": {"kind": pick(generator, kinds)}}
        if generator.random() < 0.5:
            choices["columns"] = {f"c{int(generator.integers(3))}": {"format": str(pick(generator, ODD))}}
        if generator.random() < 0.2:
            choices["columns"] = {
                f"c{int(generator.integers(3))}": {"values": [str(pick(generator, ODD)), "red", "blue"]}
            }
    if generator.random() < 0.4:
        sides = [f"c{int(generator.integers(3))}" for _ in range(3)]
        choices["rules"] = [
            pick(generator, ("{} >= {}", "{} = {} + {}", "{} > {}", "{} = {} - {}", "{} <= {}")).format(*sides)
        ]
    return choices


def make_csv(generator: Generator, folder: Path) -> None:
    """Write a raw folder with a table, or a split of two, and the choices that it is prepared with."""
    (folder / "raw").mkdir()
    for name in pick(generator, (("t.csv",), ("t.csv",), ("t.csv",), ("train.csv", "test.tsv"))):
        (folder / "raw" / name).write_bytes(as_csv(table(generator), generator))
    (folder / "choices.json").write_text(json.dumps(make_table_choices(generator)))


TOWNS = ("Ulm", "Bern", "Oslo", "?")


def make_asked(generator: Generator, folder: Path) -> None:
    """Write what is asked of a trained run: keys of ``sample:``, or a table with gaps."""
    columns = ("id", "start", "end", "price", "tip", "total", "town", "member")
    if generator.random() < 0.6:
        likely = ("Ulm", "yes", 11.5, 0.5, "2024-01-02 03:04:00", "2024-05-02 07:04:00", None, True, "10.50")
        where = {
            str(pick(generator, columns if generator.random() < 0.9 else ODD)): pick(generator, likely)
            if generator.random() < 0.5
            else odd_value(generator, depth=3)
            for _ in range(int(generator.integers(1, 4)))
        }
        key = (
            "where"
            if generator.random() < 0.8
            else pick(generator, ("count", "seed", "label", "modality", str(pick(generator, ODD))))
        )
        value = where if key == "where" else pick(generator, (1, 3, "3", *ODD))
        (folder / "set.json").write_text(json.dumps([f"{key}={json.dumps(value)}"]))
        return
    rows = int(generator.integers(1, 6))
    known: dict[str, list[str]] = {
        "id": [f"R{row:04d}" for row in range(rows)],
        "start": ["2024-01-02 03:04:00"] * rows,
        "end": ["2024-01-02 05:04:00"] * rows,
        "price": ["10.50"] * rows,
        "tip": ["1.50"] * rows,
        "total": ["12.00"] * rows,
        "town": [pick(generator, TOWNS) for _ in range(rows)],
        "member": ["yes"] * rows,
    }
    for _ in range(int(generator.integers(1, 8))):
        known[pick(generator, columns)][int(generator.integers(rows))] = ""
    for _ in range(int(generator.integers(3))):
        known[pick(generator, columns)][int(generator.integers(rows))] = str(pick(generator, ODD))
    if generator.random() < 0.05:
        known.pop(pick(generator, columns))
    (folder / "gaps.csv").write_bytes(as_csv(known, generator))
