"""A decision on a data set's champion."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gate", "by hand", "rollback"]
Result = Literal["promoted", "kept", "refused", "rolled back"]


@dataclass(frozen=True)
class Aliases:
    """Where aliases point to, as numbers of versions; an empty one points to none."""

    champion: str = ""
    challenger: str = ""
    previous: str = ""
    rolled_back: tuple[str, ...] = ()  # the versions that are marked so


@dataclass(frozen=True)
class Decision:
    """What was decided of a data set's champion, by whom and why."""

    data: str
    kind: Kind
    outcome: Result
    run: str  # of whose weights it was decided
    weights: str  # their hash
    before: str  # the label of the champion before; "" where there was none
    after: str  # that afterwards
    who: str
    when: str  # UTC
    why: str
    identity: str  # hash of what it was decided on; "" for what was done by hand
    version: str = ""  # the number of the version of these weights
    aliases: Aliases = Aliases()  # where they point to afterwards
    rules: tuple[tuple[str, str], ...] = ()  # by score what was asked of it and what came of it

    @property
    def of(self) -> str:
        """The label of the weights that it was decided of."""
        return f"{self.run}-{self.weights[:7]}"
