"""What a run is, as Markdown: the card beside its weights and the description on its page, from the same facts."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from genloop.comparison import scores_in, value_of
from genloop.config import Gan, Vae

LONGEST = 8000  # letters of a tag that MLflow takes; it would cut a longer one without a word
PICTURE = "description.png"
LIKES = {"image": "pictures", "table": "rows"}


class Network(NamedTuple):
    """What of a network is in the file of weights."""

    name: str
    layers: int  # that have weights
    numbers: int


class Facts(NamedTuple):
    """What is known of a run when it is recorded."""

    name: str
    run: Gan | Vae
    weights: str  # hash over the tensors
    format: int
    data: str  # DVC's hash of the prepared data
    commit: str  # of Git, where it was trained
    changed: bool  # there were changes that were not committed
    networks: tuple[Network, ...]
    training: dict[str, Any]  # training.json
    metrics: dict[str, Any]


def card(facts: Facts) -> str:
    """Return the card of the weights."""
    run, name = facts.run, facts.name
    chosen = [(f"`{key}`", f"`{value}`") for key, value in run.model_dump(exclude_defaults=True).items()]
    parts = (
        f"# {name}, weights {facts.weights[:7]}",
        f"A {run.family.upper()} of {LIKES[run.modality]}, trained by genloop on the data set `{run.data}`.",
        _table(("what", "is"), _identity(facts)),
        "## Networks",
        _table(("network", "layers with weights", "numbers"), [(n, str(k), f"{m:,}") for n, k, m in facts.networks]),
        "`weights.safetensors` holds them: tensors by name, no code. `schema.json` says what they know of the data.",
        "## Choices",
        "Those that are not the defaults; all are in `params.json`.",
        _table(("choice", "value"), chosen),
        "## Scores",
        scores(facts.metrics),
        "± reaches to the ends of a 95 % interval. How they were taken is in the tags `protocol.*` of the run.",
        "## Use",
        f"With this folder as `data/weights/{name}` of the repository, at this commit or a later one:",
        f"```\npython -m genloop sample {name} out\n```",
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(facts)),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def note(facts: Facts, run_id: str, experiment: str) -> str:
    """Return the description that the UI shows, of which only the top is seen at once: links, a picture, and scores.

    The UI shows pictures of web addresses only. Those of its own server are written as it asks for them, relative
    to its page, which also holds behind a prefix.
    """
    picture = f"![samples](get-artifact?path={PICTURE}&run_uuid={run_id})"
    pages = {"report": "report/report.html", "card of the weights": "weights/README.md", "choices": "params.json"}
    page = f"#/experiments/{experiment}/runs/{run_id}/artifacts"
    links = " · ".join(f"[{word}]({page}/{path})" for word, path in pages.items())
    whole = "\n\n".join((links, picture, scores(facts.metrics)))
    more = "\n\nMore in the report."
    return whole if len(whole) <= LONGEST else whole[: LONGEST - len(more)].rpartition("\n")[0] + more


def scores(metrics: dict[str, Any]) -> str:
    """Return the scores with their intervals, beside those of the baselines."""
    baselines = metrics["baselines"]
    values = {
        name: [value_of(figures, name) for figures in (metrics, *baselines.values())] for name in scores_in(metrics)
    }
    rows = [(name, *("" if value is None else str(value) for value in found)) for name, found in values.items()]
    return _table(("score", "value", *baselines), rows)


def _identity(facts: Facts) -> list[tuple[str, str]]:
    training, changed = facts.training, " and changes that were not committed" * facts.changed
    rows = [
        ("weights", f"`{facts.weights}`"),
        ("format", str(facts.format)),
        ("data, DVC", f"`{facts.data}`"),
        ("commit, Git", f"`{facts.commit}`{changed}" if facts.commit else ""),
        ("epochs", str(training.get("epochs", ""))),
        ("kept epoch", str(training.get("kept_epoch", ""))),
        ("records that steps saw", str(training.get("training_records", ""))),
        ("records that only checks saw", str(training.get("validation_records", ""))),
    ]
    return [row for row in rows if row[1]]


def _limits(facts: Facts) -> Iterable[str]:
    for found in facts.training.get("findings", ()):
        yield f"The doctor found {found['disease']}, at epoch {found['epoch']}."
    copied = value_of(facts.metrics, "copied")
    if copied:
        yield f"Share of samples that copy a training record, beyond that of honest ones: {copied}."
    for step, made in facts.training.get("arithmetic", {}).items():
        yield f"Equal bytes hold for equal arithmetic: {made} ({step})."
    yield f"It generates what resembles `{facts.run.data}` and nothing else; the terms of that data hold for it."


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["|".join(("", *(cell.replace("|", "\\|") for cell in row), "")) for row in rows]
    return "\n".join(("|".join(("", *header, "")), "|---" * len(header) + "|", *lines)) if lines else ""
