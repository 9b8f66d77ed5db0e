"""Translating an MXNet graph to ONNX: from the outputs back, node by node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.attributes import Attributes
from belvedere.compiler.importers.mxnet.binding import Bound, moving_statistics
from belvedere.compiler.importers.mxnet.builder import OPSET, OPSET_DEFORMABLE, Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call
from belvedere.compiler.importers.mxnet.registry import DEFORMABLE, ONLY_FIRST, TRANSLATORS, why_not
from belvedere.compiler.importers.mxnet.shaping import cast
from belvedere.compiler.importers.mxnet.symbol import Entry, Node
from belvedere.core.errors import BelvedereError, CompileError

_MOST_REPORTED = 50
# What malformed attributes and inputs make of code that trusts them.
_MALFORMED = (ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class Graph:
    """What is translated.

    Attributes:
        nodes: The nodes that the outputs depend on, each after those that it takes.
        arrays: The weights, by name.
        version: Of the MXNet that wrote the file.
    """

    nodes: Sequence[Node]
    arrays: Mapping[str, NDArray[Any]]
    version: int


def check_operators(nodes: Sequence[Node], name: str) -> None:
    """Raise unless every operator can be translated.

    Raises:
        CompileError: some cannot; all are named, with their nodes.
    """
    refused = [node for node in nodes if not node.is_variable and (node.subgraphs or node.op not in TRANSLATORS)]
    if not refused:
        return
    kinds = sorted({node.op for node in refused})
    lines = [f"  {_operator(node)} in node {node}" for node in refused[:_MOST_REPORTED]]
    if len(refused) > _MOST_REPORTED:
        lines.append(f"  and {len(refused) - _MOST_REPORTED} more nodes")
    raise CompileError(
        f"{name}: MXNet operators are not supported: {', '.join(kinds)}\n"
        + "\n".join(lines)
        + "\nExport the model without them, or export it to ONNX from MXNet."
    )


def _operator(node: Node) -> str:
    kind = f" (op_type {node.attributes['op_type']})" if "op_type" in node.attributes else ""
    reason = "control flow" if node.subgraphs else why_not(node.op)
    return f"{node.op}{kind}" + (f", {reason}," if reason else "")


def translate(
    graph: Graph, bound: Sequence[Bound], heads: Sequence[tuple[str, Entry]], batch: int
) -> tuple[Builder, list[tuple[str, Tensor]]]:
    """Write the graph in ONNX.

    Args:
        graph: The nodes and weights.
        bound: The inputs.
        heads: Name and place of every output.
        batch: What stands for a free batch.

    Returns:
        The builder, and the outputs by the names that they got.

    Raises:
        CompileError: nodes cannot be translated; all are named, but for those that depend on others.
        LimitError: a tensor is too large.
    """
    deformable = any(node.op in DEFORMABLE for node in graph.nodes)
    emit = Builder(opset=OPSET_DEFORMABLE if deformable else OPSET)
    variables = _inputs(emit, bound, batch)
    names = [emit.reserve(name) for name, _ in heads]
    repeated = Counter(node.name for node in graph.nodes if not node.is_variable)
    done: dict[int, tuple[Tensor, ...]] = {}
    faults: list[str] = []
    for node in graph.nodes:
        emit.scope = node.name if repeated[node.name] < 2 else f"{node.name}#{node.index}"
        if node.is_variable:
            if node.name not in variables:
                variables[node.name] = _weight(emit, node.name, graph.arrays[node.name])
            done[node.index] = (variables[node.name],)
        elif all(source in done for source, _ in _taken(node)):
            try:
                done[node.index] = _call(emit, node, graph, done)
            except BelvedereError as error:
                faults.append(f"node {node}, {node.op}: {error}")
            except _MALFORMED as error:
                faults.append(f"node {node}, {node.op}: its attributes or inputs do not fit it ({error})")
    if faults:
        more = [f"and {len(faults) - _MOST_REPORTED} more nodes"] if len(faults) > _MOST_REPORTED else []
        raise CompileError("; ".join([*faults[:_MOST_REPORTED], *more]))
    return emit, [(name, _output(done, entry)) for name, (_, entry) in zip(names, heads, strict=True)]


def _inputs(emit: Builder, bound: Sequence[Bound], batch: int) -> dict[str, Tensor]:
    shapes = [tuple(batch if axis < 1 else axis for axis in entry.shape) for entry in bound]
    given = [emit.input(entry.name, shape, entry.dtype) for entry, shape in zip(bound, shapes, strict=True)]
    emit.scope = "input"
    return {entry.variable: cast(emit, tensor, entry.inner) for entry, tensor in zip(bound, given, strict=True)}


def _weight(emit: Builder, name: str, array: NDArray[Any]) -> Tensor:
    return emit.constant(array.astype(np.float32) if array.dtype.kind == "b" else array, name)


def _taken(node: Node) -> tuple[Entry, ...]:
    """The inputs that count: without labels, which were never translated."""
    return node.inputs[:1] if node.op in ONLY_FIRST else node.inputs


def _call(emit: Builder, node: Node, graph: Graph, done: Mapping[int, tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    inputs = []
    for source, number in _taken(node):
        if number >= len(done[source]):
            raise CompileError(f"it takes output {number} of node {source}, which is not available at inference")
        inputs.append(done[source][number])
    inputs += [_weight(emit, name, graph.arrays[name]) for name in moving_statistics(node)]
    result = TRANSLATORS[node.op](Call(emit, node, Attributes(node.attributes), tuple(inputs), graph.version))
    return (result,) if isinstance(result, Tensor) else result


def _output(done: Mapping[int, tuple[Tensor, ...]], entry: Entry) -> Tensor:
    index, number = entry
    if number >= len(done[index]):
        raise CompileError(f"output {number} of node {index} is not available at inference")
    return done[index][number]
