"""Networks that find white squares of 16 pixels on black, exactly and by convolution alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from belvedere.runtime.artifact import Artifact

SIDE, SQUARE, RING = 64, 16, 2
_PLACES = SIDE - SQUARE + 1


def squares_network(task: str = "detection", factor: float = 1.0) -> bytes:
    """An ONNX network: image (1, 3, 64, 64) of 0..1 to what the decoder of ``task`` reads.

    A square is found where the mean over it is near 1 and that of a ring around it near 0. ``factor`` multiplies the
    scores.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    weights: list[Any] = []
    nodes: list[Any] = []

    def constant(values: Any, dtype: Any = np.float32) -> str:
        name = f"k{len(weights)}"
        weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    size = SQUARE + 2 * RING
    kernel = np.full((1, 3, size, size), -1.0 / (size**2 - SQUARE**2) / 3)
    kernel[:, :, RING:-RING, RING:-RING] = 1.0 / SQUARE**2 / 3
    outputs: dict[str, list[int]] = {}
    if task == "semantic-segmentation":
        node("ReduceMean", ["image", constant([1], np.int64)], "mean", keepdims=1)
        node("Mul", ["mean", constant(factor)], "grey")
        node("Sub", [constant(1.0), "grey"], "black")
        node("Concat", ["black", "grey"], "scores", axis=1)
        outputs["scores"] = [1, 2, SIDE, SIDE]
    else:
        node("Conv", ["image", constant(kernel)], "response", pads=[RING] * 4)
        node("Sub", ["response", constant(0.9)], "raised")
        node("Mul", ["raised", constant(10.0)], "scaled")
        node("Clip", ["scaled", constant(0.0), constant(1.0)], "clear")
        node("Mul", ["clear", constant(factor)], "sure")
        node("Reshape", ["sure", constant([1, -1, 1], np.int64)], "found")
        y, x = np.mgrid[:_PLACES, :_PLACES]
        corners = np.stack([x, y, x + SQUARE, y + SQUARE], axis=2).reshape(1, -1, 4)
        if task in ("detection", "classification"):
            middles = np.concatenate([corners[..., :2] + SQUARE / 2, np.full_like(corners[..., :2], SQUARE)], axis=2)
            ones = np.ones((1, corners.shape[1], 1))
            node("Concat", [constant(middles), "found", constant(ones)], "rows", axis=2)
            outputs["rows"] = [1, corners.shape[1], 6]
        else:
            best = 24
            node("TopK", ["found", constant([best], np.int64)], "scores", axis=1)
            nodes[-1].output.append("order")
            node("Reshape", ["order", constant([-1], np.int64)], "flat")
            node("Gather", [constant(corners), "flat"], "boxes", axis=1)
            node("Sign", ["scores"], "signs")
            node("Sub", ["signs", constant(1.0)], "ids")
            masks = np.ones((1, best, 8, 8))
            node("Identity", [constant(masks)], "masks")
            outputs = {"ids": [1, best, 1], "scores": [1, best, 1], "boxes": [1, best, 4], "masks": [1, best, 8, 8]}

    def value(name: str, shape: list[int]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes, "squares", [value("image", [1, 3, SIDE, SIDE])], [value(*item) for item in outputs.items()], weights
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(model)
    return bytes(model.SerializeToString())


DECODERS: dict[str, dict[str, Any]] = {
    "detection": {"kind": "detection", "form": "yolo", "outputs": ["rows"], "iou": 0.45},
    "instance-segmentation": {
        "kind": "instances",
        "boxes": {"kind": "detection", "form": "gluoncv", "outputs": ["ids", "scores", "boxes"], "iou": 0.45},
        "masks": "masks",
    },
    "semantic-segmentation": {"kind": "segmentation", "output": "scores", "background": 0},
}
_OUTPUTS = {
    "classification": ["rows"],
    "detection": ["rows"],
    "instance-segmentation": ["ids", "scores", "boxes", "masks"],
    "semantic-segmentation": ["scores"],
}


def squares_artifact(task: str = "detection", **changed: Any) -> Artifact:
    """An artifact of such a network; ``changed`` replaces fields of ``Artifact.build``."""
    fields: dict[str, Any] = {
        "task": task,
        "name": "squares",
        "labels": ("black", "square") if task == "semantic-segmentation" else ("square",),
        "network": {"file": "network.onnx", "opset": 18},
        "inputs": [
            {
                "name": "image",
                "shape": [1, 3, SIDE, SIDE],
                "resize": {"kernel": "linear", "width": SIDE, "height": SIDE},
            }
        ],
        "outputs": [{"name": name, "shape": [-1]} for name in _OUTPUTS[task]],
        "decoder": DECODERS.get(task, {}),
    }
    if "files" not in changed:
        fields["files"] = {"network.onnx": squares_network(task)}
    return Artifact.build(**{**fields, **changed})


def picture_with_squares(width: int, height: int, corners: list[tuple[int, int]], side: int = SQUARE) -> np.ndarray:
    """Black RGB uint8 (height, width, 3) with white squares, each named by its upper left corner."""
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in corners:
        image[y : y + side, x : x + side] = 255
    return image
