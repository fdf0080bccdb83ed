"""What MLflow loads of a run ("models from code"): copied beside the weights and the code that these were drawn with.

It imports nothing of genloop until it is loaded: where it lies then, genloop need not be installed.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PyFuncModel
from mlflow.pyfunc.model import PythonModel

MARK = "genloop.run"  # in the metadata of models that refuse what their signature does not know


class Sampler(PythonModel):
    """A trained run behind MLflow's interface: takes no data, only parameters."""

    def load_context(self, context: Any) -> None:
        """Load weights and code from the model's folder."""
        refuse_unknown_parameters()
        weights = Path(context.artifacts["weights"]).parent
        with own_modules(weights.parent / "code"):
            self.refusal = importlib.import_module("genloop.errors").GenloopError
            self.served = importlib.import_module("genloop.serving").Served(weights)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Return the records that the parameters ask for, a row each.

        Raises:
            MlflowException: with the status 400, and what cannot be had.
        """
        if model_input is not None and len(model_input):
            raise MlflowException.invalid_parameter_value("this model takes no data; send an empty list and params")
        try:
            return self.served.answer(params or {})
        except self.refusal as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


@contextmanager
def own_modules(code: Path) -> Iterator[None]:
    """Import from this folder, whatever the process has imported by the same names, and leave no trace of it.

    So a model keeps the bytes of its own genloop beside a newer one, and beside models of other versions.
    """
    names = {entry.stem for entry in code.iterdir()}

    def known() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] in names]

    theirs = {name: sys.modules.pop(name) for name in known()}
    sys.path.insert(0, str(code))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for name in known():
            del sys.modules[name]
        sys.modules.update(theirs)
        sys.path[:] = [entry for entry in sys.path if Path(entry) != code]  # MLflow has put it there as well


def refuse_unknown_parameters() -> None:
    """Have MLflow refuse parameters that a sampler does not know, which it drops before the sampler sees them.

    Models of others go on as they did.
    """
    predict = PyFuncModel.predict
    if hasattr(predict, "refuses"):
        return

    @wraps(predict)
    def strict(self: Any, data: Any, params: dict[str, Any] | None = None) -> Any:
        if MARK in (self.metadata.metadata or {}):
            known = [each.name for each in self.metadata.get_params_schema().params]
            unknown = [str(name) for name in params or {} if name not in known]
            if unknown:
                told = f"{unknown[0]}: no such parameter of this model; it takes {', '.join(known)}"
                raise MlflowException.invalid_parameter_value(told)
        return predict(self, data, params)

    strict.refuses = True  # type: ignore[attr-defined]
    PyFuncModel.predict = strict  # type: ignore[method-assign]


set_model(Sampler())
