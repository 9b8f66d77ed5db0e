"""A picture-level head: what do the labelled anomalous pictures have in common?

Shrunk linear discriminant analysis (see ``discriminant``) on the mean, maximum and deviation of every feature over the
picture; the shrinkage is what makes it usable with tens of pictures and hundreds of dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.discriminant import fit_discriminant
from belvedere.training.anomaly.onnx_graph import GraphBuilder

_EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class PictureHead:
    """A linear map from pooled features to a log-odds: weights float32 (3C,), bias."""

    weights: NDArray[np.float32]
    bias: float


def pool(cells: NDArray[np.float16]) -> NDArray[np.float32]:
    """Mean, maximum and deviation over the cells (P, C) of one picture, float32 (3C,)."""
    x = cells.astype(np.float32)
    mean = x.mean(axis=0)
    deviation = np.sqrt(((x - mean) ** 2).mean(axis=0) + np.float32(_EPSILON))
    return np.concatenate([mean, x.max(axis=0), deviation])


def fit_picture_head(pooled: NDArray[np.float32], anomalous: NDArray[np.bool_]) -> PictureHead:
    """Fit on pooled features (n, 3C) and labels (n,); classes count alike however many pictures they have."""
    weights, bias = fit_discriminant(pooled, anomalous)
    return PictureHead(weights, bias)


def head_score(head: PictureHead, pooled: NDArray[np.float32]) -> float:
    """Log-odds of one picture's pooled features (3C,)."""
    return float(head.weights @ pooled + head.bias)


def add_picture_head(graph: GraphBuilder, head: PictureHead, cells: str) -> str:
    """Add the head over ``cells`` [N, P, C]; returns [N]."""
    mean = graph.node("ReduceMean", cells, graph.ints(1), keepdims=1)
    away = graph.node("Sub", cells, mean)
    variance = graph.node("ReduceMean", graph.node("Mul", away, away), graph.ints(1), keepdims=1)
    deviation = graph.node("Sqrt", graph.node("Add", variance, graph.floats(_EPSILON)))
    highest = graph.node("ReduceMax", cells, graph.ints(1), keepdims=1)
    pooled = graph.node("Concat", mean, highest, deviation, axis=2)
    score = graph.node("MatMul", pooled, graph.constant(head.weights[:, None]))
    score = graph.node("Add", score, graph.floats(head.bias))
    return graph.node("Squeeze", score, graph.ints(1, 2))
