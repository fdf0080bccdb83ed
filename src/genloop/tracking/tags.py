"""What came of a decision, as tags where people look for it: at the MLflow run and at the version of the model."""

from collections.abc import Mapping

from mlflow.entities import RunTag
from mlflow.entities.model_registry import ModelVersion

from genloop.tracking.decision import Decision
from genloop.tracking.registry import Registry

OUTCOME, WHY, RULE = "genloop.gate", "genloop.gate_why", "genloop.rule."


def tell_outcome(registry: Registry, versions: Mapping[str, ModelVersion], decision: Decision) -> None:
    """Tag what was decided of, and by a rollback also what was gone back from; doing it twice is as once.

    Args:
        registry: where the tags go.
        versions: all of its versions as they are now; one that somebody has deleted is not told of.
        decision: what is told.
    """
    version = versions.get(decision.version)
    if decision.kind == "rollback":
        _tell(registry, version, {OUTCOME: "promoted", WHY: f"rolled back to: {decision.why}"})
        left = decision.aliases.previous
        if left in decision.aliases.rolled_back:
            _tell(registry, versions.get(left), {OUTCOME: decision.outcome, WHY: decision.why})
    elif decision.kind == "by hand":
        _tell(registry, version, {OUTCOME: "promoted by hand", WHY: decision.why})
    else:
        rules = {f"{RULE}{score}": told for score, told in decision.rules}
        _tell(registry, version, {OUTCOME: decision.outcome, WHY: decision.why} | rules, anew=True)


def _tell(registry: Registry, version: ModelVersion | None, tags: dict[str, str], anew: bool = False) -> None:
    """Set the tags that are not set yet; ``anew`` says that rules of an earlier decision go."""
    if version is None:
        return
    client, run_id, shown = registry.client, str(version.run_id), version.tags
    known = client.get_run(run_id).data.tags
    if fresh := [RunTag(key, value) for key, value in tags.items() if known.get(key) != value]:
        client.log_batch(run_id, tags=fresh)
    for key, value in tags.items():
        if shown.get(key) != value:
            client.set_model_version_tag(registry.name, str(version.version), key, value)
    for key in [key for key in known if anew and key.startswith(RULE) and key not in tags]:
        client.delete_tag(run_id, key)
    for key in [key for key in shown if anew and key.startswith(RULE) and key not in tags]:
        client.delete_model_version_tag(registry.name, str(version.version), key)
