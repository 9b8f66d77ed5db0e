"""The whole scoring graph as one ONNX network: backbone, search, heads, calibration, upsampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.learners import Learners
from belvedere.training.anomaly.memory import add_memory
from belvedere.training.anomaly.novelty import add_scene
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from belvedere.training.anomaly.pixel import add_pixel_head
from belvedere.training.anomaly.stacking import Stack
from belvedere.training.anomaly.supervised import add_picture_head
from belvedere.training.anomaly.thinning import add_thinning
from belvedere.training.anomaly.tiles import add_features
from belvedere.training.backbones import Backbone

_OUTSIDE = -20.0
"""Log-odds of cells outside the region of interest."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """Everything that turns features into a verdict.

    Attributes:
        learners: The fitted learners.
        names: Learners that count for the picture's score, in the order of ``picture.weights``.
        floors: The least score of each that counts, see ``calibration.Verdict``.
        picture: Weighs their scores into the calibrated picture score.
        cell: Weighs patch distance and, if it has a second weight, the pixel head's highest log-odds into the
            calibrated heatmap.
        types: Number of anomaly types told apart, 0 for none.
        thin: Whether the heatmap is thinned, see ``thinning``.
    """

    learners: Learners
    names: tuple[str, ...]
    floors: tuple[float, ...]
    picture: Stack
    cell: Stack
    types: int
    thin: bool = False


def scoring_graph(backbone: Backbone, geometry: Geometry, scoring: Scoring) -> bytes:
    """Build the network: ``image`` [N, 3, H, W] to ``score`` [N], ``heatmap`` [N, H, W], ``types`` [N, T+1, H, W]."""
    graph = GraphBuilder()
    cells = _add_cells(graph, add_features(graph, backbone, geometry), backbone, geometry)
    learners = scoring.learners
    distances, memory_score = add_memory(graph, learners.memory, cells, geometry.top)
    parts = {"memory": memory_score}
    logits = None
    if learners.picture is not None and "picture" in scoring.names:
        parts["picture"] = add_picture_head(graph, learners.picture, cells)
    if learners.pixel is not None:
        logits, parts["pixel"] = add_pixel_head(graph, learners.pixel, cells, geometry.top)
    counted = [
        graph.node("Max", parts[name], graph.floats(floor))
        for name, floor in zip(scoring.names, scoring.floors, strict=True)
    ]
    score = graph.node("Add", _weighted(graph, counted, scoring.picture), add_scene(graph, learners.scene, cells))
    maps = [distances]
    if logits is not None and len(scoring.cell.weights) > 1:
        maps.append(graph.node("ReduceMax", logits, graph.ints(2), keepdims=0))
    heat = graph.node("Unsqueeze", _weighted(graph, maps, scoring.cell), graph.ints(1))
    if scoring.thin:
        heat = add_thinning(graph, heat, geometry)
    heatmap = graph.node("Sigmoid", _upsampled(graph, heat, geometry, _OUTSIDE))
    size = [geometry.height, geometry.width]
    outputs: list[tuple[str, str, list[int | str]]] = [
        ("score", graph.node("Sigmoid", score), ["N"]),
        ("heatmap", graph.node("Squeeze", heatmap, graph.ints(1)), ["N", *size]),
    ]
    if scoring.types and logits is not None:
        by_type = graph.node("Transpose", logits, perm=[0, 2, 1])
        types = _add_types(graph, _upsampled(graph, by_type, geometry, 0.0), heatmap)
        outputs.append(("types", types, ["N", scoring.types + 1, *size]))
    return graph.model(["N", 3, geometry.height, geometry.width], outputs)


def _add_cells(graph: GraphBuilder, features: str, backbone: Backbone, geometry: Geometry) -> str:
    """Feature map [N, C, rows, columns] to the cells that count, [N, P, C]."""
    flat = graph.node("Reshape", features, graph.ints(0, backbone.channels, geometry.rows * geometry.columns))
    if geometry.roi is not None:
        flat = graph.node("Gather", flat, graph.constant(geometry.cells), axis=2)
    return graph.node("Transpose", flat, perm=[0, 2, 1])


def _weighted(graph: GraphBuilder, parts: list[str], stack: Stack) -> str:
    total = None
    for part, weight in zip(parts, stack.weights, strict=True):
        term = graph.node("Mul", part, graph.floats(weight))
        total = term if total is None else graph.node("Add", total, term)
    assert total is not None
    return graph.node("Add", total, graph.floats(stack.bias))


def _upsampled(graph: GraphBuilder, values: str, geometry: Geometry, outside: float) -> str:
    """Values per cell [N, K, P] to a map of the input's size, [N, K, H, W]."""
    place = geometry.places
    if place is not None:
        padded = graph.node("Pad", values, graph.ints(0, 0, 0, 0, 0, 1), graph.floats(outside))
        values = graph.node("Gather", padded, graph.constant(place), axis=2)
    grid = graph.node("Reshape", values, graph.ints(0, 0, geometry.rows, geometry.columns))
    scales = graph.constant(np.array([1, 1, geometry.stride, geometry.stride], np.float32))
    return graph.node("Resize", grid, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def _add_types(graph: GraphBuilder, logits: str, heatmap: str) -> str:
    """Background one minus heat, the likeliest type as much as the heat, the others less: arg-max decides."""
    highest = graph.node("ReduceMax", logits, graph.ints(1), keepdims=1)
    share = graph.node("Exp", graph.node("Sub", logits, highest))
    background = graph.node("Sub", graph.floats(1.0), heatmap)
    return graph.node("Concat", background, graph.node("Mul", share, heatmap), axis=1)
