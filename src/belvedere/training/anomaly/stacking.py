"""Weighing several scores into one calibrated probability.

Stacked generalisation (Wolpert 1992) by a logistic regression with non-negative weights and a ridge penalty
(Breiman 1996): a score never counts against itself, and equally good ones share the weight. Being a logistic
regression on held-out scores it is Platt's calibration (1999) at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEGLIGIBLE = 0.02


@dataclass(frozen=True)
class Stack:
    """``probability = sigmoid(sum(weight * score) + bias)``, one weight per score, none negative."""

    weights: tuple[float, ...]
    bias: float


def fit_stack(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> Stack:
    """Fit on held-out scores (n, L) and labels (n,), both classes present; classes count alike.

    Scores whose weight comes out below one fiftieth of the largest are dropped.
    """
    from scipy.optimize import minimize

    share = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum()) * len(labels)
    mean = np.average(scores, axis=0, weights=share)
    deviation = np.sqrt(np.average((scores - mean) ** 2, axis=0, weights=share)) + 1e-9
    x = (scores - mean) / deviation
    sign = np.where(labels, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = parameters[:-1], parameters[-1]
        margin = sign * (x @ weights + bias)
        slope = -share * sign / (1 + np.exp(np.clip(margin, -60, 60)))
        value = float((share * np.logaddexp(0, -margin)).sum() + 0.5 * (weights @ weights))
        return value, np.append(x.T @ slope + weights, slope.sum())

    count = scores.shape[1]
    bounds = [(0.0, None)] * count + [(None, None)]
    start = np.append(np.full(count, 1.0 / count), 0.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = np.where(found[:-1] < _NEGLIGIBLE * found[:-1].max(), 0.0, found[:-1])
    if not weights.any():
        # Nothing tells the classes apart; the first score is kept so that there is an order at all.
        weights[0] = 1e-3
    scaled = weights / deviation
    return Stack(tuple(float(w) for w in scaled), float(found[-1] - scaled @ mean))


def stacked(stack: Stack, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds for scores (n, L)."""
    logits: NDArray[np.float64] = scores @ np.array(stack.weights) + stack.bias
    return logits


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic function without overflow."""
    return np.asarray(np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))))
