"""How generated pictures compare with held-out ones, under one protocol per data set."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from genloop.choices import ImageReference
from genloop.errors import GenloopError
from genloop.identity import hash_tensors, read_tensors
from genloop.image.data import PictureRecords, PictureSchema, open_records, read_samples, read_schema
from genloop.image.scores import copies
from genloop.image.scores.features import Classifier, accuracy, feature_choice, feature_network, read
from genloop.image.scores.inception import Inception
from genloop.image.scores.judge import Judge
from genloop.image.scores.metrics import NEIGHBORS
from genloop.image.scores.taught import Lesson
from genloop.intervals import ROUNDS
from genloop.outputs import replace_folder, write_json
from genloop.randomness import keyed_generator
from genloop.reading import read_array, read_json
from genloop.scored import Scored, find_copies

VERSION = 2  # of the scores: figures of different versions are not compared


def build_reference(prepared: Path, choices: ImageReference, out: Path) -> None:
    """Write the feature network, the features of the test split, and the scores of three sets nobody trained for.

    ``real`` scores training pictures against the test split: as good as it gets. ``bootstrap`` scores training pictures
    drawn again: a copier. ``marginals`` scores pictures whose pixels are drawn independently, each from its own values
    in the training split: the trivial model.
    """
    schema, train, test = read_schema(prepared), open_records(prepared, "train"), open_records(prepared, "test")
    network = feature_network(schema, train, train.labels, choices)
    judge = Judge(network, read(network, test).features, told_shares(schema, choices), choices.seed)
    lesson, honest = Lesson(schema, test, choices), copies.honest(train.as_bytes, test.as_bytes, choices.seed)
    baselines = {}
    for name, pictures in draw_baselines(train, choices).items():
        unseen = test if name == "real" else pictures  # training pictures are no copies of themselves
        look = partial(copies.judge, unseen.as_bytes, train.as_bytes, honest)
        _, copying = find_copies(look, len(train), len(unseen), choices.seed)
        baselines[name] = judge.figures(pictures) | lesson.figures(pictures) | copying
    with replace_folder(out) as folder:
        if isinstance(network, Classifier):
            (folder / "classifier.safetensors").write_bytes(save(network.state_dict()))
        (folder / "schema.json").write_bytes((prepared / "schema.json").read_bytes())
        np.save(folder / "test_features.npy", judge.real)
        np.save(folder / "honest.npy", honest)
        known = {
            "protocol": describe(schema, test, network, choices),
            "choices": choices.model_dump(),
            "baselines": {name: figures.as_dict() for name, figures in baselines.items()},
        }
        write_json(folder / "reference.json", known)


def draw_baselines(train: PictureRecords, choices: ImageReference) -> dict[str, PictureRecords]:
    """Return sets of pictures that nobody trained for, by name."""
    generator = keyed_generator(choices.seed, "baselines")
    real = np.sort(generator.permutation(len(train))[: choices.count])
    again = np.sort(generator.integers(len(train), size=choices.count))
    marginals = draw_marginals(train.as_bytes, choices.count, generator)
    return {"real": taken(train, real), "bootstrap": taken(train, again), "marginals": PictureRecords(marginals)}


def taken(records: PictureRecords, indices: np.ndarray) -> PictureRecords:
    """Return some of the pictures, with their classes."""
    labels = None if records.labels is None else records.labels[indices]
    return PictureRecords(records.pictures[indices], labels, records.classes)


def draw_marginals(pictures: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return pictures whose pixels come independently from the training values of the same pixel and channel."""
    chosen = generator.integers(len(pictures), size=(count, *pictures.shape[1:]))
    return np.take_along_axis(np.asarray(pictures), chosen, axis=0)


def told_shares(schema: PictureSchema, choices: ImageReference) -> np.ndarray:
    """Return the share of the training pictures of each class; nothing where the feature network tells no classes."""
    counts = np.array(schema.class_counts, dtype=float)
    return counts / counts.sum() if feature_choice(schema, choices) == "classifier" else np.empty(0)


def describe(
    schema: PictureSchema, test: PictureRecords, network: Classifier | Inception, choices: ImageReference
) -> dict[str, Any]:
    """Return the protocol under which all runs on a data set are scored."""
    inception = isinstance(network, Inception)
    protocol: dict[str, Any] = {
        "version": VERSION,
        "real": "test split",
        "real_count": len(test),
        "real_hash": hash_tensors({"test": torch.from_numpy(np.array(test.pictures))}),
        "generated_count": choices.count,
        "size": f"{schema.channels}x{schema.height}x{schema.width}",
        "resizing": "bilinear to 299x299, as TensorFlow 1" if inception else "as prepared",
        "features": feature_choice(schema, choices),
        "features_hash": network.sha256 if isinstance(network, Inception) else hash_tensors(network.state_dict()),
        "neighbors": NEIGHBORS,
        "intervals": f"95 %, {ROUNDS} random parts",
        "seed": choices.seed,
    }
    if isinstance(network, Classifier) and protocol["features"] == "classifier" and test.labels is not None:
        protocol["features_accuracy"] = accuracy(network, test, test.labels) if len(test) else None
    return protocol


def load_network(reference: Path, schema: PictureSchema, choices: ImageReference) -> Classifier | Inception:
    """Return the feature network that a reference was built with.

    Raises:
        GenloopError: the file of Inception is no longer the one stated.
    """
    if feature_choice(schema, choices) == "inception":
        return feature_network(schema, PictureRecords(np.empty(0)), None, choices)
    network = Classifier(schema)
    network.load_state_dict(read_tensors(reference / "classifier.safetensors"))
    return network.eval()


def score(samples: Path, reference: Path, prepared: Path, out: Path) -> Scored:
    """Return the scores of generated pictures and their protocol; the most suspicious ones are shown in ``out``.

    Raises:
        GenloopError: there are fewer pictures than are compared.
    """
    known = read_json(reference / "reference.json")
    schema, choices = read_schema(reference), ImageReference.model_validate(known["choices"])
    generated = read_samples(samples, schema)
    if len(generated) < choices.count:
        told = f"{len(generated)} pictures, the scores compare {choices.count}; raise sample.count"
        raise GenloopError(f"{samples / 'samples.npz'}: {told}")
    pictures = taken(generated, np.arange(choices.count))
    features = read_array(reference / "test_features.npy")
    judge = Judge(load_network(reference, schema, choices), features, told_shares(schema, choices), choices.seed)
    lesson = Lesson(schema, open_records(prepared, "test"), choices)
    train, honest = open_records(prepared, "train").as_bytes, read_array(reference / "honest.npy")
    look = partial(copies.judge, pictures.as_bytes, train, honest)
    found, copying = find_copies(look, len(train), len(pictures), choices.seed)
    suspicious = copies.most_suspicious(found, pictures.as_bytes, train, out) if found else None
    figures = judge.figures(pictures) | lesson.figures(pictures) | copying
    return Scored(figures, known["baselines"], known["protocol"], suspicious)
