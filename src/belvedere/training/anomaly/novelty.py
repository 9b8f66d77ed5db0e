"""Is this a picture of the same scene at all?

The learners compare cells, and a head trained on a few defects says anything about a picture unlike all it has seen: a
black frame, an empty tray, another product. This guard compares whole pictures. Its distance is that of a picture's
mean features to the nearest training picture's. Measured by how much cells vary within one picture, pictures of the
scene stay below 0.6 over four very different real sets, and foreign ones lie between 0.5 and 1.8. Up to a limit learned
from the training pictures it adds nothing, so that it does not change the order of pictures of the scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.coreset import greedy_coreset
from belvedere.training.anomaly.onnx_graph import GraphBuilder

_LEAST, _FACTOR, _FEW = 0.3, 1.5, 3.0
"""Least limit in units of the variation within a picture; the limit over the largest distance seen, and what few
pictures add to that factor."""
_MOST = 256
_PUSH = 20.0
"""Log-odds added at twice the limit."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What training pictures look like as a whole: mean features float32 (n, C), and the distance that is usual."""

    means: NDArray[np.float32]
    limit: float


def fit_scene(
    normal: Sequence[Sequence[NDArray[np.float16]]], anomalous: Sequence[NDArray[np.float16]], rng: np.random.Generator
) -> Scene:
    """Learn the scene.

    Args:
        normal: Per normal picture its cells (P, C) and those of its turned copies, the picture first.
        anomalous: Cells of anomalous pictures; they belong to the scene, too.
        rng: Chooses among very many pictures.
    """
    groups = [np.stack([_mean(view) for view in views]) for views in normal]
    means = np.concatenate(groups)
    owner = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    within = float(np.mean([_variation(views[0]) for views in normal]))
    seen = [_nearest(group[0], means[owner != index]) for index, group in enumerate(groups) if len(groups) > 1]
    seen += [_nearest(_mean(cells), means) for cells in anomalous]
    factor = _FACTOR + _FEW / len(groups)
    if len(means) > _MOST:
        means = means[greedy_coreset(means, _MOST, rng)]
    # Blank pictures vary in nothing; any positive limit is right for them.
    return Scene(means, max(_LEAST * within, factor * max(seen, default=0.0)) or 1.0)


def add_scene(graph: GraphBuilder, scene: Scene, cells: str) -> str:
    """Add the guard over ``cells`` [N, P, C]; returns the log-odds that it adds, [N]: 0 for pictures of the scene."""
    mean = graph.node("ReduceMean", cells, graph.ints(1), keepdims=1)
    away = graph.node("Sub", mean, graph.constant(scene.means[None]))
    squared = graph.node("ReduceSum", graph.node("Mul", away, away), graph.ints(2), keepdims=0)
    nearest = graph.node("Sqrt", graph.node("ReduceMin", squared, graph.ints(1), keepdims=0))
    beyond = graph.node("Sub", graph.node("Mul", nearest, graph.floats(1 / scene.limit)), graph.floats(1.0))
    return graph.node("Mul", graph.node("Relu", beyond), graph.floats(_PUSH))


def _mean(cells: NDArray[np.float16]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = cells.astype(np.float32).mean(axis=0)
    return mean


def _variation(cells: NDArray[np.float16]) -> float:
    """Root mean square distance of a picture's cells to their mean."""
    x = cells.astype(np.float32)
    return float(np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _nearest(mean: NDArray[np.float32], means: NDArray[np.float32]) -> float:
    return float(np.sqrt(((means - mean) ** 2).sum(axis=1).min()))
