"""The registered model of a data set: a version per promoted or tried weights, and the aliases that point to them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlparse

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from genloop.errors import GenloopError
from genloop.tracking.lookup import EXPERIMENTS, Logbook
from genloop.tracking.model import known_models
from genloop.tracking.store import RUN, WEIGHTS
from genloop.tracking.tries import patient

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"  # the aliases
SEEDS = "genloop.seeds"  # of a version: the MLflow runs of the other seeds
ROLLED_BACK = "genloop.rolled_back"  # of a version: it was the champion, and somebody went back from it
MISSING = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"

Named = tuple[str, str]  # a run's name and the hash of its weights


@dataclass(frozen=True)
class Version:
    """A version of the registered model: the weights of one run."""

    data: str
    number: str
    run: str
    weights: str
    mlflow: tuple[str, ...]  # ids of MLflow runs: its own first, then those of its other seeds

    @property
    def label(self) -> str:
        """As its run is named in MLflow."""
        return label(self.run, self.weights)


def label(run: str, weights: str) -> str:
    """Return how weights are called: the run's name and how their hash begins."""
    return f"{run}-{weights[:7]}"


def connected() -> MlflowClient:
    """Return a client of a store that can hold champions.

    Raises:
        GenloopError: there is none yet, or it is one of plain files, where two processes may both win.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    if address and urlparse(address).scheme in ("", "file"):
        told = "MLFLOW_TRACKING_URI: MLflow's store of plain files cannot hold champions"
        raise GenloopError(f"{told}; name a server or a database, such as sqlite:///mlflow.db")
    book = Logbook()
    book.check()
    return patient(book.client)


def marked(versions: Mapping[str, ModelVersion]) -> tuple[str, ...]:
    """Return the numbers of the versions that were rolled back, the oldest first."""
    return tuple(sorted((number for number, each in versions.items() if ROLLED_BACK in each.tags), key=int))


def registered_data() -> list[str]:
    """Return the data sets that have a registered model."""
    found = connected().search_registered_models(f"name LIKE '{EXPERIMENTS}%'")
    return sorted(str(model.name).removeprefix(EXPERIMENTS) for model in found)


class Registry:
    """The versions of a data set's model and their aliases. Every step may be made twice."""

    def __init__(self, data: str) -> None:
        """Connect to the store of MLflow, which must be there.

        Raises:
            GenloopError: there is none yet.
        """
        self.data, self.name = data, f"{EXPERIMENTS}{data}"
        self.client = connected()

    def model(self) -> RegisteredModel | None:
        """Return the registered model, with all aliases, if there is one."""
        try:
            return self.client.get_registered_model(self.name)
        except MlflowException as error:
            if error.error_code != MISSING:
                raise
            return None

    def holder(self, alias: str) -> Version | None:
        """Return the version that an alias points to.

        Raises:
            GenloopError: it is none of genloop's.
        """
        number = self.aliases().get(alias)
        return self.version(number) if number else None

    def aliases(self) -> dict[str, str]:
        """Return the numbers of versions by their aliases."""
        model = self.model()
        return {alias: str(number) for alias, number in model.aliases.items()} if model else {}

    def version(self, number: str) -> Version:
        """Return a version by its number.

        Raises:
            GenloopError: it is none of genloop's.
        """
        return self.known(self.client.get_model_version(self.name, number))

    def versions(self) -> dict[str, ModelVersion]:
        """Return all versions as MLflow has them, by their numbers: one request, where each by itself takes two."""
        return {str(each.version): each for each in self.client.search_model_versions(f"name = '{self.name}'")}

    def find(self, run: str, weights: str) -> Version | None:
        """Return the version of these weights, the first where several processes have made one at once."""
        query = f"name = '{self.name}' and tags.`{WEIGHTS}` = '{weights}' and tags.`{RUN}` = '{run}'"
        found = map(self.known, self.client.search_model_versions(query))
        return min(found, key=lambda version: int(version.number), default=None)

    def register(self, run: str, weights: str, seeds: Sequence[Named] = ()) -> Version:
        """Return the version of these weights, which is made of the run's sampler unless it is there.

        Args:
            run: its name.
            weights: their hash.
            seeds: the runs that differ from it in nothing but seeds.

        Raises:
            GenloopError: MLflow has no such run, or not its sampler.
        """
        own, others = self.logged(run, weights), tuple(self.logged(*seed) for seed in seeds)
        known = self.find(run, weights) or self._make_version(run, weights, own)
        if known.mlflow != (own, *others):
            self.client.set_model_version_tag(self.name, known.number, SEEDS, ",".join(others))
        return replace(known, mlflow=(own, *others))

    def _make_version(self, run: str, weights: str, run_id: str) -> Version:
        source = self._sampler(run, weights, run_id)
        # By its place and not by its id, for which MLflow would ask the store of the present folder.
        place, tags = source.artifact_location, {RUN: run, WEIGHTS: weights}
        made = self.client.create_model_version(
            self.name, place, run_id, tags, await_creation_for=0, model_id=source.model_id
        )
        first = self.find(run, weights) or self.known(made)
        if first.number != str(made.version):  # another process was faster; nobody has been told of ours
            self.client.delete_model_version(self.name, str(made.version))
        return first

    def make(self, tags: dict[str, str]) -> RegisteredModel:
        """Return the registered model, which gets these tags if it is not there yet."""
        try:
            return self.model() or self.client.create_registered_model(self.name, tags)
        except MlflowException as error:
            found = self.model()
            if error.error_code != EXISTS or found is None:
                raise
            return found

    def point(self, alias: str, number: str) -> None:
        """Have an alias point to the version of a number, or with "" to none."""
        if number:
            self.client.set_registered_model_alias(self.name, alias, number)
        else:
            self.client.delete_registered_model_alias(self.name, alias)

    def mark(self, rolled_back: Sequence[str], versions: Mapping[str, ModelVersion]) -> None:
        """Mark those of the versions that have these numbers as rolled back, and no other."""
        wanted, held = versions.keys() & set(rolled_back), set(marked(versions))
        for number in sorted(wanted - held):
            self.client.set_model_version_tag(self.name, number, ROLLED_BACK, "true")
        for number in sorted(held - wanted):
            self.client.delete_model_version_tag(self.name, number, ROLLED_BACK)

    def rolled_back(self) -> frozenset[str]:
        """Return the hashes of the weights that were rolled back."""
        versions = self.versions()
        return frozenset(self.known(versions[number]).weights for number in marked(versions))

    def logged(self, run: str, weights: str) -> str:
        """Return the id of the MLflow run of these weights.

        Raises:
            GenloopError: there is none.
        """
        experiment = self.client.get_experiment_by_name(self.name)
        query = f"tags.`{RUN}` = '{run}' and tags.`{WEIGHTS}` = '{weights}'"
        known, order = [experiment.experiment_id] if experiment else [], ["start_time ASC"]
        found = self.client.search_runs(known, query, max_results=1, order_by=order) if known else []
        if not found:
            told = f"{label(run, weights)}: MLflow has no run of these weights on {self.data}"
            raise GenloopError(f"{told}; run 'python -m genloop sync {run}' where they are")
        return str(found[0].info.run_id)

    def _sampler(self, run: str, weights: str, run_id: str) -> LoggedModel:
        experiment = self.client.get_run(run_id).info.experiment_id
        for model in known_models(self.client, experiment, run_id):
            if model.status == LoggedModelStatus.READY:
                return model
        told = f"{label(run, weights)}: MLflow run {run_id} has no model"
        raise GenloopError(f"{told}; run 'python -m genloop sync {run}' where its weights are")

    def known(self, found: ModelVersion) -> Version:
        """Return a version of MLflow as one of ours.

        Raises:
            GenloopError: it is none of genloop's.
        """
        tags = found.tags
        if RUN not in tags or WEIGHTS not in tags:
            told = f"version {found.version} of {self.name} in MLflow was not registered by genloop"
            raise GenloopError(f"{told}; let its aliases point to others, as by 'python -m genloop promote RUN'")
        others = filter(None, tags.get(SEEDS, "").split(","))
        return Version(self.data, str(found.version), tags[RUN], tags[WEIGHTS], (str(found.run_id), *others))
