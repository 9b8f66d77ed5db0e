"""Renaming tensors of an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belvedere.compiler.passes.walking import graphs, subgraphs

if TYPE_CHECKING:
    import onnx


def rename_tensor(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Give a tensor of the main graph another name, wherever it is read, in subgraphs too.

    A tensor that has the new name already, at any depth, is called otherwise first.
    """
    if old == new:
        return
    taken = tensor_names(graph)
    if new in taken:
        other, count = f"{new}_inner", 1
        while other in taken:
            count += 1
            other = f"{new}_inner{count}"
        for inner in graphs(graph):
            _rename(inner, new, other)
    _rename(graph, old, new)


def tensor_names(graph: onnx.GraphProto) -> set[str]:
    """The names of all tensors of a graph and of the graphs inside it."""
    names: set[str] = set()
    for inner in graphs(graph):
        names.update(value.name for value in (*inner.input, *inner.output, *inner.value_info))
        names.update(tensor.name for tensor in inner.initializer)
        names.update(name for node in inner.node for name in (*node.input, *node.output))
    return names


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Rename in a graph, and in subgraphs as far as they see the tensor from outside."""
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        if value.name == old:
            value.name = new
    for node in graph.node:
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                if name == old:
                    names[at] = new
        for inner in subgraphs(node):
            if old not in _own_names(inner):
                _rename(inner, old, new)


def _own_names(graph: onnx.GraphProto) -> set[str]:
    names = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    return names | {name for node in graph.node for name in node.output}
