"""Which installed packages genloop requires, and by which way."""

import tomllib
from collections import deque
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from genloop.errors import GenloopError


class Required(NamedTuple):
    """An installed package with the packages that lead to it, the first of which genloop names itself."""

    package: Distribution
    way: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name as everybody writes it."""
        return self.way[-1]


def stated(pyproject: Path, extras: Iterable[str] = ()) -> list[str]:
    """Return the requirements that ``pyproject.toml`` states, with those of some extras."""
    project = tomllib.loads(pyproject.read_text())["project"]
    more = (project["optional-dependencies"][extra] for extra in extras)
    return [*project["dependencies"], *(requirement for part in more for requirement in part)]


def required(requirements: Iterable[str]) -> list[Required]:
    """Return the packages that requirements lead to here, each once and by its shortest way, sorted by name.

    Raises:
        GenloopError: one is not installed.
    """
    found: dict[str, Required] = {}
    followed: set[tuple[str, str]] = set()  # packages with the extra whose requirements were looked at
    queue: deque[tuple[Requirement, tuple[str, ...], str]] = deque()
    queue.extend((Requirement(text), ("genloop",), "") for text in requirements)
    while queue:
        requirement, way, extra = queue.popleft()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        here = found.setdefault(name, Required(_installed(name, way), (*way, name)))
        for wanted in {"", *requirement.extras} - {extra for known, extra in followed if known == name}:
            followed.add((name, wanted))
            queue.extend((Requirement(text), here.way, wanted) for text in here.package.requires or ())
    return sorted(found.values(), key=lambda each: each.name)


def _installed(name: str, way: tuple[str, ...]) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise GenloopError(
            f"{name}: is required by {' -> '.join(way)} and is not installed; say 'pip install -e .[test]' again"
        ) from None
