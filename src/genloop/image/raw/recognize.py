"""Which reader a raw folder is for, by what lies in it or as params.yaml says."""

from dataclasses import dataclass
from pathlib import Path

from genloop.errors import GenloopError
from genloop.image.raw.archives import unpack
from genloop.image.raw.files import PICTURE_SUFFIXES, Tree, look
from genloop.image.raw.folders import in_class_folders, read_folders
from genloop.image.raw.idx import read_idx
from genloop.image.raw.npz import read_npz
from genloop.image.raw.source import Source

KINDS = {"folders": "picture", "flat": "picture", "csv": "picture", "npz": "npz", "idx": "idx", "parquet": "parquet"}
NAMED = 20  # ignored files that the report names


@dataclass(frozen=True)
class Found:
    """A source, and what else lies in the raw folder."""

    source: Source
    unpacked: list[str]
    ignored: list[str]


def find_source(raw: Path, forced: str | None, scratch: Path) -> Found:
    """Recognize what a raw folder holds, unpacking archives into ``scratch``.

    Raises:
        GenloopError: it is missing, holds nothing that can be read, or more than one kind of it.
    """
    if not raw.is_dir():
        raise GenloopError(f"{raw}: no such folder; put your pictures there")
    tree = look(raw)
    unpacked, ignored = tree.of("archive"), tree.of("other")
    if unpacked:
        beside = next((tree.of(kind)[0] for kind in KINDS.values() if tree.of(kind)), None)
        if beside:
            raise GenloopError(
                f"{raw}: holds {unpacked[0]} beside {beside}; keep the archive or what is unpacked, not both"
            )
        unpack(tree, scratch / "unpacked")
        tree = look(scratch / "unpacked")
        ignored = ignored + tree.of("other")
        if tree.of("archive"):
            raise GenloopError(f"{raw}: {tree.of('archive')[0]} is an archive within an archive; unpack it yourself")
    kind = KINDS[forced] if forced else _only_kind(tree, raw)
    if not tree.of(kind):
        held = ", ".join(sorted(tree.files)) or "nothing"
        raise GenloopError(f"{raw}: format is {forced}, but there is none of it, only {held}; correct or remove format")
    source = _read(tree, raw, kind, forced, scratch)
    if not len(source.names):
        reasons = f" ({source.bad[0].name} {source.bad[0].reason})" if source.bad else ""
        raise GenloopError(f"{raw}: holds no pictures that can be used{reasons}; add some")
    used = {kind, "csv"} if source.format == "csv" else {kind}
    ignored += [name for other, names in tree.files.items() if other not in used | {"other"} for name in names]
    return Found(source, unpacked, sorted(ignored))


def _only_kind(tree: Tree, raw: Path) -> str:
    kinds = [kind for kind in dict.fromkeys(KINDS.values()) if tree.of(kind)]
    if not kinds:
        raise GenloopError(
            f"{raw}: holds no pictures; put class folders of {', '.join(sorted(PICTURE_SUFFIXES))} there, "
            "an archive of them, or .npz, .parquet or IDX files"
        )
    if len(kinds) > 1:
        first, second = (tree.of(kind)[0] for kind in kinds[:2])
        choices = " or ".join(form for form, kind in KINDS.items() if kind in kinds[:2])
        raise GenloopError(f"{raw}: holds {first} beside {second}; keep one kind, or set format: {choices}")
    return kinds[0]


def _read(tree: Tree, raw: Path, kind: str, forced: str | None, scratch: Path) -> Source:
    if kind == "npz":
        return read_npz(tree, raw, scratch)
    if kind == "idx":
        return read_idx(tree, raw, scratch)
    if kind == "parquet":
        from genloop.image.raw.parquet import read_parquet  # takes a second to import, and few need it

        return read_parquet(tree, raw)
    if tree.of("csv") and forced not in ("folders", "flat"):
        from genloop.image.raw.mapping import naming_tables, read_mapping  # as above

        classes = in_class_folders(tree, raw)
        tables = [] if forced else naming_tables(tree)
        if classes and tables:
            raise GenloopError(
                f"{raw}: {tables[0].name} names pictures that lie in class folders; set format: csv or format: folders"
            )
        if not classes or forced:
            return read_mapping(tree, raw)
    if forced == "csv":
        raise GenloopError(f"{raw}: format is csv, but there is no CSV file; add it, or leave format out")
    return read_folders(tree, raw, forced)
