"""Inception features, from weights of random values: the same numbers as torch-fidelity's, and what is refused."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from genloop.choices import ImageReference
from genloop.errors import GenloopError
from genloop.image.data import PictureRecords, PictureSchema
from genloop.image.scores.features import Classifier, feature_choice, feature_network, read, train_classifier
from genloop.image.scores.inception import Inception
from genloop.image.scores.inception_network import inception_v3, resize
from tests.conftest import tiny_pictures

HASH = "0" * 64
# Of torch-fidelity 0.4.0 with random_weights() and the first of pictures(): each 500th feature, each 300th logit.
FEATURES = [0.44694862, 2.26588368, 0.0, 0.04327518, 0.0]
LOGITS = [3.57918501, 2.97897077, -0.31988198, 0.42258847]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def random_weights() -> dict[str, Tensor]:
    """Weights that keep the size of what goes through, drawn by NumPy, whose numbers stay the same."""
    generator, tensors = np.random.default_rng(0), {}
    for name, tensor in sorted(inception_v3().state_dict().items()):
        drawn = generator.standard_normal(tensor.shape, np.float32)
        if name.endswith("num_batches_tracked"):
            drawn = np.array(0)
        elif name.endswith(("running_var", "bn.weight")):
            drawn = np.float32(1) + np.abs(drawn) / np.float32(8)
        elif tensor.ndim > 1:
            drawn *= np.float32((2 / tensor[0].numel()) ** 0.5)
        else:
            drawn /= np.float32(8)
        tensors[name] = torch.from_numpy(np.asarray(drawn))
    return tensors


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(random_weights(), path)
    return path


@pytest.fixture(scope="module")
def network(weights: Path) -> Inception:
    return Inception(str(weights), sha256(weights))


def pictures(channels: int = 3, height: int = 20, width: int = 26) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, channels, height, width)).astype(np.uint8)


def test_features_and_logits_are_those_of_torch_fidelity(network: Inception) -> None:
    """The numbers were taken from torch-fidelity 0.4.0, which cannot be imported beside the CPU build of torch."""
    features = network.features(pictures())
    logits = network.logits(features)
    assert (features.shape, logits.shape) == ((3, 2048), (3, 1008))
    assert features.dtype == logits.dtype == np.float64
    np.testing.assert_allclose(features[0, ::500], FEATURES, atol=2e-5)
    np.testing.assert_allclose(logits[0, ::300], LOGITS, atol=2e-5)


def test_features_and_logits_are_those_of_torchmetrics_where_it_can_be_had(network: Inception, weights: Path) -> None:
    pytest.importorskip("torch_fidelity", exc_type=ImportError)
    from torchmetrics.image.fid import NoTrainInceptionV3

    for given in (pictures(), pictures(height=299, width=340)):
        for name, found in {
            "2048": network.features(given),
            "logits_unbiased": network.logits(network.features(given)),
        }.items():
            # By default torchmetrics smooths what it shrinks, which is not the published preprocessing.
            published = NoTrainInceptionV3("inception-v3-compat", [name], str(weights), antialias=False)
            expected = published(torch.from_numpy(given)).numpy()
            np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_pictures_are_resized_as_in_tensorflow_1() -> None:
    """Counted from the corner: each second of 4 places stands on an old pixel, and the last repeats the edge."""
    x = torch.tensor([[[[0.0, 8.0]]]])
    assert resize(x, 4)[0, 0].tolist() == [[0.0, 4.0, 8.0, 8.0]] * 4


def test_gray_pictures_count_as_colored_and_blocks_do_not_matter(network: Inception) -> None:
    gray = np.concatenate([pictures(channels=1, height=8, width=8)] * 11)  # 33: one more than a block
    found = network.features(gray)
    assert found.shape == (33, 2048)
    scale = np.abs(found).max()
    np.testing.assert_allclose(found[:3], network.features(gray[:3].repeat(3, axis=1)), atol=1e-6 * scale)
    np.testing.assert_allclose(found[30:], found[:3], atol=1e-6 * scale)
    with pytest.raises(GenloopError, match=r"takes gray or colored pictures, not 4 channels"):
        network.features(pictures(channels=4))


class Unplain:
    """A thing that only an unpickler that trusts the file would build."""


def without_one() -> dict[str, Any]:
    tensors = inception_v3().to_empty(device="cpu").state_dict()
    del tensors["Mixed_5b.branch1x1.conv.weight"]
    return dict(tensors)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, r"cannot be read \(No such file or directory\); genloop downloads nothing"),
    "a folder": (lambda path: path.mkdir(), r"cannot be read \(Is a directory\)"),
    "no weights": (lambda path: path.write_text("<html>"), r"does not hold just plain tensors"),
    "objects": (lambda path: torch.save({"a": Unplain()}, path), r"does not hold just plain tensors"),
    "numbers": (lambda path: torch.save({"a": 1}, path), r"does not hold just plain tensors"),
    "one is missing": (lambda path: torch.save(without_one(), path), r"1 tensors .* Mixed_5b.branch1x1.conv.weight;"),
    "others": (lambda path: torch.save({"a": torch.ones(2)}, path), r"does not hold this Inception v3: 567 tensors"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_inception_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    write, message = FILES[name]
    path = tmp_path / "weights.pth"
    write(path)
    with pytest.raises(GenloopError, match=message) as caught:
        Inception(str(path), sha256(path) if path.is_file() else HASH)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_with_another_hash_is_refused_with_its_own(weights: Path) -> None:
    with pytest.raises(GenloopError, match=rf"has the SHA-256 {sha256(weights)}, not {HASH}"):
        Inception(str(weights), HASH)


def test_a_missing_file_is_never_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def connect(*arguments: object) -> None:
        raise AssertionError("something is downloaded")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setattr("socket.getaddrinfo", connect)
    choices = reference(features="inception", inception_weights=str(tmp_path / "x.pth"), inception_sha256=HASH)
    with pytest.raises(GenloopError, match="genloop downloads nothing"):
        feature_network(*data(2), choices)


def reference(**choices: Any) -> ImageReference:
    return ImageReference(modality="image", epochs=1, **choices)


CONTRADICTIONS: dict[str, tuple[dict[str, str], str]] = {
    "no file": ({"features": "inception", "inception_sha256": HASH}, "inception_weights: features: inception needs it"),
    "no hash": ({"features": "inception", "inception_weights": "x"}, "inception_sha256: features: inception needs it"),
    "a file alone": ({"inception_weights": "x", "inception_sha256": HASH}, "inception_weights: says something of"),
    "a hash alone": ({"features": "random", "inception_sha256": HASH}, "inception_sha256: says something of"),
    "no such hash": ({"inception_weights": "x", "inception_sha256": "12"}, "should match pattern"),
    "no such features": ({"features": "resnet"}, "should be 'classifier', 'random' or 'inception'"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_refused(name: str) -> None:
    choices, message = CONTRADICTIONS[name]
    with pytest.raises(ValidationError, match=message):
        reference(**choices)


def test_a_hash_may_be_written_in_capitals() -> None:
    choices = reference(features="inception", inception_weights="x", inception_sha256="AB" * 32)
    assert choices.inception_sha256 == "ab" * 32


def data(classes: int) -> tuple[PictureSchema, PictureRecords, np.ndarray | None]:
    images, labels = tiny_pictures(40)
    schema = PictureSchema(1, 8, 8, tuple("ab"[:classes]))
    return schema, PictureRecords(images[:, None]), labels % classes if classes else None


@pytest.mark.parametrize(("classes", "chosen"), [(0, "random"), (1, "random"), (2, "classifier")])
def test_the_default_is_a_classifier_where_there_are_classes(classes: int, chosen: str) -> None:
    schema, records, labels = data(classes)
    assert feature_choice(schema, reference()) == chosen
    network = feature_network(schema, records, labels, reference())
    assert isinstance(network, Classifier)
    expected = train_classifier(schema, records, labels if chosen == "classifier" else None, reference())
    np.testing.assert_array_equal(read(network, records).features, read(expected, records).features)


def test_random_features_are_the_same_with_and_without_labels() -> None:
    networks = [feature_network(*data(classes), reference(features="random")) for classes in (0, 2)]
    trained = feature_network(*data(2), reference())
    records = data(0)[1]
    found = [read(network, records).features for network in (*networks, trained)]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[1] - found[2]).max() > 0.01


@pytest.mark.parametrize("classes", [0, 1])
def test_a_classifier_without_classes_is_refused(classes: int) -> None:
    with pytest.raises(GenloopError, match=rf"at least two classes, and there are {classes}; take random or inception"):
        feature_network(*data(classes), reference(features="classifier"))


def test_inception_is_taken_by_choice(weights: Path, network: Inception) -> None:
    choices = reference(features="inception", inception_weights=str(weights), inception_sha256=sha256(weights))
    chosen = feature_network(*data(2), choices)
    assert isinstance(chosen, Inception)
    assert chosen.sha256 == choices.inception_sha256
    records = PictureRecords(pictures())
    np.testing.assert_array_equal(read(chosen, records).features, network.features(pictures()))
