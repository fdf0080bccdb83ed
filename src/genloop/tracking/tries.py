"""A client of MLflow that tries again when the store stumbles; what fails for good is told in one line."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from genloop.errors import GenloopError
from genloop.masking import describe
from genloop.tracking.store import FAILURES

PAUSES = (0.2, 1.0)  # seconds between tries, of which there is one more
TOO_MANY_REQUESTS = 429
CALLS = (  # of a client, of each of which twice is as once, or leaves what is cleared away
    *("create_model_version", "create_registered_model", "create_run", "create_experiment"),
    *("delete_model_version", "delete_model_version_tag", "delete_registered_model_alias", "delete_run", "delete_tag"),
    *("get_experiment_by_name", "get_model_version", "get_registered_model", "get_run"),
    *("log_batch", "log_param", "log_text", "set_model_version_tag", "set_registered_model_alias"),
    *("search_logged_models", "search_model_versions", "search_registered_models", "search_runs"),
    *("set_registered_model_tag", "set_terminated"),
)


def patient(client: MlflowClient) -> MlflowClient:
    """Have a client make each call that we use up to three times, and return it."""
    for name in CALLS:
        setattr(client, name, _tried(getattr(client, name)))
    return client


def _tried(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def again(*arguments: Any, **named: Any) -> Any:
        for pause in (0.0, *PAUSES):
            time.sleep(pause)
            try:
                return call(*arguments, **named)
            except FAILURES as error:
                failed = error
                if _is_answer(error):
                    if pause and call.__name__.startswith("delete_"):  # the try before has done it
                        return None
                    break
        raise failed

    return again


def _is_answer(error: Exception) -> bool:
    """Return whether the store has understood and says no, which it would say again."""
    if not isinstance(error, MlflowException):
        return False
    status = int(error.get_http_status_code())
    return 400 <= status < 500 and status != TOO_MANY_REQUESTS


@contextmanager
def told_failure(told: str, remedy: str) -> Iterator[None]:
    """Turn a failure of the store into one line, whose text holds no secrets.

    Raises:
        GenloopError: the store has failed.
    """
    try:
        yield
    except FAILURES as error:
        raise GenloopError(f"{told} ({describe(error)}); {remedy}") from None
