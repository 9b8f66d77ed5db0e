"""Small ONNX models and a way to import and run them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from belvedere.compiler.declared import declared_inputs
from belvedere.compiler.importers import onnx as importer
from belvedere.compiler.importing import Imported, Request
from belvedere.compiler.source import open_source

FLOAT = TensorProto.FLOAT


def tensor(name: str, shape: Sequence[Any] | None, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, value: Any, dtype: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value, dtype), name)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
    opset: int = 17,
    **options: Any,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "test", list(inputs), list(outputs), list(constants))
    domains = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in options.pop("domains", ()))]
    return helper.make_model(graph, opset_imports=domains, ir_version=options.pop("ir_version", 8), **options)


def conv_net(batch: Any = 1, side: Any = 8, opset: int = 17, **options: Any) -> onnx.ModelProto:
    """A convolution of 3 to 4 maps, and the mean of each."""
    weights = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["maps"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["maps"], ["mean"], "pool"),
        helper.make_node("Flatten", ["mean"], ["scores"], "flat"),
    ]
    return model(
        nodes, [tensor("image", [batch, 3, side, side])], [tensor("scores", [batch, 4])], [constant("w", weights)],
        opset, **options,
    )  # fmt: skip


def imported(path: Path, content: onnx.ModelProto | bytes, inputs: Any = None, outputs: Sequence[str] = ()) -> Imported:
    """Write the model to ``path/net.onnx`` and import it."""
    data = content if isinstance(content, bytes) else content.SerializeToString()
    (path / "net.onnx").write_bytes(data)
    with open_source(path / "net.onnx") as source:
        return importer.load(source, Request(inputs=declared_inputs(inputs), outputs=tuple(outputs)))


def run(network: onnx.ModelProto, *values: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {port.name: value for port, value in zip(session.get_inputs(), values, strict=True)})
