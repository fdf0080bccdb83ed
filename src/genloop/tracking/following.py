"""The MLflow run of a training under way: what it has, what it lacks, how it ends; saying a thing twice is as once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genloop.config import Training
from genloop.doctor import Finding
from genloop.recipe import Recipe
from genloop.tracking.abandoned import close_abandoned
from genloop.tracking.curves import Curves, epoch_metrics, step_metrics
from genloop.tracking.parameters import read_chosen
from genloop.tracking.pictures import Sizes, complete_preview, known_previews, show_previews
from genloop.tracking.recipes import RECIPE, WHOLE, keep_recipe
from genloop.tracking.store import CHECKOUT, Store, identity_tags


class Following:
    """The run with a training's fingerprint, as it was when it was first asked; after a failure, ask anew."""

    def __init__(self, name: str, run: Training, fingerprint: str, config: Path) -> None:
        """Read what else was chosen for the run, and connect to the store."""
        self.name, self.run, self.fingerprint = name, run, fingerprint
        self.chosen = read_chosen(name, run, config)
        self.store = Store(run.data)
        self.run_id: str | None = None

    def open(self) -> None:
        """Go on in the run with this fingerprint, interrupted or finished, or begin one; does nothing if it is open."""
        if self.run_id is not None:
            return
        known = self.store.find(run=self.name, fingerprint=self.fingerprint)
        tags = identity_tags(self.name, self.run, self.fingerprint, self.chosen.group())
        begun = known[-1] if known else self.store.begin(self.name, tags)
        run_id = str(begun.info.run_id)
        self.store.complete_parameters(begun, self.chosen.parameters())
        if begun.info.status not in ("RUNNING", "FINISHED"):
            self.store.client.update_run(run_id, status="RUNNING")
        if begun.data.tags.get(CHECKOUT) != tags[CHECKOUT]:
            self.store.client.set_tag(run_id, CHECKOUT, tags[CHECKOUT])
        self.run_id = run_id
        self.ask_anew()

    def ask_anew(self) -> None:
        """Forget what the run had: a request that failed may have been carried out. Nothing is asked yet."""
        if self.run_id is not None:
            self.curves = Curves(self.store, self.run_id)
            self.previews: dict[int, Sizes] | None = None

    def epoch(
        self, losses: dict[str, Any], layers: list[dict[str, Any]], steps: list[dict[str, Any]], now: int
    ) -> None:
        """Log an epoch's curves, its steps first: they are there where its marker is."""
        self.curves.log(self.curves.lacking([*step_metrics(steps, now), *epoch_metrics(losses, layers, now)]))

    def preview(self, epoch: int, picture: bytes) -> None:
        """Log a picture of what the networks generate, a PNG file."""
        run_id = self.curves.run_id
        if self.previews is None:
            self.previews = known_previews(self.store.client, run_id)
        complete_preview(self.store.client, run_id, epoch, picture, self.previews.get(epoch, {}))
        show_previews(self.store.client, run_id)

    def recipe(self, made: Callable[[], Recipe]) -> None:
        """Keep what making the run again needs; that of a run that was recorded whole stays."""
        client, run_id = self.store.client, self.curves.run_id
        if client.get_run(run_id).data.tags.get(RECIPE) == WHOLE:
            return
        keep_recipe(client, run_id, made)

    def finding(self, found: Finding, now: int) -> None:
        """Log a disease."""
        self.curves.log_finding(self.store.client.get_run(self.curves.run_id).data.tags, found, now)

    def finish(self, weights: str) -> None:
        """Name the run after its weights and close it; if another run already holds exactly these, this gives way."""
        run_id = self.curves.run_id
        if self.store.client.get_run(run_id).info.status == "FINISHED":
            return  # trained again by force; had the weights come out otherwise, record would make a run of them
        if any(twin.info.run_id != run_id for twin in self.store.find(run=self.name, weights=weights)):
            self.store.client.delete_run(run_id)
            return
        self.store.name_after(run_id, self.name, weights)
        self.store.client.set_terminated(run_id, "FINISHED")

    def end(self, status: str) -> None:
        """Close the run of a training that came to no good end; one that was whole before stays so."""
        if self.store.client.get_run(self.curves.run_id).info.status != "FINISHED":
            self.store.client.set_terminated(self.curves.run_id, status)

    def close_abandoned(self) -> None:
        """Close the runs that killed trainings of this checkout left open."""
        close_abandoned(self.store, self.curves.run_id)
