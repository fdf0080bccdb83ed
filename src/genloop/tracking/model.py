"""A run's sampler as an MLflow model: one for equal weights, whole or not there."""

import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Run

from genloop.config import Gan, Vae
from genloop.tracking.store import RUN, WEIGHTS, Store


def complete_model(store: Store, known: Run, run: Gan | Vae, weights: Path) -> None:
    """Log the sampler of an MLflow run, unless it is there whole; what an earlier try left is completed."""
    client, run_id = store.client, str(known.info.run_id)
    models = known_models(client, store.experiment, run_id)
    whole = whole_models(models)
    kept = (whole or models)[:1]
    for other in models:
        if other.model_id not in [model.model_id for model in kept]:
            client.delete_logged_model(other.model_id)
    if whole:
        return
    from genloop.tracking.packing import save  # a second, which a run that has its model does not take

    with tempfile.TemporaryDirectory() as folder:
        path, code = Path(folder) / "model", Path(folder) / "code"
        model = save(path, code, known, run, weights)  # before MLflow is told of it
        made = kept[0] if kept else _create(store, known, run)
        model.model_id = model.model_uuid = made.model_id
        model.save(str(path / "MLmodel"))
        client.log_model_artifacts(made.model_id, str(path))
        client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
        client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)


def known_models(client: MlflowClient, experiment: str, run_id: str) -> list[LoggedModel]:
    """Return the models of an MLflow run, the oldest first."""
    found = client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
    return sorted(found, key=lambda model: (model.creation_timestamp, model.model_id))


def whole_models(models: list[LoggedModel]) -> list[LoggedModel]:
    """Return those of the models whose files are all there."""
    return [model for model in models if model.status == LoggedModelStatus.READY]


def _create(store: Store, known: Run, run: Gan | Vae) -> LoggedModel:
    """Tell MLflow of a model that is to come, by what the list of models shows: its name and few parameters."""
    tags = {key: known.data.tags[key] for key in (RUN, WEIGHTS)}
    told = {"data": run.data, "modality": run.modality, "family": run.family}
    name = f"{tags[RUN]}-{tags[WEIGHTS][:7]}"
    return store.client.create_logged_model(store.experiment, name, known.info.run_id, tags, told, "sampler")
