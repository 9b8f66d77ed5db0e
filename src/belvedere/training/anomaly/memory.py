"""Nearest-normal memory: how far is a patch from everything seen on good parts?

PatchCore (Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection",
https://arxiv.org/abs/2106.08265): locally aware patch features (the backbone averages 3x3 cells), a greedy coreset
of them, nearest-neighbour distance per patch, and a picture score re-weighted by how crowded the memory is around
the nearest neighbour. Two changes: features are first reduced by principal components, so that the search costs
less than the backbone, and the picture score is the mean over the five highest patches instead of the highest
alone, which is steadier on small sets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.coreset import greedy_coreset
from belvedere.training.anomaly.onnx_graph import GraphBuilder

DIMENSION, SIZE, NEIGHBOURS = 48, 1024, 9
_MOST_CELLS = 40_000
_ROUNDING = 1e-3
"""Relative precision of cells, which are kept as float16: smaller distances mean nothing."""


@dataclass(frozen=True, eq=False)
class Memory:
    """Reduced features of normal patches.

    Attributes:
        projection: float32 (d, C); applied to a feature vector.
        offset: float32 (d,); added after it. Distances are in units of the memory's own spacing.
        vectors: float32 (M, d).
        neighbours: Per vector the indices of its nearest vectors, itself first, int64 (M, b).
    """

    projection: NDArray[np.float32]
    offset: NDArray[np.float32]
    vectors: NDArray[np.float32]
    neighbours: NDArray[np.int64]


def fit_memory(cells: Iterable[NDArray[np.float16]], count: int, rng: np.random.Generator) -> Memory:
    """Build a memory from normal pictures.

    Args:
        cells: Per picture the features of its valid cells, (cells, C).
        count: Number of pictures, to know how many cells to keep of each.
        rng: Chooses the cells kept where there are very many, and the coreset's start.
    """
    share = max(1, _MOST_CELLS // max(1, count))
    kept = []
    for picture in cells:
        few = picture if len(picture) <= share else picture[rng.permutation(len(picture))[:share]]
        kept.append(few.astype(np.float32))
    x = np.concatenate(kept)
    rounding = _ROUNDING * float(np.sqrt(np.einsum("ij,ij->i", x, x).mean(dtype=np.float64)))
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    x -= mean
    axes = _principal_axes(x, DIMENSION)
    reduced = x @ axes.T
    vectors = reduced[greedy_coreset(reduced, SIZE, rng)]
    between = _distances(vectors, vectors)
    # A vector's distance to itself is not exactly zero in float32; it comes first by definition.
    np.fill_diagonal(between, -1.0)
    order = _nearest(between, min(NEIGHBOURS, len(vectors)))
    spacing = float(np.median(np.take_along_axis(between, order[:, 1:2], axis=1))) if len(vectors) > 1 else 1.0
    # Blank pictures have no spacing but rounding, which as a unit would differ from fold to fold.
    unit = np.float32(max(spacing, rounding) or 1.0)
    return Memory(axes / unit, -(axes @ mean) / unit, vectors / unit, order)


def patch_distances(memory: Memory, cells: NDArray[np.float16]) -> NDArray[np.float32]:
    """Distance of every cell (P, C) to its nearest normal patch, float32 (P,)."""
    return np.asarray(_distances(_reduce(memory, cells), memory.vectors).min(axis=1))


def picture_score(memory: Memory, cells: NDArray[np.float16], top: int) -> float:
    """Mean over the ``top`` farthest cells of their re-weighted distances."""
    reduced = _reduce(memory, cells)
    far = np.argsort(-_distances(reduced, memory.vectors).min(axis=1), kind="stable")[:top]
    distances = _distances(reduced[far], memory.vectors)
    nearest = distances.argmin(axis=1)
    around = np.take_along_axis(distances, memory.neighbours[nearest], axis=1)
    share = np.exp(around - around.max(axis=1, keepdims=True))
    weights = 1 - share[:, 0] / share.sum(axis=1)
    return float((weights * distances.min(axis=1)).mean())


def add_memory(graph: GraphBuilder, memory: Memory, cells: str, top: int) -> tuple[str, str]:
    """Add the search; returns (patch distances [N, P], picture score [N]).

    ``cells`` is [N, P, C].
    """
    weights = graph.constant(memory.projection.T)
    reduced = graph.node("Add", graph.node("MatMul", cells, weights), graph.constant(memory.offset))
    cross, own = _add_products(graph, memory, reduced)
    # The smallest is taken before the cell's own norm is added: one pass less over [N, P, M].
    nearest = graph.node("Add", graph.node("ReduceMin", cross, graph.ints(2), keepdims=1), own)
    distances = graph.node("Sqrt", graph.node("Relu", graph.node("Squeeze", nearest, graph.ints(2))))
    _, far = graph.nodes("TopK", 2, distances, graph.ints(top), axis=1)
    width = memory.vectors.shape[1]
    index = graph.node("Unsqueeze", far, graph.ints(2))
    index = graph.node("Expand", index, graph.ints(1, 1, width))
    picked = graph.node("GatherElements", reduced, index, axis=1)
    every = graph.node("Sqrt", graph.node("Relu", graph.node("Add", *_add_products(graph, memory, picked))))
    closest = graph.node("ArgMin", every, axis=2, keepdims=0)
    around = graph.node("Gather", graph.constant(memory.neighbours), closest, axis=0)
    share = graph.node("Softmax", graph.node("GatherElements", every, around, axis=2), axis=2)
    own = graph.node("Slice", share, graph.ints(0), graph.ints(1), graph.ints(2))
    weight = graph.node("Sub", graph.floats(1.0), graph.node("Squeeze", own, graph.ints(2)))
    scores = graph.node("Mul", weight, graph.node("ReduceMin", every, graph.ints(2), keepdims=0))
    return distances, graph.node("ReduceMean", scores, graph.ints(1), keepdims=0)


def _add_products(graph: GraphBuilder, memory: Memory, reduced: str) -> tuple[str, str]:
    """Two parts whose sum is the squared distance: [N, P, M] from products, [N, P, 1] the cells' own norms."""
    vectors = memory.vectors
    cross = graph.node("MatMul", reduced, graph.constant(np.ascontiguousarray(-2 * vectors.T)))
    cross = graph.node("Add", cross, graph.constant(np.einsum("ij,ij->i", vectors, vectors)))
    return cross, graph.node("ReduceSum", graph.node("Mul", reduced, reduced), graph.ints(2), keepdims=1)


def _reduce(memory: Memory, cells: NDArray[np.float16]) -> NDArray[np.float32]:
    reduced: NDArray[np.float32] = cells.astype(np.float32) @ memory.projection.T + memory.offset
    return reduced


def _distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    squared = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b) - 2 * (a @ b.T)
    distances: NDArray[np.float32] = np.sqrt(np.maximum(squared, 0))
    return distances


def _nearest(distances: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indices of each row's ``count`` smallest values, in order, int64 (M, count)."""
    few = np.argpartition(distances, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(distances, few, axis=1), axis=1, kind="stable")
    return np.take_along_axis(few, order, axis=1).astype(np.int64)


def _principal_axes(centred: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Leading principal axes as rows, float32 (d, C); signs fixed so that equal data give equal bytes."""
    covariance = (centred.T @ centred).astype(np.float64)
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, np.argsort(-values, kind="stable")[: min(most, len(values))]].T
    axes *= np.where(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1) < 0, -1.0, 1.0)
    return np.ascontiguousarray(axes, np.float32)
