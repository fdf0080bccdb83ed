"""Pictures as files: in class folders or in none, with or without folders for an official split."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from genloop.errors import GenloopError
from genloop.image.raw.files import Tree
from genloop.image.raw.source import Source, class_positions
from genloop.image.raw.split import official_splits, split_of_folder

Parts = tuple[str, ...]


def read_folders(tree: Tree, place: object, forced: str | None) -> Source:
    """Recognize class folders, a flat folder, and ``train`` and ``test`` folders of either.

    Folders that just wrap everything, as archives have them, are passed over.

    Raises:
        GenloopError: names a picture that fits neither, or says why a forced format does not fit.
    """
    names = tree.of("picture")
    splits, inner = folder_splits(names, place)
    classes = None if forced == "flat" else class_folders(names, inner, place)
    if forced == "folders" and len(set(classes or ())) < 2:
        raise GenloopError(f"{place}: format is folders, but there are no two class folders; make one for each class")
    labels, kinds = class_positions(classes, place) if classes else (None, ())
    kind = "folders" if len(kinds) > 1 else "flat"
    return Source(kind, names, lambda index: tree.root / names[index], labels, kinds, splits)


def folder_splits(names: Sequence[str], place: object) -> tuple[tuple[str, ...] | None, list[Parts]]:
    """Return the split of each picture, if its topmost folders say one, and what is left of its path below."""
    paths = [PurePosixPath(name).parts for name in names]
    while paths and min(map(len, paths)) > 2 and len({path[0] for path in paths}) == 1:
        paths = [path[1:] for path in paths]  # a folder that wraps everything
    parts = official_splits({path[0]: split_of_folder(path[0]) for path in paths}, place)
    if not parts:
        return None, paths
    splits = tuple(parts[path[0]] for path in paths)
    # train.zip may hold a folder train of its own
    return splits, [path[1 + (split_of_folder(path[1]) == parts[path[0]]) :] for path in paths]


def class_folders(names: Sequence[str], inner: Sequence[Parts], place: object) -> list[str] | None:
    """Return the class of each picture, the topmost folder of its path, or None where all lie in no folder.

    Raises:
        GenloopError: some lie in a folder and some do not.
    """
    outside = [name for name, path in zip(names, inner, strict=True) if len(path) < 2]
    if outside and len(outside) < len(names):
        raise GenloopError(
            f"{place}: {outside[0]} lies beside class folders; put every picture into a class folder, or none"
        )
    return None if outside else [path[0] for path in inner]


def in_class_folders(tree: Tree, place: object) -> bool:
    """Say whether all pictures lie in two or more class folders."""
    _, inner = folder_splits(tree.of("picture"), place)
    return min(map(len, inner)) > 1 and len({path[0] for path in inner}) > 1
