"""CSV files that say the label of each picture beside them; their columns are told by content."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from genloop.errors import GenloopError
from genloop.image.raw.files import PICTURE_SUFFIXES, Tree
from genloop.image.raw.folders import folder_splits
from genloop.image.raw.source import LABEL_NAMES, Bad, Source, class_positions
from genloop.image.raw.split import official_splits, split_of_file

NAMING = 0.5  # share of a column's values that name pictures where the column is taken for their names


class Names:
    """Finds pictures by what a table may call them: their path or file name, or these without the suffix."""

    def __init__(self, pictures: list[str], suffixes: bool) -> None:
        paths = [PurePosixPath(name) for name in pictures]
        whole = paths if suffixes else [path.with_suffix("") for path in paths]
        counts = Counter(path.name for path in whole)
        self.known = {said.name: name for said, name in zip(whole, pictures, strict=True) if counts[said.name] == 1}
        self.known |= {str(said): name for said, name in zip(whole, pictures, strict=True)}

    def find(self, said: str, beside: PurePosixPath) -> str | None:
        """Return the picture that is meant, looked for beside the table first."""
        said = said.strip().replace("\\", "/").removeprefix("./")
        return self.known.get((beside / said).as_posix()) or self.known.get(said)


@dataclass(frozen=True)
class Table:
    """A CSV file in which some columns name pictures."""

    name: str
    rows: pd.DataFrame
    naming: list[str]
    names: Names

    @property
    def beside(self) -> PurePosixPath:
        """Return the folder that names are relative to."""
        return PurePosixPath(self.name).parent


def naming_tables(tree: Tree) -> list[Table]:
    """Return the CSV files in which a column names the pictures.

    Raises:
        GenloopError: one of them cannot be read.
    """
    found = []
    for name in tree.of("csv"):
        for suffixes in (True, False):
            names = Names(tree.of("picture"), suffixes)
            rows = _read(tree.root / name, names, PurePosixPath(name).parent)
            naming = _naming(rows, names, PurePosixPath(name).parent)
            if naming:
                found.append(Table(name, rows, naming, names))
            if naming or any(_share(rows[column], _is_file_name) for column in rows.columns):
                break  # what has suffixes names files, even if they are not there; other columns are no names then
    return found


def _naming(rows: pd.DataFrame, names: Names, beside: PurePosixPath) -> list[str]:
    """Return the columns that name pictures; where several could, those that name each just once."""
    naming = [column for column in rows.columns if _share(rows[column], lambda said: bool(names.find(said, beside)))]
    distinct = [column for column in naming if rows[column].is_unique]
    return distinct if len(naming) > 1 and distinct else naming


def _share(values: "pd.Series[str]", holds: Callable[[str], bool]) -> bool:
    return len(values) > 0 and sum(map(holds, values)) >= NAMING * len(values)


def _is_file_name(said: str) -> bool:
    return PurePosixPath(said.strip()).suffix.lower() in PICTURE_SUFFIXES


def _read(path: Path, names: Names, beside: PurePosixPath) -> pd.DataFrame:
    """Read a table as text; a first line that names a picture is no header."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            first = stream.readline()
        separator = max(",;\t", key=first.count)
        cells = [cell.strip().strip('"') for cell in first.split(separator)]
        header = None if any(names.find(cell, beside) for cell in cells) else 0
        rows = pd.read_csv(path, sep=separator, header=header, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        told = " ".join(str(error).split())
        raise GenloopError(f"{path}: cannot be read as CSV ({told}); write it as UTF-8 text, or move it away") from None
    return rows.rename(columns=str)


def read_mapping(tree: Tree, place: object) -> Source:
    """Read the labels of pictures from one CSV, or from one for each split.

    Raises:
        GenloopError: names the file and what cannot be told.
    """
    tables, pictures = naming_tables(tree), tree.of("picture")
    if not tables:
        told = ", ".join(tree.of("csv")) or "there is no CSV"
        raise GenloopError(f"{place}: {told}: no column names the pictures; correct it, or set format: flat or folders")
    said = official_splits({table.name: split_of_file(table.name) for table in tables}, place)
    if len(tables) > 1 and not said:
        told = " and ".join(table.name for table in tables)
        raise GenloopError(f"{place}: {told} name pictures; keep one, or call them train.csv and test.csv")
    labels, split_of, bad, notes = dict[str, str](), dict[str, str](), list[Bad](), list[str]()
    for table in tables:
        column, label = _columns(table, tree.root / table.name)
        notes.append(f"{table.name}: column '{column}' names the pictures, '{label}' says their labels")
        for called, value in zip(table.rows[column], table.rows[label], strict=True):
            found = table.names.find(called, table.beside)
            if found in labels:
                raise GenloopError(f"{tree.root / table.name}: names {called} twice; keep one row for each picture")
            if found is None:
                bad.append(Bad(called, f"is named in {table.name}, but there is no such picture"))
            else:
                labels[found], split_of[found] = value.strip(), (said or {}).get(table.name, "")
    unlabeled = [name for name in pictures if not labels.get(name)]
    bad += [Bad(name, "has no label in the CSV" if name in labels else "is in no row of the CSV") for name in unlabeled]
    kept = [name for name in pictures if labels.get(name)]
    splits = tuple(split_of[name] for name in kept) if said else folder_splits(kept, place)[0]
    positions, classes = class_positions([labels[name] for name in kept], place)
    return Source(
        "csv", kept, lambda index: tree.root / kept[index], positions, classes, splits, tuple(bad), tuple(notes)
    )


def _columns(table: Table, path: Path) -> tuple[str, str]:
    """Return the column that names the pictures and the one that says their labels."""
    if len(table.naming) > 1:
        raise GenloopError(f"{path}: {' and '.join(table.naming)} both name pictures; keep one of these columns")
    (column,) = table.naming
    others = [other for other in table.rows.columns if other != column and not other.startswith("Unnamed: ")]
    labels = [other for other in others if other.lower() in LABEL_NAMES] if len(others) > 1 else others
    if len(labels) != 1:
        told = (
            f"{' and '.join(others)} could be the label; call one of them 'label'"
            if others
            else (f"there is no column of labels beside '{column}'; add it, or set format: flat")
        )
        raise GenloopError(f"{path}: {told}")
    return column, labels[0]
