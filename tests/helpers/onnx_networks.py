"""Small ONNX networks with well-scaled random weights, and the plainest way to run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from belvedere.runtime.engine_imports import import_onnxruntime


class Net:
    """Builds a graph layer by layer; every method returns the name of what it made."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.count = 0

    def constant(self, values: Any, name: str = "") -> str:
        name = name or f"k{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        self.count += 1
        output = name or f"{kind.lower()}{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"node_{output}", **attributes))
        return output

    def conv(
        self, x: str, channels: int, wide: int, kernel: int = 3, *, pad: int = 1, bias: bool = False, **rest: Any
    ) -> str:
        values = self.rng.standard_normal((wide, channels, kernel, kernel)) * np.sqrt(2 / (channels * kernel**2))
        inputs = [x, self.constant(values.astype(np.float32))]
        if bias:
            inputs.append(self.constant((self.rng.standard_normal(wide) * 0.1).astype(np.float32)))
        return self.op("Conv", *inputs, pads=[pad] * 4, kernel_shape=[kernel] * 2, **rest)

    def norm(self, x: str, channels: int) -> str:
        spread = [self.rng.uniform(0.5, 1.5, channels), *(self.rng.normal(0, 0.2, channels) for _ in range(2))]
        values = [*spread, self.rng.uniform(0.5, 1.5, channels)]
        return self.op("BatchNormalization", x, *(self.constant(v.astype(np.float32)) for v in values), epsilon=1e-3)

    def dense(self, x: str, narrow: int, wide: int) -> str:
        weight = self.constant((self.rng.standard_normal((wide, narrow)) / np.sqrt(narrow)).astype(np.float32))
        return self.op("Gemm", x, weight, self.constant(np.zeros(wide, np.float32)), transB=1)

    def model(
        self,
        inputs: Mapping[str, Sequence[Any]],
        outputs: Mapping[str, Sequence[Any] | None],
        *,
        opset: int = 17,
        dtype: int = TensorProto.FLOAT,
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info(name, dtype, list(shape)) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s and list(s)) for n, s in outputs.items()],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        model = onnx.shape_inference.infer_shapes(model)
        del model.graph.value_info[:]
        onnx.checker.check_model(model)
        return model


def classifier(*, size: int = 32, classes: int = 10, norm: bool = True, seed: int = 0) -> onnx.ModelProto:
    """Three convolutions, mean over the picture, one dense layer: ``data`` [1, 3, size, size] to ``logits``."""
    net, x, channels = Net(seed), "data", 3
    for wide in (16, 32, 32):
        x = net.conv(x, channels, wide, strides=[2, 2])
        x = net.norm(x, wide) if norm else x
        x = net.op("Relu", x)
        channels = wide
    x = net.op("GlobalAveragePool", x)
    x = net.op("Flatten", x)
    net.nodes.append(helper.make_node("Identity", [net.dense(x, channels, classes)], ["logits"]))
    return net.model({"data": [1, 3, size, size]}, {"logits": [1, classes]})


def run_onnx(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[np.ndarray]:
    """All outputs in order, by ONNX Runtime without any optimisation."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(feeds)))


def normal(shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """Standard normal float32."""
    return np.random.default_rng(seed).standard_normal(tuple(shape)).astype(np.float32)
