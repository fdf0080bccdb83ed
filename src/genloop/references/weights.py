"""From what people type to the weights that it stands for, by their hash; nothing is fetched."""

from genloop.comparison import read_metrics
from genloop.errors import GenloopError
from genloop.identity import hash_weights
from genloop.references.find import DATA, Here, find_places
from genloop.tracking.lookup import Logbook, Logged
from genloop.versions import metrics_at


def find_weights(word: str) -> tuple[str, str]:
    """Return name and hash of the weights of one run.

    Raises:
        GenloopError: the word stands for no run, for several, or for one without weights.
    """
    places = find_places([word], Logbook())
    if len(places) > 1:
        raise GenloopError(f"{word}: has {', '.join(place.label for place in places)}; name one of them")
    place = places[0]
    if isinstance(place, Here):
        return place.name, hash_weights(DATA / "weights" / place.name / "weights.safetensors")
    if isinstance(place, Logged):
        if place.weights is None:
            raise GenloopError(f"{place.label}: MLflow run {place.run_id} holds no weights; name one that was recorded")
        return place.name, place.weights
    metrics = read_metrics(metrics_at(place.commit, place.name) or "", f"{place.label}: its metrics")
    return place.name, str(metrics["identity"]["weights"])
