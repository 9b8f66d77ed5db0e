"""Linear discriminant analysis for few samples in many dimensions.

Fisher (1936), with the covariance shrunk towards a multiple of the identity by the intensity of Ledoit and Wolf
(2004, "A well-conditioned estimator for large-dimensional covariance matrices").
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
    from sklearn.covariance import ledoit_wolf_shrinkage

    centre, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64) + 1e-6
    z = (x - centre.astype(x.dtype)) / scale.astype(x.dtype)
    high, low = (z[group].mean(axis=0, dtype=np.float64) for group in (positive, ~positive))
    # Both classes weigh the same in the covariance however many samples they have.
    for group, mean in ((positive, high), (~positive, low)):
        z[group] = (z[group] - mean.astype(x.dtype)) * x.dtype.type(np.sqrt(0.5 * len(z) / group.sum()))
    shrinkage = float(ledoit_wolf_shrinkage(z, assume_centered=True))
    weights = _solve(z, min(max(shrinkage, 0.02), 1.0), high - low)
    bias = -weights @ (high + low) / 2
    weights = weights / scale
    return weights.astype(np.float32), float(bias - weights @ centre)


def _solve(
    within: NDArray[np.float32] | NDArray[np.float64], shrinkage: float, target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve ((1 - s) X'X / n + s m I) w = target, in whichever space is smaller."""
    from scipy.linalg import solve

    count, width = within.shape
    ridge = shrinkage * float(np.einsum("ij,ij->", within, within, dtype=np.float64)) / (count * width) + 1e-9
    share = (1 - shrinkage) / count
    if count >= width:
        covariance = share * (within.T @ within).astype(np.float64)
        covariance[np.diag_indices(width)] += ridge
        return np.asarray(solve(covariance, target, assume_a="pos"))
    within = within.astype(np.float64)
    gram = share * (within @ within.T)
    gram[np.diag_indices(count)] += ridge
    inner = solve(gram, within @ target, assume_a="pos")
    return np.asarray((target - share * (within.T @ inner)) / ridge)
