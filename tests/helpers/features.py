"""A feature network of one convolution, feature cells without pictures, and graphs over cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from belvedere.runtime.engine import open_engine
from belvedere.training.anomaly.learners import Example
from belvedere.training.anomaly.novelty import Scene
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from belvedere.training.backbones import Backbone


def tiny_backbone(channels: int = 12, *, stride: int = 8, reach: int = 8, seed: int = 0) -> Backbone:
    """One convolution and a ReLU; a cell sees ``reach`` pixels beyond its own on every side."""
    from onnx import TensorProto, helper, numpy_helper

    side = stride + 2 * reach
    kernel = np.random.default_rng(seed).standard_normal((channels, 3, side, side)) / side
    node = helper.make_node("Conv", ["image", "kernel"], ["raw"], strides=[stride] * 2, pads=[reach] * 4)
    graph = helper.make_graph(
        [node, helper.make_node("Relu", ["raw"], ["features"])], "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", channels, "h", "w"])],
        [numpy_helper.from_array(kernel.astype(np.float32), "kernel")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return Backbone(
        name="tiny", network=model.SerializeToString(), channels=channels, stride=stride, multiple=2 * stride,
        mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), licence="Apache-2.0", origin="drawn by a test",
    )  # fmt: skip


def cells_of(rng: np.random.Generator, cells: int = 16, channels: int = 6, shift: float = 0.0) -> np.ndarray:
    """Cells (P, C) of one picture: a few recurring patches plus a picture's own light plus noise; float16."""
    patches = np.random.default_rng(99).standard_normal((4, channels))
    light = 0.3 * rng.standard_normal(channels)
    x = patches[rng.integers(0, 4, cells)] + light + 0.5 * rng.standard_normal((cells, channels)) + shift
    return x.astype(np.float16)


def example_of(cells: np.ndarray, cover: np.ndarray | None = None, anomalous: bool = False) -> Example:
    """A picture without turned or mirrored copies."""
    everything = np.ones(len(cells), bool)
    return Example((cells,), (everything,), (), anomalous, cover, "anomaly/" if anomalous else "normal/")


def alone(normal: np.ndarray | int) -> list[list[int]]:
    """Groups of one normal picture each: of so many, or of those that a mask marks."""
    indices = range(normal) if isinstance(normal, int) else np.flatnonzero(normal).tolist()
    return [[index] for index in indices]


def strangeness(scene: Scene, cells: np.ndarray) -> float:
    """Log-odds that the guard against pictures of something else adds, in numpy."""
    apart = np.linalg.norm(scene.means - cells.astype(np.float32).mean(axis=0), axis=1).min()
    return float(20 * max(0.0, apart / scene.limit - 1))


def run_on_cells(graph: GraphBuilder, outputs: dict[str, str], cells: np.ndarray, engine: str) -> dict[str, Any]:
    """Run a graph whose input is cells [N, P, C]; ``outputs`` maps public names to nodes."""
    free = {name: (name, node, ["N"] if name.endswith("score") else ["N", *"AB"[: 1 + ("logits" in name)]])
            for name, node in outputs.items()}  # fmt: skip
    network = graph.model(["N", *cells.shape[1:]], list(free.values()))
    opened = open_engine(network, engine=engine, batch=len(cells))
    try:
        return opened.run({"image": cells.astype(np.float32)})
    finally:
        opened.close()
