"""Networks of your own: a module named in params.yaml, pinned by the hash of its source so that a run stays a fact."""

import hashlib
import sys
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

from genloop.errors import GenloopError
from genloop.strict_yaml import declared_dependencies


def pin(name: str, key: str, project: Path) -> str:
    """Return ``name@hash`` of a module in this project whose source the stage ``configure`` watches.

    Raises:
        GenloopError: names ``key``: there is no such module, it lies elsewhere, or edits of it would go unnoticed.
    """
    project = project.resolve()
    if not all(part.isidentifier() for part in name.split(".")):
        raise GenloopError(f"{key}: '{name}' is no name of a module; write it as in Python: my_package.my_networks")
    source = _find(name, project)
    if source is None:
        raise GenloopError(f"{key}: there is no module {name}; put it into the folder src of this project")
    if not source.is_relative_to(project):
        raise GenloopError(f"{key}: {name} lies outside of this project, where Git does not keep it; copy it into src")
    watched = declared_dependencies(project / "dvc.yaml", "configure")
    content = _content(name, source)
    library = name.startswith("genloop.")  # watched by the stages themselves
    if not library and not any(content.is_relative_to(project / dependency) for dependency in watched):
        place = content.relative_to(project).as_posix()
        raise GenloopError(
            f"{key}: dvc.yaml does not watch {name}; add '- {place}' to the deps of the stage configure, "
            f"so that an edit of it trains anew"
        )
    return f"{name}@{_hash(content)}"


def import_pinned(pinned: str) -> ModuleType:
    """Import ``name@hash``.

    Raises:
        GenloopError: the module cannot be imported, or its source is no longer the one that was pinned.
    """
    name, _, expected = pinned.partition("@")
    try:
        module = import_module(name)
    except ImportError as error:
        raise GenloopError(f"networks: {name} cannot be imported ({error}); mend the name or the module") from None
    if expected and _hash(_content(name, Path(str(module.__file__)))) != expected:
        raise GenloopError(f"networks: {name} has changed since these choices were resolved; run 'dvc repro'")
    return module


def is_missing(pinned: str, project: Path) -> bool:
    """Return whether ``name@hash`` is no module of a project that is not the running one."""
    name = pinned.partition("@")[0]
    source = None if name.startswith("genloop.") else _find(name, project.resolve())
    return not name.startswith("genloop.") and (source is None or not source.is_relative_to(project.resolve()))


def _find(name: str, project: Path) -> Path | None:
    """Return the source of a module as the stages would import it, without importing the module itself.

    Packages around it are imported, so only those of this project.
    """
    sys.path[:0] = [str(project), str(project / "src")]
    try:
        spec = util.find_spec(name.partition(".")[0])
        if "." in name and spec and spec.origin and Path(spec.origin).resolve().is_relative_to(project):
            spec = util.find_spec(name)
    except (ImportError, ValueError):
        return None
    finally:
        del sys.path[:2]
    return Path(spec.origin).resolve() if spec and spec.origin else None


def _content(name: str, source: Path) -> Path:
    """Return what a module stands and falls with: its file, or the whole package of your own that it belongs to."""
    if name.startswith("genloop.") or "." not in name:
        return source
    return next(parent for parent in source.parents if parent.name == name.split(".")[0])


def _hash(content: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(content.rglob("*.py")) if content.is_dir() else [content]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
