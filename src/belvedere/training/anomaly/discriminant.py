"""Linear discriminant analysis for few samples in many dimensions.

Fisher (1936) and, for several classes, Rao (1948), with the covariance shrunk towards a multiple of the identity by the
intensity of Ledoit and Wolf (2004, "A well-conditioned estimator for large-dimensional covariance matrices").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fit_discriminant(x: NDArray[np.float32], positive: NDArray[np.bool_]) -> tuple[NDArray[np.float32], float]:
    """Weights float32 (d,) and bias of the log-odds; both classes count alike.

    Args:
        x: float32 (n, d), any scale; columns are standardised inside.
        positive: bool (n,), both classes present.
    """
    weights, bias = fit_discriminants(x, positive.astype(np.int64), 1, np.ones(len(x)))
    return weights[0], float(bias[0])


def fit_discriminants(
    x: NDArray[np.float32], labels: NDArray[np.int64], classes: int, share: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Weights float32 (classes, d) and biases (classes,) of the log-odds of each class against class 0.

    One covariance within the classes serves all of them; class 0 and the others together count alike in it. A class
    without a row gets zeros.

    Args:
        x: float32 (n, d), any scale; columns are standardised inside.
        labels: int64 (n,), 0 to ``classes``; 0 and one other are present.
        classes: How many there are besides 0.
        share: How much each row counts, positive (n,).
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    centre, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64) + 1e-6
    z = (x - centre.astype(x.dtype)) / scale.astype(x.dtype)
    present = [kind for kind in range(1, classes + 1) if (labels == kind).any()]
    means = {kind: np.average(z[labels == kind], axis=0, weights=share[labels == kind]) for kind in (0, *present)}
    part = np.where(labels == 0, share / share[labels == 0].sum(), share / share[labels != 0].sum())
    for kind, mean in means.items():
        group = labels == kind
        z[group] = (z[group] - mean.astype(x.dtype)) * np.sqrt(0.5 * len(z) * part[group, None]).astype(x.dtype)
    shrinkage = float(ledoit_wolf_shrinkage(z, assume_centered=True))
    apart = np.stack([means[kind] - means[0] for kind in present], axis=1)
    found = _solve(z, min(max(shrinkage, 0.02), 1.0), apart).T
    weights, bias = np.zeros((classes, x.shape[1])), np.zeros(classes)
    for row, kind in zip(found, present, strict=True):
        weights[kind - 1] = row / scale
        bias[kind - 1] = -row @ (means[kind] + means[0]) / 2 - weights[kind - 1] @ centre
    return weights.astype(np.float32), bias


def _solve(
    within: NDArray[np.float32] | NDArray[np.float64], shrinkage: float, targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve ((1 - s) X'X / n + s m I) W = targets (d, k), in whichever space is smaller."""
    from scipy.linalg import solve

    count, width = within.shape
    ridge = shrinkage * float(np.einsum("ij,ij->", within, within, dtype=np.float64)) / (count * width) + 1e-9
    share = (1 - shrinkage) / count
    if count >= width:
        covariance = share * (within.T @ within).astype(np.float64)
        covariance[np.diag_indices(width)] += ridge
        return np.asarray(solve(covariance, targets, assume_a="pos"))
    within = within.astype(np.float64)
    gram = share * (within @ within.T)
    gram[np.diag_indices(count)] += ridge
    inner = solve(gram, within @ targets, assume_a="pos")
    return np.asarray((targets - share * (within.T @ inner)) / ridge)
