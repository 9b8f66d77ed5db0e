"""Going through all nodes and tensors of a model, at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node holds (``If``, ``Loop``, ``Scan``), one level."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and all that lie inside it."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from graphs(inner)


def nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes of a graph and of the graphs inside it."""
    for inner in graphs(graph):
        yield from inner.node


def model_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """All nodes of a model, those of its functions too."""
    yield from nodes(model.graph)
    for function in model.functions:
        for node in function.node:
            yield node
            for inner in subgraphs(node):
                yield from nodes(inner)


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All constants of a model: initializers, sparse ones, and those in attributes."""
    yield from dense_tensors(model)
    for graph in graphs(model.graph):
        for sparse in graph.sparse_initializer:
            yield sparse.values
            yield sparse.indices
    for node in model_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor"):
                yield attribute.sparse_tensor.values
                yield attribute.sparse_tensor.indices


def dense_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All constants of a model but the sparse ones."""
    for graph in graphs(model.graph):
        yield from graph.initializer
    for node in model_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def label(node: onnx.NodeProto) -> str:
    """How messages call a node: its name, else its first output."""
    return node.name or next((name for name in node.output if name), "") or f"a {node.op_type} without a name"


def has_valid_texts(message: Any) -> bool:
    """Whether all texts of a message are UTF-8; protocol buffers give others as bytes, which nothing expects."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            inner = [value] if hasattr(value, "ListFields") else value
            if not all(map(has_valid_texts, inner)):
                return False
        elif field.type == field.TYPE_STRING:
            texts = [value] if isinstance(value, str | bytes) else value
            if any(isinstance(text, bytes) for text in texts):
                return False
    return True
