"""The scores of a champion as today's runs are scored: those that were recorded, else taken again in a folder aside."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from genloop.comparison import Entry, read_metrics
from genloop.config import Evaluate, Gan, GanEvaluate, Sample, Vae
from genloop.errors import GenloopError
from genloop.formats import read_run
from genloop.outputs import read_choices
from genloop.protocol import differences
from genloop.reading import read_json
from genloop.tracking.lookup import Logbook, Logged
from genloop.tracking.recipes import read_artifact
from genloop.tracking.registry import Version

READ = ("classes", "columns", "rules", "spans")  # what of a schema says how records are read
UNREADABLE = "the champion was trained on other codes of the records than today's, and nats of unlike codes say nothing"
SIDES = ("channels", "height", "width")  # of a picture, in a schema


def champion_entries(
    version: Version, today: Entry, data: Path, tell: Callable[[str], None] = lambda line: None
) -> list[Entry]:
    """Return the champion's runs, itself first, with scores that can be compared with those of ``today``.

    Scores that were recorded are taken where their protocol is today's. Otherwise records are drawn anew and scored
    under today's protocol, and that is told; the outputs in ``data`` are read and left as they are.

    Raises:
        GenloopError: MLflow does not have the runs any more, or they cannot be scored as today's are.
    """
    book = Logbook()
    book.check()
    found = []
    with tempfile.TemporaryDirectory(prefix="genloop-champion-") as scratch:
        for number, run_id in enumerate(version.mlflow):
            logged = _logged(book, run_id, version)
            entry = _recorded(book, logged, version.data)
            unlike = differences(entry.protocol, today.protocol) if entry else ["its scores are of another version"]
            if entry is None or unlike:
                entry = _scored_again(book, logged, today, data, Path(scratch) / str(number))
                tell(f"{logged.label}, the champion, was scored again as today's runs are: {'; '.join(unlike)}")
            found.append(entry)
    return found


def _logged(book: Logbook, run_id: str, version: Version) -> Logged:
    found = book.named(run_id)
    book.check()
    if not found or found[0].weights is None:
        told = f"{version.label}: the champion's MLflow run {run_id} is gone or holds no weights"
        raise GenloopError(f"{told}; restore it in MLflow, or make another run the champion by 'genloop promote RUN'")
    return found[0]


def _recorded(book: Logbook, logged: Logged, data: str) -> Entry | None:
    """Return the scores that were recorded, if this version of genloop can read them."""
    place = f"metrics/{logged.name}.json"
    text = read_artifact(book.client, book.client.get_run(logged.run_id), place).decode()
    try:
        entry = Entry(logged.name, data, read_metrics(text, place))
    except GenloopError:
        return None
    return entry if entry.identity.get("weights") == logged.weights else None


def _scored_again(book: Logbook, logged: Logged, today: Entry, data: Path, scratch: Path) -> Entry:
    """Return scores under today's protocol: of as many records, asked for the same, against today's real ones."""
    from genloop.bound_scores import NAMES
    from genloop.evaluation import evaluate
    from genloop.sampling import sample

    for part in ("prepared", "reference"):
        if not (data / part / today.data).exists():
            wanted = f"{data}/prepared/{today.data} {data}/reference/{today.data}"
            raise GenloopError(f"{data / part / today.data}: missing; run 'dvc pull {wanted}' to score the champion")
    (scratch / "weights").mkdir(parents=True)
    fetched = scratch / "fetched"
    fetched.mkdir()
    book.fetch(logged, fetched)
    weights = (fetched / "weights").rename(scratch / "weights" / logged.name)
    for part in ("prepared", "reference"):
        (scratch / part).symlink_to((data / part).resolve(), target_is_directory=True)
    try:
        _check_schema(weights, data / "prepared" / today.data)
        run = read_run(weights)
        sample(weights, _sample_choices(run, today, data), scratch / "samples" / logged.name)
        choices = _evaluate_choices(run, today, data, weights)
        metrics = evaluate(logged.name, choices, scratch)
    except GenloopError as error:
        raise _cannot(logged, str(error).replace(f"{scratch}/", "")) from None
    if choices.family != run.family:
        metrics["left_out"] |= dict.fromkeys(NAMES, UNREADABLE)
    if unlike := differences(metrics["protocol"], today.protocol):
        raise _cannot(logged, "; ".join(unlike))
    return Entry(logged.name, today.data, metrics)


def _cannot(logged: Logged, reason: str) -> GenloopError:
    told = f"{logged.label}: the champion cannot be scored as today's runs are ({reason})"
    return GenloopError(f"{told}; choose by hand which run takes its place: 'python -m genloop promote RUN'")


def _check_schema(weights: Path, prepared: Path) -> None:
    """Check that a champion makes records of today's form.

    Raises:
        GenloopError: pictures of another size, or rows that lack a column or have one of another kind.
    """
    theirs, ours = (read_json(folder / "schema.json") for folder in (weights, prepared))
    sizes = ["x".join(str(schema.get(side)) for side in SIDES) for schema in (theirs, ours)]
    if sizes[0] != sizes[1]:
        raise GenloopError(f"it draws pictures of {sizes[0]}, and those of today are of {sizes[1]}")
    kinds = [{each["name"]: each["kind"] for each in schema.get("columns", ())} for schema in (theirs, ours)]
    for name, kind in kinds[1].items():
        if kinds[0].get(name) != kind:
            had = f"is {kinds[0][name]} to it" if name in kinds[0] else "is unknown to it"
            raise GenloopError(f"column '{name}', today {kind}, {had}")


def _sample_choices(run: Gan | Vae, today: Entry, data: Path) -> Any:
    """Return what is drawn: as much as today, and asked for the same."""
    asked = read_choices(data / "config" / today.name / "sample.json", Sample).model_dump(exclude={"family"})
    plain = TypeAdapter(Sample).validate_python({"modality": run.modality, "family": run.family})
    chosen = {key: value for key, value in asked.items() if key in type(plain).model_fields}
    if chosen["count"] is None:  # as many as today's training records are
        chosen["count"] = today.protocol["data"]["generated_count"]
    return plain.model_copy(update=chosen)


def _evaluate_choices(run: Gan | Vae, today: Entry, data: Path, weights: Path) -> Any:
    """Return how bounds are taken: as of today's run, if it is of the same family; not where they say nothing."""
    if isinstance(run, Vae) and not _reads_alike(run, weights, data / "prepared" / today.data):
        return GanEvaluate()  # without bounds
    asked = read_choices(data / "config" / today.name / "evaluate.json", Evaluate)
    return asked if asked.family == run.family else TypeAdapter(Evaluate).validate_python({"family": run.family})


def _reads_alike(run: Vae, weights: Path, prepared: Path) -> bool:
    """Return whether networks take today's records as those they were trained on: more rows move a table's codes."""
    theirs, ours = (read_json(folder / "schema.json") for folder in (weights, prepared))
    return all(theirs.get(part) == ours.get(part) for part in (READ if run.conditional else READ[1:]))
