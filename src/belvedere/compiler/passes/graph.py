"""Looking things up in an ONNX graph: who makes a tensor, who reads it, what a constant holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

PLAIN_DOMAINS = ("", "ai.onnx")
LAYERS = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "MatMul", "DeformConv", "LSTM", "GRU", "RNN",
     "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData",
     "DeformableConvolution", "LSTMSequence", "GRUSequence", "RNNSequence"}
)  # fmt: skip
"""Operators with learned weights, as both formats call them."""


class GraphIndex:
    """Producers, readers and constants of a graph by tensor name, as they were when the index was made.

    Args:
        graph: The main graph. What subgraphs (``If``, ``Loop``, ``Scan``) read counts as read by the node that
            holds them.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.outputs = {value.name for value in graph.output}
        self.producers: dict[str, onnx.NodeProto] = {}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.output:
                self.producers[name] = node
            for name in reads(node):
                self.readers.setdefault(name, []).append(node)

    def constant(self, name: str) -> NDArray[Any] | None:
        """Content of an initializer or of a ``Constant`` node's tensor; None where ``name`` is neither."""
        from onnx import numpy_helper

        if name in self.initializers:
            return np.asarray(numpy_helper.to_array(self.initializers[name]))
        producer = self.producers.get(name)
        if producer is not None and producer.op_type == "Constant":
            for attribute in producer.attribute:
                if attribute.name == "value":
                    return np.asarray(numpy_helper.to_array(attribute.t))
        return None

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The one node that reads ``name`` once, where it is no output of the graph."""
        found = self.readers.get(name, [])
        if name in self.outputs or len(found) != 1 or list(reads(found[0])).count(name) != 1:
            return None
        return found[0]


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Every tensor that a node reads, those of its subgraphs included; repeated where it is read twice."""
    for name in node.input:
        if name:
            yield name
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            for inner in graph.node:
                yield from reads(inner)
            yield from (value.name for value in graph.output)


def attribute_of(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """The value of an attribute, ``default`` where the node has none of that name."""
    import onnx

    for attribute in node.attribute:
        if attribute.name == name:
            return onnx.helper.get_attribute_value(attribute)
    return default


def opset_of(model: onnx.ModelProto) -> int:
    """Version of the plain ONNX operators that a model uses."""
    return max((entry.version for entry in model.opset_import if entry.domain in PLAIN_DOMAINS), default=1)


def is_plain(node: onnx.NodeProto) -> bool:
    """Whether a node is one of ONNX's own operators."""
    return node.domain in PLAIN_DOMAINS


def fresh_name(model: onnx.ModelProto, wanted: str) -> str:
    """A name that no tensor or node of the graph has yet: ``wanted``, or with a number behind."""
    taken = {name for node in model.graph.node for name in (node.name, *node.output)}
    taken |= {tensor.name for tensor in model.graph.initializer} | {value.name for value in model.graph.input}
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    return name


def shape_of(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Shape of an input, output or value; -1 where an axis is free. Empty where nothing is known of it."""
    axes = value.type.tensor_type.shape.dim
    return tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in axes)
