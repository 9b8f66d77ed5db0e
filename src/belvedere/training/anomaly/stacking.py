"""Weighing several scores into one calibrated probability.

Stacked generalisation (Wolpert 1992) by a logistic regression with non-negative weights and a ridge penalty
(Breiman 1996) and a second one on unequal weights: a score never counts against itself, and with few pictures the
weights stay near each other unless the pictures clearly say otherwise. Being a logistic
regression on held-out scores it is Platt's calibration (1999) at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEGLIGIBLE = 0.02
_RIDGE, _APART = 0.5, 3.0
_FLAT = 1e-6
"""Deviation, relative to the size of a score, up to which it counts as constant."""


@dataclass(frozen=True)
class Stack:
    """``probability = sigmoid(sum(weight * score) + bias)``, one weight per score, none negative."""

    weights: tuple[float, ...]
    bias: float


def fit_stack(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> Stack:
    """Fit on held-out scores (n, L) and labels (n,), both classes present; classes count alike.

    Scores whose weight comes out below one fiftieth of the largest, and those that never vary, are dropped.
    """
    from scipy.optimize import minimize

    share = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum()) * len(labels)
    mean = np.average(scores, axis=0, weights=share)
    deviation = np.sqrt(np.average((scores - mean) ** 2, axis=0, weights=share))
    # A score that never varies tells nothing: the penalty on unequal weights must not give it one, which the
    # division by its deviation would make enormous.
    varies = deviation > _FLAT * (1 + np.abs(mean))
    if varies.any() and not varies.all():
        inner = fit_stack(scores[:, varies], labels)
        every = np.zeros(len(varies))
        every[varies] = inner.weights
        return Stack(tuple(every.tolist()), inner.bias)
    deviation = np.maximum(deviation, _FLAT * (1 + np.abs(mean)))
    x = (scores - mean) / deviation
    sign = np.where(labels, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = parameters[:-1], parameters[-1]
        margin = sign * (x @ weights + bias)
        slope = -share * sign / (1 + np.exp(np.clip(margin, -60, 60)))
        apart = weights - weights.mean()
        value = (
            (share * np.logaddexp(0, -margin)).sum()
            + 0.5 * _RIDGE * (weights @ weights)
            + 0.5 * _APART * (apart @ apart)
        )
        return float(value), np.append(x.T @ slope + _RIDGE * weights + _APART * apart, slope.sum())

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
