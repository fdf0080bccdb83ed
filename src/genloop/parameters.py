"""What a request to a served run may say, beside what it is answered: no more than the run can do."""

from typing import NamedTuple

from genloop.config import Gan, Vae

FORMS = ("png", "arrays")  # of pictures
Value = int | float | str


class Parameter(NamedTuple):
    """A parameter of a request."""

    name: str
    kind: type[Value]
    default: Value | None  # None: as the run does by itself


def parameters_of(run: Gan | Vae) -> tuple[Parameter, ...]:
    """Return the parameters that requests to a run may have."""
    image = run.modality == "image"
    found = [Parameter("n", int, 1), Parameter("seed", int, 0)]
    if run.conditional:
        found.append(Parameter("label" if image else "where", str, None))
    found.append(Parameter("truncation" if run.family == "gan" else "temperature", float, None))
    return (*found, Parameter("form", str, FORMS[0])) if image else tuple(found)
