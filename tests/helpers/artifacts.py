"""Tiny artifacts with a real network, made in milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from belvedere.runtime.artifact import Artifact

TYPES = ("scratch", "stain")
COLORS = ("#23A436", "#14A3B3")


def tiny_network(*, width: int = 48, height: int = 32, types: int = 0, seed: int = 0) -> bytes:
    """An ONNX network of three convolutions: image (N, 3, H, W) to score (N), heatmap (N, H/4, W/4), types.

    It is small and its outputs spread over 0..1 like those of a trained one.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    rng = np.random.default_rng(seed)
    weights, nodes, last, channels = [], [], "image", 3

    def constant(name: str, values: Any) -> str:
        weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    for index, (wide, stride) in enumerate([(16, 2), (32, 2), (32, 1)]):
        kernel = rng.standard_normal((wide, channels, 3, 3)) * np.sqrt(2 / (9 * channels))
        weight = constant(f"w{index}", kernel.astype(np.float32))
        pads, strides = [1, 1, 1, 1], [stride, stride]
        nodes.append(helper.make_node("Conv", [last, weight], [f"c{index}"], pads=pads, strides=strides))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        last, channels = f"r{index}", wide
    nodes += [
        helper.make_node("ReduceMean", [last, constant("channel", np.array([1]))], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", constant("shift", np.float32(1.0))], ["shifted"]),
        helper.make_node("Sigmoid", ["shifted"], ["heatmap"]),
        helper.make_node("ReduceMax", ["heatmap", constant("pixels", np.array([1, 2]))], ["score"], keepdims=0),
    ]
    grid = [height // 4, width // 4]
    outputs = {"score": ["N"], "heatmap": ["N", *grid]}
    if types:
        kernel = rng.standard_normal((types + 1, channels, 1, 1)).astype(np.float32)
        nodes.append(helper.make_node("Conv", [last, constant("head", kernel)], ["types"]))
        outputs["types"] = ["N", types + 1, *grid]

    def value(name: str, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes, "tiny", [value("image", ["N", 3, height, width])],
        [value(name, shape) for name, shape in outputs.items()], weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def tiny_fields(*, width: int = 48, height: int = 32, types: int = 0, seed: int = 0) -> dict[str, Any]:
    """What ``Artifact.build`` takes, for the tiny network."""
    names, colors = TYPES[:types], COLORS[:types]
    outputs = [
        {"name": "score", "shape": [-1], "description": "Calibrated anomaly score."},
        {"name": "heatmap", "shape": [-1, height // 4, width // 4]},
    ]
    if types:
        outputs.append({"name": "types", "shape": [-1, types + 1, height // 4, width // 4]})
    return {
        "task": "anomaly",
        "name": "tiny",
        "labels": names,
        "network": {"file": "network.onnx", "opset": 18},
        "inputs": [
            {
                "name": "image",
                "shape": [-1, 3, height, width],
                "resize": {"kernel": "bilinear", "width": width, "height": height},
                "mean": [0.485, 0.456, 0.406],
                "std": [0.229, 0.224, 0.225],
            }
        ],
        "outputs": outputs,
        "decoder": {"threshold": 0.5, "pixel_threshold": 0.4, "types": names, "colors": colors},
        "provenance": {"training": {"seed": seed, "normal": 20}},
        "files": {"network.onnx": tiny_network(width=width, height=height, types=types, seed=seed)},
    }


def tiny_artifact(*, width: int = 48, height: int = 32, types: int = 0, seed: int = 0, **changed: Any) -> Artifact:
    """An artifact of the tiny network; ``changed`` replaces fields of ``Artifact.build``."""
    return Artifact.build(**{**tiny_fields(width=width, height=height, types=types, seed=seed), **changed})


def pictures(count: int, *, seed: int = 0, width: int = 80, height: int = 60) -> list[np.ndarray]:
    """Random RGB uint8 pictures (height, width, 3)."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]
