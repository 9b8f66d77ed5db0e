"""Shrunk discriminant analysis: agreement with scikit-learn, and of its two ways to solve."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.training.anomaly.discriminant import _solve, fit_discriminant, fit_discriminants


def two_classes(count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """As many of either class, correlated columns of different scales."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((width, width)) + 2 * np.eye(width)
    positive = np.arange(2 * count) % 2 == 1
    x = rng.standard_normal((2 * count, width)) @ mix + np.where(positive, 0.7, 0.0)[:, None]
    return (x * np.geomspace(0.1, 10, width)).astype(np.float32), positive


@pytest.mark.parametrize("width", [2, 5, 12])
def test_agrees_with_scikit_learn(width: int) -> None:
    """With the same shrinkage of the same standardised within-class covariance, classes of equal size."""
    from sklearn.covariance import ledoit_wolf_shrinkage
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x, positive = two_classes(300, width)
    weights, bias = fit_discriminant(x, positive)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    within = np.where(positive[:, None], z - z[positive].mean(axis=0), z - z[~positive].mean(axis=0))
    shrinkage = max(0.02, float(ledoit_wolf_shrinkage(within, assume_centered=True)))
    mean_variance = float((within**2).mean())
    covariance = (1 - shrinkage) * within.T @ within / len(z) + shrinkage * mean_variance * np.eye(width)

    class Fixed:
        """Hands scikit-learn the covariance of one class: half of the pooled one each."""

        def fit(self, _x: np.ndarray) -> Fixed:
            self.covariance_ = covariance
            return self

    reference = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Fixed(), priors=[0.5, 0.5])
    reference.fit(z, positive)
    expected = reference.decision_function(z)
    found = x @ weights + bias
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_agrees_with_scikit_learns_own_shrinkage() -> None:
    """Many samples: both shrink next to nothing, and find the same direction."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x, positive = two_classes(2000, 6)
    weights, bias = fit_discriminant(x, positive)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.02).fit(x / x.std(axis=0), positive)
    expected = reference.decision_function(x / x.std(axis=0))
    assert np.corrcoef(x @ weights + bias, expected)[0, 1] > 0.999


@pytest.mark.parametrize(("count", "width"), [(12, 12), (7, 20), (40, 9), (2, 50)])
def test_dual_and_primal_solutions_agree(count: int, width: int) -> None:
    rng = np.random.default_rng(count)
    within, target = rng.standard_normal((count, width)), rng.standard_normal(width)
    shrinkage = 0.3
    ridge = shrinkage * (within**2).sum() / (count * width) + 1e-9
    covariance = (1 - shrinkage) * within.T @ within / count + ridge * np.eye(width)
    assert _solve(within, shrinkage, target) == pytest.approx(np.linalg.solve(covariance, target), rel=1e-8)


def test_classes_count_alike() -> None:
    """Repeating every sample of one class changes nothing but the standardisation."""
    x, positive = two_classes(60, 4)
    more = np.concatenate([x, *[x[positive]] * 3])
    labels = np.concatenate([positive, np.ones(3 * positive.sum(), bool)])
    plain, repeated = fit_discriminant(x, positive), fit_discriminant(more, labels)
    first, second = x @ plain[0] + plain[1], x @ repeated[0] + repeated[1]
    assert np.corrcoef(first, second)[0, 1] > 0.99
    # The decision border lies between the class means, not towards the smaller class.
    assert second[positive].mean() == pytest.approx(-second[~positive].mean(), rel=0.05)


@pytest.mark.parametrize("width", [3, 400])
def test_few_samples_and_constant_columns_stay_finite(width: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, width)).astype(np.float32)
    x[:, 0] = 7.0
    x[2:, 1] += 5
    weights, bias = fit_discriminant(x, np.array([False, False, True, True]))
    scores = x @ weights + bias
    assert np.isfinite(scores).all()
    assert (scores[2:] > scores[:2].max()).all()


def test_several_classes_share_one_covariance() -> None:
    """Against scikit-learn with one pooled covariance shrunk as far: its decision functions less that of class 0."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [2000, 1000, 1000])
    x = (rng.standard_normal((4000, 5)) @ rng.standard_normal((5, 5)) + labels[:, None] * [0.5, 0, -0.5, 1, 0]).astype(
        np.float32
    )
    weights, bias = fit_discriminants(x, labels, 2, np.ones(len(x)))
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.02, priors=[1 / 3] * 3)
    reference.fit(x / x.std(axis=0), labels)
    scores = reference.decision_function(x / x.std(axis=0))
    for kind in (1, 2):
        expected = scores[:, kind] - scores[:, 0]
        assert np.corrcoef(x @ weights[kind - 1] + bias[kind - 1], expected)[0, 1] > 0.999


def test_rows_count_by_their_share() -> None:
    """A class of two groups, one with many rows: with equal shares of the groups, both pull alike."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((660, 2)).astype(np.float32)
    x[300:600, 0] += 4
    x[600:, 1] += 4
    labels = np.repeat([0, 1], [300, 360])
    share = np.repeat([1 / 300, 1 / 300, 1 / 60], [300, 300, 60])
    even, _ = fit_discriminants(x, labels, 1, share)
    plain, _ = fit_discriminants(x, labels, 1, np.ones(len(x)))
    assert even[0, 1] / even[0, 0] == pytest.approx(1.0, abs=0.25)
    assert plain[0, 1] / plain[0, 0] < 0.75


def test_a_class_without_rows_gets_zeros() -> None:
    x, positive = two_classes(50, 4)
    weights, bias = fit_discriminants(x, positive.astype(np.int64) * 2, 2, np.ones(len(x)))
    assert not weights[0].any()
    assert bias[0] == 0
    assert weights[1] == pytest.approx(fit_discriminant(x, positive)[0])
