"""Removing what no output needs, and outputs that nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from belvedere.compiler.passes.graph import reads
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx


def keep_outputs(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Keep only the named outputs, in this order; what led to the others is for ``prune``.

    Args:
        model: Changed in place.
        names: Names of outputs of the graph.

    Raises:
        CompileError: a name is no output; the message lists the outputs.
    """
    found = {value.name: value for value in model.graph.output}
    unknown = [name for name in names if name not in found]
    if unknown or not names:
        raise CompileError(f"the network has no output {', '.join(unknown) or 'left'}; its outputs: {', '.join(found)}")
    kept = [found[name] for name in names]
    del model.graph.output[:]
    model.graph.output.extend(kept)


def prune(model: onnx.ModelProto) -> int:
    """Remove nodes that lead to no output, constants that nobody reads, and values of tensors that are gone.

    Args:
        model: Changed in place. Inputs stay, read or not.

    Returns:
        How many nodes were removed.
    """
    graph = model.graph
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(reads(node))
            kept.append(node)
    removed = len(graph.node) - len(kept)
    if removed:
        del graph.node[:]
        graph.node.extend(reversed(kept))
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in needed:
            del graph.initializer[index]
    made = {name for node in kept for name in node.output}
    for index in reversed(range(len(graph.value_info))):
        if graph.value_info[index].name not in made:
            del graph.value_info[index]
    return removed
