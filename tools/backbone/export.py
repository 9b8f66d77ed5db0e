r"""Turn a distilled checkpoint into the weights file that ships in the package.

    python tools/backbone/export.py build/backbone/checkpoint.pt \
           src/belvedere/training/backbones/weights/belvedere_s.onnx

Batch norms are folded into the convolutions. At each stride the student's channels are turned and scaled so that
Euclidean distance between two cells equals the distance between the teacher features that the student predicts
for them (W = U S V' of the training head gives the map S V'). Cells are averaged over 3x3 neighbours, as PatchCore
does, stride 16 is upsampled to stride 8, and both are joined. Weights are stored as float16 and computed in float32.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto
from student import Block, Heads, Stage, Student
from teachers import IMAGENET_MEAN, IMAGENET_STD
from torch import nn

from belvedere.core.files import write_bytes
from belvedere.training.anomaly.onnx_graph import GraphBuilder

FINE_WEIGHT = 0.3
"""Share of the stride-8 features in the joint distance; stride 16 has 1. Chosen once, over all sets together."""


def half(graph: GraphBuilder, weights: np.ndarray) -> str:
    """A float16 constant with the cast that makes it float32."""
    return graph.node("Cast", graph.constant(weights.astype(np.float16)), to=TensorProto.FLOAT)


def fold(layer: nn.Sequential) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of a convolution with its batch norm folded in."""
    fused = torch.nn.utils.fusion.fuse_conv_bn_eval(layer[0], layer[1])
    return fused.weight.detach().numpy(), fused.bias.detach().numpy()


def conv(graph: GraphBuilder, x: str, layer: nn.Sequential) -> str:
    """3x3 convolution with folded batch norm."""
    weight, bias = fold(layer)
    stride = list(layer[0].stride)
    return graph.node(
        "Conv", x, half(graph, weight), half(graph, bias), kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=stride
    )


def stage(graph: GraphBuilder, x: str, layers: Stage) -> str:
    """One stage: stride-2 convolution, then residual blocks."""
    x = graph.node("Relu", conv(graph, x, layers.down))
    for block in layers.blocks:
        assert isinstance(block, Block)
        inner = graph.node("Relu", conv(graph, x, block.first))
        x = graph.node("Relu", graph.node("Add", x, conv(graph, inner, block.second)))
    return x


def metric(graph: GraphBuilder, x: str, head: nn.Conv2d, weight: float) -> str:
    """Mean over 3x3 cells, then the map whose Euclidean distance is that of the predicted teacher features."""
    matrix = head.weight.detach().numpy()[:, :, 0, 0]
    _, scales, turns = np.linalg.svd(matrix, full_matrices=False)
    projection = (weight * scales[:, None] * turns)[:, :, None, None]
    mean = graph.node("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0)
    return graph.node("Conv", mean, half(graph, projection), kernel_shape=[1, 1])


def export(checkpoint: Path, out: Path) -> None:
    """Write the ONNX file."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    student = Student().eval()
    heads = Heads(student.shape, *(sum(widths) for widths in state["widths"])).eval()
    both = nn.ModuleDict({"student": student, "heads": heads})
    both.load_state_dict(state["average"])
    graph = GraphBuilder()
    x = stage(graph, "image", student.stride2)
    x = stage(graph, x, student.stride4)
    fine = stage(graph, x, student.stride8)
    coarse = stage(graph, fine, student.stride16)
    fine, coarse = metric(graph, fine, heads.to8, FINE_WEIGHT), metric(graph, coarse, heads.to16, 1.0)
    coarse = graph.node(
        "Resize", coarse, "", graph.constant(np.array([1, 1, 2, 2], np.float32)),
        mode="linear", coordinate_transformation_mode="half_pixel",
    )  # fmt: skip
    joint = graph.node("Concat", fine, coarse, axis=1)
    channels = student.shape.stride8 + student.shape.stride16
    data = graph.model(["N", 3, "H", "W"], [("features", joint, ["N", channels, "h", "w"])])
    model = onnx.load_model_from_string(data)
    facts = {
        "channels": str(channels), "stride": "8", "multiple": "16", "licence": "Apache-2.0",
        "origin": "distilled by this project from scratch, see MODEL_CARD.md",
        "mean": ",".join(map(str, IMAGENET_MEAN)), "std": ",".join(map(str, IMAGENET_STD)),
    }  # fmt: skip
    onnx.helper.set_model_props(model, facts)
    write_bytes(out, model.SerializeToString(deterministic=True))
    print(f"{out}: {out.stat().st_size} bytes, step {state['step']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    export(arguments.checkpoint, arguments.out)
