"""From params.yaml to one file of resolved choices per data set or run and stage."""

import difflib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from genloop.choices import ColumnChoice, ImageData, ImageProtocol, TableData, TableProtocol
from genloop.config import (
    GanEvaluate,
    ImageGanRun,
    ImageGanSample,
    ImageVaeRun,
    ImageVaeSample,
    Limits,
    Params,
    TableGanRun,
    TableGanSample,
    TableVaeRun,
    TableVaeSample,
    Trainer,
    VaeEvaluate,
)
from genloop.deliveries.choices import Drift
from genloop.errors import GenloopError
from genloop.gate.choices import Gate, Limit
from genloop.glossary import glossary
from genloop.outputs import replace_folder, write_json
from genloop.own import pin
from genloop.strict_yaml import parse_yaml, read_yaml

SHOWN = 20  # faults of params.yaml that are told at once
SAMPLES = ImageGanSample, ImageVaeSample, TableGanSample, TableVaeSample
SHOWN_LETTERS = 60  # of a value that is told to be wrong


def read_params(path: Path, raw: Path) -> Params:
    """Read and check params.yaml, and that each data set has a raw folder.

    Raises:
        GenloopError: one line per fault, each with its key and what to do.
    """
    if not path.is_file():
        raise GenloopError(f"{path}: missing; run in the folder that holds it")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise GenloopError(f"{path}: holds no keys; it begins with 'data:' and 'runs:'")
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        faults = [f"{path}: {_explain(fault)}" for fault in error.errors()]
        more = [f"{path}: {len(faults) - SHOWN} more; mend these first"] if len(faults) > SHOWN else []
        raise GenloopError(*faults[:SHOWN], *more) from None
    for name in params.data:
        if not (raw / name).is_dir() and not (raw / f"{name}.dvc").is_file():  # DVC brings them when they are needed
            raise GenloopError(f"{path}: data.{name}: there is no folder {raw / name}; put the raw data there")
    for name, gate in params.gate.items():
        ways = {score: known.better for score, known in glossary(params.data[name].modality).items()}
        if faults := gate.faults(ways):
            raise GenloopError(*(f"{path}: gate.{name}.{fault}" for fault in faults))
    return params


def _explain(fault: Any) -> str:
    """Return one fault that pydantic found in the words of params.yaml."""
    place = _place(fault["loc"])
    key = ".".join(place)
    if fault["type"] == "extra_forbidden":
        if place[-1] in _known_keys(place):
            return f"{key}: no such key here, though other kinds of entries have it; remove it"
        similar = difflib.get_close_matches(place[-1], _known_keys(place), n=1)
        return f"{key}: no such key" + (f"; did you mean '{similar[0]}'?" if similar else f"; known: {_listed(place)}")
    if fault["type"] == "value_error":
        return f"{key}.{fault['ctx']['error']}" if key else str(fault["ctx"]["error"])
    message = fault["msg"][0].lower() + fault["msg"][1:]
    given = fault["input"]
    return f"{key}: {message}" + (
        "" if isinstance(given, dict | list) or fault["type"] == "missing" else f", not {_shortened(given)}"
    )


def _shortened(given: object) -> str:
    """Return a value as Python writes it, or its beginning; an integer may have any number of digits."""
    try:
        told = repr(given)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "so large a number"
    return told if len(told) <= SHOWN_LETTERS else f"{told[:SHOWN_LETTERS]}..."


def _place(found: tuple[Any, ...]) -> list[str]:
    """Return where a fault is, as the keys of params.yaml; pydantic names the kinds of entries it tried as well."""
    place = [str(part) for part in found if part != "[key]"]
    for tags in (("image", "table"), ("gan", "vae")):
        if len(place) > 2 and place[2] in tags:
            del place[2]
    return place


def _known_keys(place: list[str]) -> list[str]:
    """Return the keys that may stand where an unknown one was found."""
    runs = ImageGanRun, ImageVaeRun, TableGanRun, TableVaeRun
    owners: dict[tuple[str, ...], tuple[type[BaseModel], ...]] = {
        (): (Params,),
        ("data",): (ImageData, TableData),
        ("data", "columns"): (ColumnChoice,),
        ("data", "reference"): (ImageProtocol, TableProtocol),
        ("runs",): runs,
        ("runs", "trainer"): (Trainer,),
        ("runs", "limits"): (Limits,),
        ("runs", "sample"): SAMPLES,
        ("runs", "evaluate"): (GanEvaluate, VaeEvaluate),
        ("gate",): (Gate,),
        ("gate", "scores"): (Limit,),
        ("gate", "drift"): (Drift,),
    }
    owner = (place[0], *place[2:-1][:1]) if len(place) > 1 else ()
    return [name for model in owners.get(owner, ()) for name in model.model_fields]


def _listed(place: list[str]) -> str:
    return ", ".join(sorted(set(_known_keys(place)))) or "none"


def write_resolved(params: Params, out: Path, project: Path = Path()) -> None:
    """Write every choice of every stage, defaults filled in; ``out`` is replaced as a whole.

    Networks of your own, looked for in ``project``, are pinned by their source.
    """
    with replace_folder(out) as folder:
        for name, data in params.data.items():
            write_json(folder / name / "prepare.json", data.model_dump(exclude={"reference"}))
            write_json(folder / name / "reference.json", data.reference.model_dump() | {"modality": data.modality})
        for name, run in params.runs.items():
            write_json(folder / name / "train.json", _training(name, run, project))
            write_json(folder / name / "sample.json", run.sample.model_dump())
            write_json(folder / name / "evaluate.json", run.evaluate.model_dump())
        write_json(
            folder / "runs.json", {n: {"data": run.data, "modality": run.modality} for n, run in params.runs.items()}
        )


def _training(name: str, run: Any, project: Path) -> dict[str, Any]:
    choices = run.model_dump(exclude={"sample", "evaluate"})
    if run.networks is not None:
        choices["networks"] = pin(run.networks, f"params.yaml: runs.{name}.networks", project)
    return choices


def override(choices: Any, keys: list[str]) -> Any:
    """Return choices with some keys changed, each written as in params.yaml: ``count=50``, ``where={sex: Female}``.

    Raises:
        GenloopError: a key is unknown or its value is not one of its kind.
    """
    changed = choices.model_dump()
    for pair in keys:
        key, sign, value = pair.partition("=")
        if not sign:
            raise GenloopError(f"--set {pair}: write KEY=VALUE")
        changed[key] = parse_yaml(value, f"--set {key}")
    try:
        return type(choices).model_validate(changed)
    except ValidationError as error:
        fault = error.errors()[0]
        key, told = ".".join(map(str, fault["loc"])), fault["msg"]
        if fault["type"] == "extra_forbidden":
            known = sorted(type(choices).model_fields.keys() - {"modality", "family"})
            told = f"no such key of this run; known: {', '.join(known)}"
        raise GenloopError(f"--set {key}: {told}") from None
