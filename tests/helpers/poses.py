"""A pose network whose every heatmap is how red the picture is, at a quarter of its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from belvedere.runtime.artifact import Artifact

WIDTH, HEIGHT, JOINTS = 48, 64, 17


def pose_network(batch: int = 1) -> bytes:
    """An ONNX network: image (batch, 3, 64, 48) to heatmaps (batch, 17, 16, 12)."""
    from onnx import TensorProto, helper, numpy_helper

    maps = [batch, JOINTS, HEIGHT // 4, WIDTH // 4]
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["image", "red"], ["reds"], axis=1),
            helper.make_node("AveragePool", ["reds"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
            helper.make_node("Expand", ["cells", "shape"], ["heatmaps"]),
        ],
        "pose",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, HEIGHT, WIDTH])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, maps)],
        [numpy_helper.from_array(np.array([0]), "red"), numpy_helper.from_array(np.array(maps), "shape")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def pose_artifact(batch: int = 1, resize: Mapping[str, Any] | None = None) -> Artifact:
    """An artifact of such a network."""
    return Artifact.build(
        task="pose",
        name="red",
        network={"file": "network.onnx"},
        batch=batch,
        inputs=[
            {
                "name": "image",
                "shape": [batch, 3, HEIGHT, WIDTH],
                "resize": dict(resize or {"width": WIDTH, "height": HEIGHT}),
            }
        ],
        outputs=[{"name": "heatmaps", "shape": [batch, JOINTS, HEIGHT // 4, WIDTH // 4]}],
        decoder={"kind": "pose", "output": "heatmaps", "form": "vitpose"},
        files={"network.onnx": pose_network(batch)},
    )


def random_pose_network(width: int = 192, height: int = 256, seed: int = 0) -> bytes:
    """An ONNX network of random weights in the form of HRNet and ViTPose: image to 17 heatmaps at a quarter."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    weights = {
        "first": rng.normal(0, 0.2, (8, 3, 4, 4)).astype(np.float32),
        "second": rng.normal(0, 0.2, (JOINTS, 8, 3, 3)).astype(np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "first"], ["inner"], strides=[4, 4]),
            helper.make_node("Relu", ["inner"], ["active"]),
            helper.make_node("Conv", ["active", "second"], ["raw"], pads=[1, 1, 1, 1]),
            helper.make_node("Sigmoid", ["raw"], ["heatmaps"]),
        ],
        "pose",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, [1, JOINTS, height // 4, width // 4])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())
