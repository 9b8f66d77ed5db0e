"""A network as a small graph for people: chains of operators joined into boxes, constants left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import reads, shape_of
from belvedere.compiler.passes.openvino_model import name_of

if TYPE_CHECKING:
    import onnx
    import openvino

_LONGEST_BOX = 6
_SHORT = {"QuantizeLinear": "to int8", "FakeQuantize": "to int8", "BatchNormalization": "BatchNorm"}
_QUIET = frozenset({"Constant", "Parameter", "Result", "Convert", "ReadValue"})
_WEIGHTED = ("Conv", "Gemm", "MatMul", "GroupConv", "Deform", "LSTM", "GRU", "RNN")


@dataclass(frozen=True)
class Box:
    """One box of the picture.

    Attributes:
        name: Unique name.
        lines: Operators in it, first to last, each with what tells it apart (kernel, channels).
        kind: ``input``, ``output``, ``layer`` (has weights) or ``other``.
        shape: Shape of what it gives, -1 where an axis is free; empty where it is not known.
        inputs: Names of the boxes before it.
    """

    name: str
    lines: tuple[str, ...]
    kind: str
    shape: tuple[int, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class _Node:
    name: str
    title: str
    kind: str
    shape: tuple[int, ...]
    inputs: tuple[str, ...]


def operator_counts(network: onnx.ModelProto | openvino.Model) -> dict[str, int]:
    """How often each operator is there, most frequent first; constants are not counted."""
    if is_onnx(network):
        found = Counter(node.op_type for node in network.graph.node if node.op_type != "Constant")
    else:
        found = Counter(op.get_type_name() for op in network.get_ops() if op.get_type_name() not in _QUIET)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def graph_boxes(network: onnx.ModelProto | openvino.Model) -> tuple[Box, ...]:
    """The boxes of a network in topological order.

    An operator that is the only reader of the one before it, and reads nothing else, shares its box; a new box
    begins at every operator with weights.
    """
    nodes = _joined_swish(_onnx_nodes(network) if is_onnx(network) else _openvino_nodes(network))
    by_name = {node.name: node for node in nodes}
    readers: Counter[str] = Counter(name for node in nodes for name in node.inputs)
    home: dict[str, str] = {}
    members: dict[str, list[_Node]] = {}
    for node in nodes:
        before = node.inputs[0] if len(node.inputs) == 1 else ""
        joins = (
            node.kind == "other"
            and before in home
            and readers[before] == 1
            and by_name[before].kind in ("layer", "other")
            and len(members[home[before]]) < _LONGEST_BOX
        )
        home[node.name] = home[before] if joins else node.name
        members.setdefault(home[node.name], []).append(node)
    return tuple(
        Box(
            first,
            tuple(node.title for node in group),
            group[0].kind,
            group[-1].shape,
            tuple(dict.fromkeys(home[name] for name in group[0].inputs)),
        )
        for first, group in members.items()
    )


def _joined_swish(nodes: list[_Node]) -> list[_Node]:
    """``x * Sigmoid(x)``, which exporters write as two operators, as one."""
    by_name = {node.name: node for node in nodes}
    readers: Counter[str] = Counter(name for node in nodes for name in node.inputs)
    gone: dict[str, _Node] = {}
    for node in nodes:
        gates = [by_name[name] for name in node.inputs if by_name[name].title in ("Sigmoid", "HardSigmoid")]
        if node.title in ("Mul", "Multiply") and len(node.inputs) == 2 and len(gates) == 1:
            gate = gates[0]
            other = next(name for name in node.inputs if name != gate.name)
            if gate.inputs == (other,) and readers[gate.name] == 1:
                gone[gate.name] = gate
                title = "Swish" if gate.title == "Sigmoid" else "HardSwish"
                by_name[node.name] = replace(node, title=title, inputs=(other,))
    return [by_name[node.name] for node in nodes if node.name not in gone]


def _onnx_nodes(model: onnx.ModelProto) -> list[_Node]:
    graph = model.graph
    shapes = {value.name: shape_of(value) for value in (*graph.value_info, *graph.input, *graph.output)}
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    constant: set[str] = set(weights)
    makers: dict[str, str] = {}
    nodes = []
    for value in graph.input:
        if value.name not in weights:
            makers[value.name] = f"input {value.name}"
            nodes.append(_Node(f"input {value.name}", value.name, "input", shape_of(value), ()))
    for place, node in enumerate(graph.node):
        read = [name for name in reads(node) if name not in constant]
        # Constants, and what is computed from nothing else: dequantised weights.
        if not read and node.output and (node.op_type == "Constant" or node.input):
            constant.update(node.output)
            continue
        if node.op_type == "DequantizeLinear" and read[0] in makers:  # the other half of a QuantizeLinear
            makers[node.output[0]] = makers[read[0]]
            continue
        name = f"{place} {node.name}"
        makers.update(dict.fromkeys(node.output, name))
        own = tuple(dict.fromkeys(makers[entry] for entry in read if entry in makers))
        shape = shapes.get(node.output[0], ()) if node.output else ()
        nodes.append(_Node(name, _onnx_title(node, weights), _kind(node.op_type), shape, own))
    for value in graph.output:
        own = (makers[value.name],) if value.name in makers else ()
        nodes.append(_Node(f"output {value.name}", value.name, "output", shape_of(value), own))
    return nodes


def _onnx_title(node: onnx.NodeProto, weights: Mapping[str, tuple[int, ...]]) -> str:
    import onnx

    attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    title = _SHORT.get(node.op_type, str(node.op_type))
    dims = weights.get(node.input[1], ()) if len(node.input) > 1 else ()
    kernel = attributes.get("kernel_shape") or (dims[2:] if title.startswith("Conv") else ())
    if kernel:
        title += " " + "×".join(map(str, kernel))
    strides = attributes.get("strides", [])
    if any(step != 1 for step in strides):
        title += f" /{strides[0]}"
    if attributes.get("group", 1) != 1:
        title += f" g{attributes['group']}"
    return title


def _openvino_nodes(model: openvino.Model) -> list[_Node]:
    nodes: list[_Node] = []
    makers: dict[str, str] = {}
    outputs = {port.get_node().get_friendly_name(): name_of(port) for port in model.outputs}
    constant: set[str] = set()
    for place, op in enumerate(model.get_ordered_ops()):
        kind, friendly = op.get_type_name(), op.get_friendly_name()
        before = [value.get_node().get_friendly_name() for value in op.input_values()]
        if kind == "Constant" or (before and all(name in constant for name in before)):
            constant.add(friendly)
            continue
        name = f"{place} {friendly}"
        own = tuple(dict.fromkeys(makers[entry] for entry in before if entry in makers))
        makers[friendly] = name
        shape = _partial(op.input(0) if kind == "Result" else op.output(0))
        if kind == "Parameter":
            nodes.append(_Node(name, name_of(op.output(0)), "input", shape, ()))
        elif kind == "Result":
            nodes.append(_Node(name, outputs.get(friendly, friendly), "output", shape, own))
        else:
            nodes.append(_Node(name, _openvino_title(op), _kind(kind), shape, own))
    return nodes


def _openvino_title(op: Any) -> str:
    title, attributes = _SHORT.get(op.get_type_name(), str(op.get_type_name())), op.get_attributes()
    if "Convolution" in title:
        title += " " + "×".join(map(str, list(op.input_value(1).get_partial_shape().get_min_shape())[-2:]))
    elif attributes.get("kernel"):
        title += " " + "×".join(map(str, attributes["kernel"]))
    strides: Sequence[int] = list(attributes.get("strides", []))
    if any(step != 1 for step in strides):
        title += f" /{strides[0]}"
    return title


def _partial(port: Any) -> tuple[int, ...]:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return ()
    return tuple(-1 if axis.is_dynamic else int(axis.get_length()) for axis in shape)


def _kind(operator: str) -> str:
    return "layer" if operator.startswith(_WEIGHTED) else "other"
