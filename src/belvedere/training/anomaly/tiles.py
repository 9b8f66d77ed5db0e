"""Cutting a large input into overlapping windows whose feature maps join without seams."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from belvedere.training.backbones import Backbone

_WINDOW, _MARGIN = 256, 32


@dataclass(frozen=True)
class Span:
    """One window along one axis, in pixels: it starts at ``start``; the result is kept from ``low`` to ``high``."""

    start: int
    low: int
    high: int


def spans(length: int, window: int, margin: int, multiple: int) -> list[Span]:
    """Windows that cover ``length`` pixels, each kept part at least ``margin`` from a window's inner edges.

    Every number must be a multiple of ``multiple``, and so is every result: the features join on their grid.
    """
    if length <= window:
        return [Span(0, 0, length)]
    starts = [*range(0, length - window, window - 2 * margin), length - window]
    middles = [(a + window + b) // 2 // multiple * multiple for a, b in pairwise(starts)]
    edges = [0, *middles, length]
    return [Span(start, edges[i], edges[i + 1]) for i, start in enumerate(starts)]


def add_features(graph: GraphBuilder, backbone: Backbone, geometry: Geometry) -> str:
    """Add the backbone, over windows if the geometry says so.

    Returns:
        Name of the feature map, [N, C, rows, columns].
    """
    unit, stride = backbone.multiple, backbone.stride
    window, margin = _WINDOW // unit * unit, -(-_MARGIN // unit) * unit
    if not geometry.tile or max(geometry.width, geometry.height) <= window:
        return graph.include(backbone.network, "image")
    rows = spans(geometry.height, window, margin, unit)
    columns = spans(geometry.width, window, margin, unit)
    windows = [(row, column) for row in rows for column in columns]
    high, wide = min(geometry.height, window), min(geometry.width, window)
    crops = [
        _slice(graph, "image", (row.start, column.start), (row.start + high, column.start + wide))
        for row, column in windows
    ]
    features = graph.include(backbone.network, graph.node("Concat", *crops, axis=0))
    parts = graph.nodes("Split", len(windows), features, axis=0, num_outputs=len(windows))
    kept = [
        _slice(
            graph, part,
            ((row.low - row.start) // stride, (column.low - column.start) // stride),
            ((row.high - row.start) // stride, (column.high - column.start) // stride),
        )
        for part, (row, column) in zip(parts, windows, strict=True)
    ]  # fmt: skip
    across = len(columns)
    lines = [_joined(graph, kept[i : i + across], axis=3) for i in range(0, len(kept), across)]
    return _joined(graph, lines, axis=2)


def _slice(graph: GraphBuilder, x: str, low: tuple[int, int], high: tuple[int, int]) -> str:
    return graph.node("Slice", x, graph.ints(*low), graph.ints(*high), graph.ints(2, 3))


def _joined(graph: GraphBuilder, parts: list[str], axis: int) -> str:
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=axis)
