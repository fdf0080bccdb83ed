"""The feature network of a data set: a small classifier trained on its own training pictures, or another by choice.

Where a data set has no classes, the same network with its random first weights serves: features without knowledge, but
equal for every run on the data set. Inception serves where scores are to be compared with published ones.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from genloop.choices import ImageReference
from genloop.errors import GenloopError
from genloop.image.data import PictureRecords, PictureSchema
from genloop.image.scores.inception import Inception
from genloop.randomness import keyed_generator, keyed_seed
from genloop.schedule import learning_rate, resolve_epochs

WIDTH, FEATURES, BATCH, LR = 32, 64, 64, 1e-3
LARGEST = 16  # side at which the full network works
BLOCK = 500  # pictures at a time


def halvings(side: int) -> int:
    """Return how often larger pictures are halved first, which costs little, until their shorter side is at most 16."""
    return 0 if side <= LARGEST else 1 + halvings((side + 1) // 2)


def halving(cin: int, cout: int) -> tuple[nn.Module, ...]:
    """Return layers that halve a grid, rounded up: [batch, cin, h, w] -> [batch, cout, h / 2, w / 2]."""
    return nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)


class Classifier(nn.Module):
    """Pictures to class logits, by way of 64 features."""

    def __init__(self, schema: PictureSchema) -> None:
        """Build for the schema's channels and classes; any height and width from 8 pixels."""
        super().__init__()
        channels = [schema.channels] + [WIDTH] * halvings(min(schema.height, schema.width))
        self.body = nn.Sequential(
            *(layer for pair in pairwise(channels) for layer in halving(*pair)),
            nn.Conv2d(channels[-1], WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(WIDTH, 2 * WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(32 * WIDTH, FEATURES),
            nn.BatchNorm1d(FEATURES, affine=False),  # so that each feature weighs the same in a distance
        )
        self.output = nn.Linear(FEATURES, max(len(schema.classes), 1))

    def features(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Return the features that scores compare."""
        return self.body(x)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return class logits."""
        return self.output(F.relu(self.features(x)))


def feature_choice(schema: PictureSchema, choices: ImageReference) -> str:
    """Return which features are compared: ``classifier``, ``random`` or ``inception``.

    Raises:
        GenloopError: a classifier is asked for where there are no two classes.
    """
    if choices.features == "classifier" and len(schema.classes) < 2:
        raise GenloopError(
            f"reference.features: classifier needs pictures of at least two classes, and there are "
            f"{len(schema.classes)}; take random or inception, or leave it out"
        )
    return choices.features or ("classifier" if len(schema.classes) > 1 else "random")


def feature_network(
    schema: PictureSchema, records: PictureRecords, labels: np.ndarray | None, choices: ImageReference
) -> Classifier | Inception:
    """Return the feature network of a data set by choice, trained on ``records`` where it is a classifier.

    Raises:
        GenloopError: a classifier is asked for without classes, or the file of Inception is not the one stated.
    """
    kind = feature_choice(schema, choices)
    if kind == "inception":
        assert choices.inception_weights is not None
        assert choices.inception_sha256 is not None
        return Inception(choices.inception_weights, choices.inception_sha256)
    return train_classifier(schema, records, labels if kind == "classifier" else None, choices)


def train_classifier(
    schema: PictureSchema, records: PictureRecords, labels: np.ndarray | None, choices: ImageReference
) -> Classifier:
    """Return the network trained to tell the labels, or with its random first weights where ``labels`` is None."""
    torch.manual_seed(keyed_seed(choices.seed, "classifier"))
    network = Classifier(schema)
    targets = None if labels is None else torch.from_numpy(labels).long()
    epochs = resolve_epochs(choices.epochs, choices.records_seen, len(records), least=2) if targets is not None else 1
    optimizer = torch.optim.Adam(network.parameters(), LR)
    steps = epochs * -(-len(records) // BATCH)
    schedule = LambdaLR(optimizer, learning_rate(steps, warmup=0.0, final=0.0, shape="linear"))
    for epoch in tqdm(range(epochs), "feature classifier", unit="epoch", disable=None):
        order = keyed_generator(choices.seed, "classifier order", epoch).permutation(len(records))
        for start in range(0, len(order) - 1, BATCH):
            indices = order[start : start + BATCH]
            told = network(records.gather(indices))
            if targets is None:
                continue  # the pass still measured each feature's mean and deviation
            optimizer.zero_grad()
            F.cross_entropy(told, targets[indices]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


class Reading(NamedTuple):
    """What a network reads of pictures, as float64."""

    features: Float[np.ndarray, "records features"]
    logits: Float[np.ndarray, "records classes"]


def read(network: Classifier | Inception, pictures: PictureRecords) -> Reading:
    """Return the features of pictures and the logits that follow from them."""
    if isinstance(network, Inception):
        features = network.features(pictures.as_bytes)
        return Reading(features, network.logits(features))
    starts = range(0, max(len(pictures), 1), BLOCK)  # one block of nothing has its width at least
    with torch.no_grad():
        blocks = (pictures.gather(np.arange(start, min(start + BLOCK, len(pictures)))) for start in starts)
        found = torch.cat([network.features(block) for block in blocks])
        return Reading(found.double().numpy(), network.output(F.relu(found)).double().numpy())


def accuracy(network: Classifier, pictures: PictureRecords, labels: np.ndarray) -> float:
    """Return the share of pictures that the network classifies rightly."""
    return float((read(network, pictures).logits.argmax(1) == labels).mean())
