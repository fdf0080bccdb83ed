"""Scores against closed forms, and against other people's implementations where their figures are at hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from genloop import kernel
from genloop.image.scores import metrics

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
CASES = {
    "real_vs_fake": ("real", "fake"),
    "real_vs_collapsed": ("real", "collapsed"),
    "real_vs_real": ("real", "real"),
    "few": ("real_few", "fake_few"),
    "two_d": ("real_2d", "fake_2d"),
}
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="figures of other implementations are not at hand")


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    return dict(np.load(REFERENCE / "features.npz"))


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, dict[str, object]]]:
    return dict(json.loads((REFERENCE / "features_expected.json").read_text()))


def pair(case: str, features: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if case == "halves":
        return features["real"][:250], features["real"][250:]
    real, fake = CASES[case]
    return features[real], features[fake]


@needs_reference
@pytest.mark.parametrize("case", [*CASES, "halves"])
def test_parity_of_distances(case: str, features: dict, expected: dict) -> None:
    real, fake = pair(case, features)
    for value in expected[case]["frechet_distance"].values():
        assert metrics.frechet_distance(real, fake) == pytest.approx(value, rel=1e-6, abs=1e-8)
    for value in expected[case]["kid_poly3_unbiased_full_set"].values():
        assert metrics.kernel_distance(real, fake) == pytest.approx(value, rel=1e-6, abs=1e-8)


@needs_reference
@pytest.mark.parametrize("case", [*CASES, "halves"])
def test_parity_of_manifolds(case: str, features: dict, expected: dict) -> None:
    real, fake = pair(case, features)
    compared = 0
    for name, packages in expected[case].items():
        if name.startswith("prdc_k"):
            scores = metrics.manifold_scores(real, fake, k=int(name.removeprefix("prdc_k")))._asdict()
            for figures in packages.values():
                for metric in scores.keys() & figures.keys():
                    assert scores[metric] == pytest.approx(figures[metric], rel=1e-6)
                    compared += 1
    assert compared


@needs_reference
@pytest.mark.parametrize("case", ["real_vs_fake", "real_vs_collapsed"])
def test_parity_of_the_kernel_distance_over_subsets(case: str, features: dict, expected: dict) -> None:
    """The mean over subsets that torch-fidelity draws, the generated records first."""
    real, fake = pair(case, features)
    generator = np.random.RandomState(2020)

    def subset(records: np.ndarray) -> np.ndarray:
        return records[generator.choice(len(records), 250, replace=False)]

    values = []
    for _ in range(100):
        generated = subset(fake)
        values.append(metrics.kernel_distance(subset(real), generated))
    known = expected[case]["kid_100_subsets_of_250_seed2020"]["torch-fidelity"]
    assert np.mean(values) == pytest.approx(known["kernel_inception_distance_mean"], rel=1e-6)
    assert np.std(values) == pytest.approx(known["kernel_inception_distance_std"], rel=1e-6)


@needs_reference
@pytest.mark.parametrize("name", ["logits", "logits_collapsed"])
def test_parity_of_the_inception_score(name: str, features: dict, expected: dict) -> None:
    known = expected["inception_score"][name]
    score = metrics.inception_score(features[name])
    assert score == pytest.approx(known["splits=1,shuffle=False"]["torchmetrics"], rel=1e-6)
    parts = [metrics.inception_score(part) for part in np.array_split(features[name], 10)]
    ten = known["splits=10,shuffle=False"]["torch-fidelity"]
    assert np.mean(parts) == pytest.approx(ten["inception_score_mean"], rel=1e-6)
    assert np.std(parts) == pytest.approx(ten["inception_score_std"], rel=1e-6)


def test_classes_that_are_all_told_surely_and_alike_often_give_their_number() -> None:
    logits = 50 * np.eye(4)[np.arange(40) % 4]
    scores = metrics.mode_scores(logits, np.full(4, 0.25))
    assert scores == pytest.approx({"modes": 4.0, "modes_divergence": 0.0}, abs=1e-9)
    assert metrics.inception_score(logits) == pytest.approx(4.0)
    one = metrics.mode_scores(logits[:1].repeat(9, 0), np.array([0.25, 0.75, 0.0, 0.0]))
    assert one == pytest.approx({"modes": 1.0, "modes_divergence": np.log(4)})
    lacking = metrics.mode_scores(logits, np.array([0.5, 0.5, 0.0, 0.0]))
    assert np.isfinite(lacking["modes_divergence"])


def test_frechet_distance_of_normal_samples_is_that_of_their_distributions() -> None:
    generator = np.random.default_rng(0)
    real = generator.normal(0, 1, (200_000, 2))
    fake = generator.normal([3, 0], [1, 2], (200_000, 2))
    assert metrics.frechet_distance(real, fake) == pytest.approx(9 + (2 - 1) ** 2, rel=0.01)


def test_kernel_distance_is_unbiased() -> None:
    """Over many pairs of samples of one distribution it is zero on average, so some values are negative."""
    generator = np.random.default_rng(0)
    values = [metrics.kernel_distance(*generator.normal(size=(2, 30, 4))) for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0


def test_kernel_distance_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = np.random.default_rng(0).normal(size=(2, 50, 3))
    whole = metrics.kernel_distance(real, fake), metrics.manifold_scores(real, fake)
    for module in (metrics, kernel):
        monkeypatch.setattr(module, "BLOCK", 7)
    assert metrics.kernel_distance(real, fake) == pytest.approx(whole[0], rel=1e-12)
    assert metrics.manifold_scores(real, fake) == whole[1]


def test_duplicates_contain_each_other() -> None:
    """Where two published implementations disagree (1.0 against 0.014), a set against itself scores 1."""
    repeated = np.repeat(np.random.default_rng(0).normal(size=(5, 8)), 100, axis=0)
    assert metrics.manifold_scores(repeated, repeated)[:2] == (1.0, 1.0)
    assert metrics.manifold_scores(repeated, repeated).coverage == 1.0


def test_a_collapsed_generator_has_precision_without_recall() -> None:
    generator = np.random.default_rng(0)
    real = generator.normal(size=(300, 4))
    collapsed = real[:1] + generator.normal(scale=1e-3, size=(300, 4))
    scores = metrics.manifold_scores(real, collapsed)
    assert scores.precision == 1.0
    assert scores.recall < 0.05
    assert scores.coverage < 0.1
