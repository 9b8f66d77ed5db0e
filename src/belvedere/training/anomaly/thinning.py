"""Taking back the cell by which features spread a defect.

The backbone averages each cell with its neighbours, so the cells around a defect look defective too, and masks come
out wider than what they mark: of thin scratches several times as wide. Grey-scale erosion (Serra 1982, "Image Analysis
and Mathematical Morphology") by a cross, the lowest of a cell and its four neighbours, takes that cell away again.
Where defects are smaller than a cell it would take them away with it, so cross-validation decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.onnx_graph import GraphBuilder

_BEYOND = 1e4
"""Stands beside the cells that count, and is never the lowest."""


def thinned(values: NDArray[np.float64], geometry: Geometry) -> NDArray[np.float64]:
    """The lowest value of each cell and of its four neighbours that count, (P,) to (P,)."""
    grid = np.full((geometry.rows + 2) * (geometry.columns + 2), _BEYOND).reshape(geometry.rows + 2, -1)
    inside = grid[1:-1, 1:-1].reshape(-1).copy()
    inside[geometry.cells] = values
    grid[1:-1, 1:-1] = inside.reshape(geometry.rows, geometry.columns)
    shifted = (grid[1:-1, 1:-1], grid[:-2, 1:-1], grid[2:, 1:-1], grid[1:-1, :-2], grid[1:-1, 2:])
    lowest: NDArray[np.float64] = np.minimum.reduce(shifted).reshape(-1)[geometry.cells]
    return lowest


def add_thinning(graph: GraphBuilder, values: str, geometry: Geometry) -> str:
    """Add ``thinned`` over [N, 1, P]; returns the same shape."""
    place = geometry.places
    if place is not None:
        padded = graph.node("Pad", values, graph.ints(0, 0, 0, 0, 0, 1), graph.floats(_BEYOND))
        values = graph.node("Gather", padded, graph.constant(place), axis=2)
    grid = graph.node("Reshape", values, graph.ints(0, 0, geometry.rows, geometry.columns))
    highest = graph.node("Neg", grid)  # of the negative is the lowest; pooling pads with what never counts
    shapes: tuple[dict[str, Any], ...] = (
        {"kernel_shape": [3, 1], "pads": [1, 0, 1, 0]},
        {"kernel_shape": [1, 3], "pads": [0, 1, 0, 1]},
    )
    across = [graph.node("MaxPool", highest, strides=[1, 1], **shape) for shape in shapes]
    lowest = graph.node("Neg", graph.node("Max", *across))
    flat = graph.node("Reshape", lowest, graph.ints(0, 0, geometry.rows * geometry.columns))
    return flat if place is None else graph.node("Gather", flat, graph.constant(geometry.cells), axis=2)
