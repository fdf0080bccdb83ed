"""What a model of MLflow consists of, written to a folder: weights, the code that draws from them, what that needs."""

import shutil
import sys
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from genloop.config import Gan, Vae
from genloop.parameters import parameters_of
from genloop.plugins import DEFAULT_NETWORKS
from genloop.reading import read_json
from genloop.tracking.store import RUN, WEIGHTS

SOURCE = Path(__file__).parents[2]  # the folder of all modules
FILES = ("weights.safetensors", "run.json", "schema.json")  # of a folder of weights, that is sampled from
PARAMETERS = {int: DataType.long, float: DataType.double, str: DataType.string}
COLUMNS = {"integer": DataType.long, "float": DataType.double, "boolean": DataType.boolean}  # others are text


def save(path: Path, code: Path, known: Run, run: Gan | Vae, weights: Path) -> Model:
    """Write the model to ``path``; equal weights and code give equal files, but for what MLflow knows the run by."""
    run_id, tags = known.info.run_id, known.data.tags
    begun = datetime.fromtimestamp(known.info.start_time / 1000, UTC)
    model = Model(run_id=run_id, utc_time_created=begun, metadata={RUN: tags[RUN], WEIGHTS: tags[WEIGHTS]})
    requirements = _requirements(copy_code(run, code))
    with warnings.catch_warnings(action="ignore"):  # it asks for an example of data, which the model does not take
        save_model(
            str(path),
            python_model=str(Path(__file__).with_name("sampler.py")),
            artifacts={name.partition(".")[0]: str(weights / name) for name in FILES},
            code_paths=[str(entry) for entry in sorted(code.iterdir())],
            signature=_signature(run, read_json(weights / "schema.json")),
            pip_requirements=requirements,
            mlflow_model=model,
        )
    flavor = model.flavors["python_function"]  # without paths of this machine
    flavor["model_code_path"] = "sampler.py"
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = f"runs:/{run_id}/weights/{Path(artifact['path']).name}"  # where it lies as well
    return model


def copy_code(run: Gan | Vae, out: Path) -> set[str]:
    """Copy the modules that records are drawn by, and the package of networks of your own.

    Returns:
        the names of all modules that these import, by their first parts, and that are not among them.
    """
    own = run.networks.partition("@")[0] if run.networks else None
    networks = own or f"genloop.{run.modality}.networks.{DEFAULT_NETWORKS[run.modality]}"
    finder = ModuleFinder(path=[str(SOURCE)])
    for name in ("genloop.serving", "genloop.own", f"genloop.{run.modality}.data", networks):
        finder.import_hook(name)
    finder.import_hook(f"genloop.{run.modality}.served")
    found: Any = finder.modules.values()
    files = {Path(module.__file__) for module in found if module.__file__}  # those of Python itself have none
    if own and not own.startswith("genloop.") and (package := SOURCE / own.partition(".")[0]).is_dir():
        files |= {file for file in package.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    for file in files:
        target = out / file.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return {name.partition(".")[0] for name in finder.badmodules}


def _requirements(modules: Iterable[str]) -> list[str]:
    """Return the packages of imported modules, and MLflow, as they are installed."""
    known = packages_distributions()
    names = {known[module][0] for module in modules if module not in sys.stdlib_module_names and module in known}
    # Without a build tag such as +cpu: each machine takes its own build.
    return sorted(f"{name}=={version(name).partition('+')[0]}" for name in {*names, "mlflow"})


def _signature(run: Gan | Vae, schema: dict[str, Any]) -> ModelSignature:
    """Return the parameters that the model takes and the columns of its answers; it takes no data."""
    specs = [ParamSpec(each.name, PARAMETERS[each.kind], each.default) for each in parameters_of(run)]
    if run.modality == "image":
        columns: list[Any] = [
            ColSpec(AnyType(), "picture"),
            *([ColSpec(DataType.string, "label")] if run.conditional else []),
        ]
    else:
        columns = [
            ColSpec(COLUMNS.get(each["kind"], DataType.string), each["name"], required=False)
            for each in schema.get("columns", ())
        ]
    return ModelSignature(outputs=Schema(columns) if columns else None, params=ParamSchema(specs))
