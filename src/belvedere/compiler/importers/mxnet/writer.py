"""Turning what a builder holds into an ONNX model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from belvedere.compiler.importers.mxnet.builder import UNKNOWN, Builder, Emitted, Tensor
from belvedere.compiler.importers.mxnet.inference import IR_VERSION

_BATCH = "batch"


def write_model(
    emit: Builder,
    outputs: Sequence[tuple[str, Tensor]],
    *,
    shapes: Mapping[str, tuple[int, ...]],
    producer: tuple[str, str],
) -> Any:
    """The ONNX model of what the outputs depend on.

    Args:
        emit: The nodes, constants and inputs.
        outputs: The outputs' names and tensors.
        shapes: Shapes of inputs and outputs, where they differ from the tensors': UNKNOWN is a free axis.
        producer: Name and version for the file.

    Returns:
        An ``onnx.ModelProto``.
    """
    import onnx

    outputs = _with_all_inputs(emit, outputs, shapes)
    nodes, renamed = _closed(emit, outputs)
    model = onnx.ModelProto(ir_version=IR_VERSION, producer_name=producer[0], producer_version=producer[1])
    model.opset_import.append(onnx.helper.make_opsetid("", emit.opset))
    graph = model.graph
    graph.name = "mxnet"
    for tensor in emit.inputs:
        graph.input.append(_value(tensor.name, tensor, shapes))
    for name, tensor in outputs:
        graph.output.append(_value(name, tensor, shapes))
    used: dict[str, None] = {}
    for node in nodes:
        names = [renamed.get(name, name) for name in node.inputs]
        results = [renamed.get(name, name) for name in node.outputs]
        graph.node.append(onnx.helper.make_node(node.kind, names, results, name=node.name, **node.attributes))
        used |= dict.fromkeys(node.inputs)
    for name in used:
        if name in emit.constants:
            _store(graph.initializer.add(), name, emit.constants[name])
    return model


def _with_all_inputs(
    emit: Builder, outputs: Sequence[tuple[str, Tensor]], shapes: Mapping[str, tuple[int, ...]]
) -> Sequence[tuple[str, Tensor]]:
    """The outputs, the first of them tied to inputs that only lent their shape.

    OpenVINO drops inputs that nothing depends on, and applications would feed one that is not there.
    """
    nodes, _ = _closed(emit, outputs)
    used = {name for node in nodes for name in node.inputs}
    idle = [tensor for tensor in emit.inputs if tensor.name not in used]
    if not idle:
        return outputs
    (name, tensor), *others = outputs
    emit.scope = f"{name}/inputs"
    shape = emit.constant(np.array([max(axis, 0) for axis in shapes.get(name, tensor.shape)], np.int64))
    for lender in idle:
        first = emit.op("Slice", emit.op("Shape", lender), np.array([0], np.int64), np.array([1], np.int64))
        shape = emit.op("Add", shape, emit.op("Mul", first, np.array([0], np.int64)))
    same = emit.op("Reshape", tensor if tensor.value is None else emit.op("Identity", tensor), shape)
    return [(name, replace(same, shape=tensor.shape)), *others]


def _closed(emit: Builder, outputs: Sequence[tuple[str, Tensor]]) -> tuple[list[Emitted], dict[str, str]]:
    """The nodes that the outputs depend on, in order, and new names for those that make outputs."""
    made = {name for node in emit.nodes for name in node.outputs}
    renamed: dict[str, str] = {}
    copies: list[Emitted] = []
    wanted: set[str] = set()
    for name, tensor in outputs:
        source = emit.use(tensor)
        wanted.add(source)
        if source in made and source not in renamed:
            renamed[source] = name
        else:  # an input, a constant, or an output twice
            copies.append(Emitted("Identity", f"{name}/Identity", (source,), (name,), {}))
    kept: list[Emitted] = []
    for node in reversed(emit.nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1] + copies, renamed


def _value(name: str, tensor: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> Any:
    import onnx

    axes = [_BATCH if axis == UNKNOWN else axis for axis in shapes.get(name, tensor.shape)]
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(tensor.dtype), axes)


def _store(proto: Any, name: str, array: Any) -> None:
    """Fill a tensor in place: weights are copied once, from the mapped file to here."""
    import onnx

    proto.name = name
    proto.data_type = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    proto.dims.extend(array.shape)
    proto.raw_data = array.tobytes()
