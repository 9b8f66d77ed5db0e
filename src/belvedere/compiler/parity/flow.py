"""A network as operations and the values between them, the same for both formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import reads
from belvedere.compiler.passes.openvino_model import name_of
from belvedere.compiler.passes.shapes import infer_shapes, light_copy

if TYPE_CHECKING:
    import onnx
    import openvino

_CONSTANT = ("Constant", "Parameter", "Result")
_SHAPES = ("Shape", "ShapeOf", "Size")
"""What they give depends on shapes alone, however the values fall."""


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        kind: Operator.
        inputs: Values that it reads, those of its subgraphs included.
        outputs: Values that it makes.
        inner: Operators inside its subgraphs (``If``, ``Loop``), at any depth.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    inner: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Flow:
    """A network.

    A value is called as its tensor (ONNX), or as its operator, with ``:1`` for a second output and so on (OpenVINO).

    Attributes:
        operations: In topological order.
        fed: Values that the numbers at the inputs decide about, the inputs left out; shapes of values are no such.
        floats: Values of floating-point type, or of unknown type.
        outputs: Output to value.
    """

    operations: tuple[Operation, ...]
    fed: frozenset[str]
    floats: frozenset[str]
    outputs: Mapping[str, str]


def flow_of(network: onnx.ModelProto | openvino.Model, outputs: Sequence[str] = ()) -> Flow:
    """Read a network.

    Args:
        network: An ONNX model or one of OpenVINO's.
        outputs: Names of an OpenVINO model's outputs in order; empty takes each port's first name.
    """
    return _of_onnx(network) if is_onnx(network) else _of_openvino(network, outputs)


def value_of(output: Any) -> str:
    """What an output of an OpenVINO operator is called."""
    name = str(output.get_node().get_friendly_name())
    return f"{name}:{output.get_index()}" if output.get_index() else name


def _of_onnx(model: onnx.ModelProto) -> Flow:
    import onnx

    light = light_copy(model)  # quantisers leave no types behind
    infer_shapes(light)
    real = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
    typed = {value.name: value.type.tensor_type.elem_type for value in (*light.graph.value_info, *light.graph.output)}
    operations = tuple(
        Operation(node.op_type, tuple(reads(node)), tuple(filter(None, node.output)), frozenset(_onnx_kinds(node)))
        for node in model.graph.node
    )
    made = {name for operation in operations for name in operation.outputs}
    floats = frozenset(name for name in made if not typed.get(name) or typed[name] in real)
    weights = {tensor.name for tensor in model.graph.initializer}
    fed = _fed(operations, {value.name for value in model.graph.input} - weights)
    return Flow(operations, fed, floats, {value.name: value.name for value in model.graph.output})


def _onnx_kinds(node: onnx.NodeProto) -> Iterator[str]:
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            for inner in graph.node:
                yield inner.op_type
                yield from _onnx_kinds(inner)


def _of_openvino(model: openvino.Model, outputs: Sequence[str]) -> Flow:
    operations: list[Operation] = []
    floats: set[str] = set()
    for op in model.get_ordered_ops():
        if op.get_type_name() in _CONSTANT:
            continue
        made = op.outputs()
        floats.update(value_of(output) for output in made if output.get_element_type().is_real())
        operations.append(
            Operation(
                op.get_type_name(),
                tuple(value_of(value) for value in op.input_values()),
                tuple(map(value_of, made)),
                frozenset(_openvino_kinds(op)),
            )
        )
    sources = {value_of(output) for parameter in model.get_parameters() for output in parameter.outputs()}
    ends = [value_of(port.get_node().input_value(0)) for port in model.outputs]
    names = outputs or [name_of(port) for port in model.outputs]
    fed = _fed(operations, sources)
    return Flow(tuple(operations), fed, frozenset(floats), dict(zip(names, ends, strict=True)))


def _openvino_kinds(op: Any) -> Iterator[str]:
    kind = op.get_type_name()
    if kind == "If":
        bodies = [op.get_function(0), op.get_function(1)]
    elif kind in ("Loop", "TensorIterator"):
        bodies = [op.get_function()]
    else:
        return
    for body in bodies:
        for inner in body.get_ops():
            yield inner.get_type_name()
            yield from _openvino_kinds(inner)


def _fed(operations: Iterable[Operation], sources: set[str]) -> frozenset[str]:
    found: set[str] = set()
    for operation in operations:
        if operation.kind not in _SHAPES and any(name in sources or name in found for name in operation.inputs):
            found.update(operation.outputs)
    return frozenset(found)
