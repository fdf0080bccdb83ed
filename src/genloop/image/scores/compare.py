"""How generated pictures compare with held-out ones, under one protocol per data set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save

from genloop.choices import ImageReference
from genloop.errors import GenloopError
from genloop.identity import hash_tensors, read_tensors
from genloop.image.data import PictureRecords, open_labels, open_records, read_samples, read_schema
from genloop.image.scores.features import Classifier, accuracy, extract, train_classifier
from genloop.image.scores.metrics import NEIGHBORS, all_scores
from genloop.outputs import replace_folder, write_json
from genloop.randomness import keyed_generator


def build_reference(prepared: Path, choices: ImageReference, out: Path) -> None:
    """Write the feature network, the features of the test split, and the scores of two sets that nobody trained for.

    ``real`` scores training pictures against the test split: as good as it gets. ``marginals`` scores pictures whose
    pixels are drawn independently, each from its own values in the training split: the trivial model.

    Raises:
        GenloopError: too few pictures to tell how they lie among each other.
    """
    schema, train, test = read_schema(prepared), open_records(prepared, "train"), open_records(prepared, "test")
    if min(len(train), len(test), choices.count) <= NEIGHBORS:
        raise GenloopError(
            f"{prepared}: {len(train)} training and {len(test)} test pictures are too few for scores, which look at "
            f"{NEIGHBORS} neighbors of each; add pictures, or raise holdout or reference.count"
        )
    network = train_classifier(schema, train, open_labels(prepared, "train"), choices)
    features = extract(network, test)
    generator = keyed_generator(choices.seed, "baselines")
    count = min(choices.count, len(train))
    baselines = {
        "real": PictureRecords(train.pictures[np.sort(generator.permutation(len(train))[:count])]),
        "marginals": PictureRecords(draw_marginals(np.asarray(train.pictures), choices.count, generator)),
    }
    scores = {name: all_scores(features, extract(network, pictures)) for name, pictures in baselines.items()}
    with replace_folder(out) as folder:
        (folder / "classifier.safetensors").write_bytes(save(network.state_dict()))
        (folder / "schema.json").write_bytes((prepared / "schema.json").read_bytes())
        np.save(folder / "test_features.npy", features)
        protocol: dict[str, Any] = {
            "real": "test split",
            "real_count": len(test),
            "count": choices.count,
            "train_count": count,
            "features": "classifier" if len(schema.classes) > 1 else "random network",
            "features_hash": hash_tensors(network.state_dict()),
        }
        labels = open_labels(prepared, "test")
        if labels is not None and len(schema.classes) > 1:
            protocol["features_accuracy"] = accuracy(network, test, labels)
        write_json(folder / "reference.json", {"protocol": protocol, "scores": scores})


def draw_marginals(pictures: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return pictures whose pixels come independently from the training values of the same pixel and channel."""
    chosen = generator.integers(len(pictures), size=(count, *pictures.shape[1:]))
    return np.take_along_axis(np.asarray(pictures), chosen, axis=0)


def score(samples: Path, reference: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the scores of generated pictures, each with that of the two baselines beside it, and their protocol."""
    known = json.loads((reference / "reference.json").read_text())
    network = Classifier(read_schema(reference))
    network.load_state_dict(read_tensors(reference / "classifier.safetensors"))
    pictures = PictureRecords(read_samples(samples)[: known["protocol"]["count"]])
    features = np.load(reference / "test_features.npy", allow_pickle=False)
    scores = all_scores(features, extract(network.eval(), pictures))
    for name, baseline in known["scores"].items():
        scores |= {f"{metric}_{name}": value for metric, value in baseline.items()}
    return scores, known["protocol"]
