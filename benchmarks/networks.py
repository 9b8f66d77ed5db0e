"""Parts of a scoring network as networks of their own, so that one engine can time each."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from belvedere.runtime import Artifact
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.memory import Memory, add_memory
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from belvedere.training.backbones import Backbone


def backbone_network(backbone: Backbone, geometry: Geometry) -> bytes:
    """The backbone at a fixed input size: ``image`` [N, 3, H, W] to ``features`` [N, C, rows, columns]."""
    graph = GraphBuilder()
    features = graph.include(backbone.network, "image")
    grid: list[int | str] = ["N", backbone.channels, geometry.rows, geometry.columns]
    return graph.model(["N", 3, geometry.height, geometry.width], [("features", features, grid)])


def search_network(memory: Memory, channels: int, geometry: Geometry) -> bytes:
    """The memory part alone: ``image`` holds cells [N, P, C] here; gives ``distances`` [N, P] and ``score`` [N]."""
    graph = GraphBuilder()
    count = len(geometry.cells)
    distances, score = add_memory(graph, memory, "image", geometry.top)
    return graph.model(["N", count, channels], [("distances", distances, ["N", count]), ("score", score, ["N"])])


def cells_of(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Feature map [1, C, rows, columns] to cells [P, C], contiguous."""
    return np.ascontiguousarray(features[0].reshape(features.shape[1], -1).T)


def training_facts(artifact: Artifact) -> dict[str, Any]:
    """What the manifest tells about the training: learners, memory, threshold rule and more."""
    return cast("dict[str, Any]", artifact.manifest.provenance["training"])
