"""Whether a model is sound: order of the nodes, content of the constants, sizes of the tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from belvedere.compiler.importers.onnx.external import is_external, tensor_bytes
from belvedere.compiler.passes.graph import reads, shape_of
from belvedere.compiler.passes.shapes import light_copy
from belvedere.compiler.passes.walking import dense_tensors, graphs, label, tensors
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx

MOST_ELEMENTS = 2**31
"""Of one tensor; what is larger cannot be held in memory or was never meant."""

_MOST_SHOWN = 8


def check_graph(model: onnx.ModelProto, where: str) -> tuple[str, ...]:
    """Check constants and nodes; bring nodes that are out of order into order.

    Args:
        model: Changed in place.
        where: What error messages begin with.

    Returns:
        Notes for the user.

    Raises:
        CompileError: a cycle, a tensor that nothing makes, a constant whose content does not fit its dimensions, or
            whatever else the ONNX checker objects to.
    """
    from onnx import checker

    _check_constants(model, where)
    if not model.graph.name:
        model.graph.name = "graph"  # which the checker insists on
    notes = [note for graph in graphs(model.graph) for note in _sort(graph, where)]
    _check_made(model.graph, where)
    try:
        checker.check_model(_without_weights(model))
    except (checker.ValidationError, ValueError, RuntimeError) as error:
        raise CompileError(f"{where}: not a valid ONNX model: {_reason(error)}") from error
    return tuple(dict.fromkeys(notes))


def check_sizes(model: onnx.ModelProto, where: str) -> None:
    """Refuse absurd tensors by their inferred shapes, before anything allocates them.

    Raises:
        CompileError: lists the tensors and the nodes that make them.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    faults = []
    for value in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        shape = shape_of(value)
        if math.prod(axis for axis in shape if axis > 0) > MOST_ELEMENTS:
            maker = makers.get(value.name)
            source = f"node '{label(maker)}' ({maker.op_type})" if maker is not None else "the input"
            faults.append(f"'{value.name}' of {source}: {'x'.join('?' if a < 0 else str(a) for a in shape)}")
    if faults:
        raise CompileError(
            f"{where}: tensors of more than {MOST_ELEMENTS} elements: {'; '.join(faults[:_MOST_SHOWN])}"
            + (f"; and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else "")
        )


def _check_constants(model: onnx.ModelProto, where: str) -> None:
    faults = list(_constant_faults(model))
    if faults:
        more = f"; and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        raise CompileError(f"{where}: constants are damaged: {'; '.join(faults[:_MOST_SHOWN])}{more}")


def _constant_faults(model: onnx.ModelProto) -> Iterator[str]:
    import onnx

    for tensor in tensors(model):
        if is_external(tensor) or tensor.data_type == onnx.TensorProto.STRING:
            continue
        try:
            needed = tensor_bytes(tensor)
        except CompileError as error:
            yield str(error)
            continue
        if needed is None:
            yield f"'{tensor.name}' is of the unknown type {tensor.data_type}"
        elif tensor.HasField("raw_data"):
            if len(tensor.raw_data) != needed:
                yield f"'{tensor.name}' has {len(tensor.raw_data)} bytes; {list(tensor.dims)} asks for {needed}"
        elif _typed_entries(tensor) != _typed_needed(tensor):
            yield (
                f"'{tensor.name}' has {_typed_entries(tensor)} values; {list(tensor.dims)} asks for "
                f"{_typed_needed(tensor)}"
            )


def _typed_entries(tensor: onnx.TensorProto) -> int:
    fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")
    return int(sum(len(getattr(tensor, field)) for field in fields))


def _typed_needed(tensor: onnx.TensorProto) -> int:
    """Entries that the typed field of a tensor must have; complex numbers take two, packed ones share."""
    import onnx

    elements = int(math.prod(tensor.dims))
    name = onnx.TensorProto.DataType.Name(tensor.data_type)
    if name.startswith("COMPLEX"):
        return 2 * elements
    for suffix, per_entry in (("INT4", 2), ("FLOAT4E2M1", 2), ("INT2", 4)):
        if name.endswith(suffix):
            return -(-elements // per_entry)
    return elements


def _sort(graph: onnx.GraphProto, where: str) -> Iterator[str]:
    """Put the nodes of a graph into an order in which each comes after those it reads (Kahn 1962), if need be."""
    made_at = {name: at for at, node in enumerate(graph.node) for name in node.output if name}
    needs = [{made_at[name] for name in reads(node) if name in made_at} for node in graph.node]
    if all(before < at for at, found in enumerate(needs) for before in found):
        return
    readers: dict[int, list[int]] = {}
    for at, found in enumerate(needs):
        for before in found:
            readers.setdefault(before, []).append(at)
    left = [len(found) for found in needs]
    ready = [at for at, count in enumerate(left) if not count]
    order: list[int] = []
    while ready:
        at = ready.pop()
        order.append(at)
        for reader in readers.get(at, []):
            left[reader] -= 1
            if not left[reader]:
                ready.append(reader)
    if len(order) < len(needs):
        raise CompileError(f"{where}: the graph has a cycle: {_cycle(graph, needs, left)}")
    nodes = [graph.node[at] for at in order]
    del graph.node[:]
    graph.node.extend(nodes)
    yield "the nodes of the model were not in the order of computation; they are now"


def _cycle(graph: onnx.GraphProto, needs: list[set[int]], left: list[int]) -> str:
    """The labels of one cycle's nodes."""
    at = next(index for index, count in enumerate(left) if count)
    path: list[int] = []
    while at not in path:
        path.append(at)
        at = next(before for before in sorted(needs[at]) if left[before])
    labels = [label(graph.node[index]) for index in reversed(path[path.index(at) :])]
    return " -> ".join(f"'{name}'" for name in (*labels[:_MOST_SHOWN], labels[0]))


def _check_made(graph: onnx.GraphProto, where: str) -> None:
    """Every tensor that is read must be an input, a constant, or made by a node; subgraphs see what is around them."""
    missing: dict[str, str] = {}

    def walk(inner: onnx.GraphProto, outside: frozenset[str]) -> None:
        known = outside | {value.name for value in inner.input} | {tensor.name for tensor in inner.initializer}
        known |= {tensor.values.name for tensor in inner.sparse_initializer}
        known |= {name for node in inner.node for name in node.output}
        for node in inner.node:
            for name in node.input:
                if name and name not in known:
                    missing.setdefault(name, f"'{name}' of node '{label(node)}' ({node.op_type})")
            for attribute in node.attribute:
                for below in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                    walk(below, known)
        for value in inner.output:
            if value.name not in known:
                missing.setdefault(value.name, f"'{value.name}', an output of the graph")

    walk(graph, frozenset())
    if missing:
        listed = list(missing.values())
        more = f"; and {len(listed) - _MOST_SHOWN} more" if len(listed) > _MOST_SHOWN else ""
        raise CompileError(f"{where}: tensors that nothing makes: {'; '.join(listed[:_MOST_SHOWN])}{more}")


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy for the checker: large and external constants become inputs or are empty, and so is a missing shape.

    The checker reads a serialised copy, which for the whole model may pass 2 GB; their content is checked above.
    """
    copy = light_copy(model)
    graph = copy.graph
    kept = []
    declared = {value.name for value in graph.input}
    for tensor in graph.initializer:
        if tensor.raw_data or _typed_entries(tensor) or not math.prod(tensor.dims):
            kept.append(tensor)
        elif tensor.name not in declared:
            value = graph.input.add(name=tensor.name)
            value.type.tensor_type.elem_type = tensor.data_type
            for axis in tensor.dims:
                value.type.tensor_type.shape.dim.add(dim_value=axis)
    del graph.initializer[:]
    for tensor in dense_tensors(copy):  # in attributes and subgraphs, where no input can take their place
        if math.prod(tensor.dims) and not tensor.raw_data and not _typed_entries(tensor) and not tensor.string_data:
            tensor.dims[:] = [0]
    graph.initializer.extend(kept)
    for value in (*graph.input, *graph.output):
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.shape.SetInParent()
    copy.ir_version = max(copy.ir_version, 4)  # before, constants had to be inputs as well
    return copy


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:400] or type(error).__name__
