"""What a network's graph tells about itself beyond its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from belvedere.compiler.importing import Imported

if TYPE_CHECKING:
    import onnx

_PASSING = frozenset(
    (
        "Identity",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Cast",
        "Convert",
        "Dropout",
        "QuantizeLinear",
        "DequantizeLinear",
        "FakeQuantize",
    )
)
_ARITHMETIC = frozenset(("Sub", "Subtract", "Mul", "Multiply", "Div", "Divide", "Add"))
_FARTHEST = 64


@dataclass(frozen=True)
class Facts:
    """What is known of a network.

    Attributes:
        framework: Where it comes from, as in `Imported`.
        operators: Kinds of its operators.
        makers: Output name to the kind of operator that makes it, reshapes and conversions aside.
        normalises: Whether the first thing that it does to its only input is arithmetic with constants.
    """

    framework: str = ""
    operators: frozenset[str] = frozenset()
    makers: Mapping[str, str] = field(default_factory=dict)
    normalises: bool = False


def facts_of(imported: Imported) -> Facts:
    """Look at an imported network."""
    network: Any = imported.network
    names = [port.name for port in imported.outputs]
    if hasattr(network, "graph"):
        return _of_onnx(network, imported.framework, names)
    return _of_openvino(network, imported.framework, names)


def _of_onnx(model: onnx.ModelProto, framework: str, names: list[str]) -> Facts:
    nodes = list(model.graph.node)
    makers = {output: node for node in nodes for output in node.output}
    fixed = {tensor.name for tensor in model.graph.initializer}
    fixed |= {output for node in nodes if node.op_type == "Constant" for output in node.output}

    def maker(name: str) -> str:
        for _ in range(_FARTHEST):
            node = makers.get(name)
            if node is None or node.op_type not in _PASSING or not node.input:
                return node.op_type if node is not None else ""
            name = node.input[0]
        return ""

    inputs = [value.name for value in model.graph.input if value.name not in fixed]
    return Facts(
        framework=framework,
        operators=frozenset(node.op_type for node in nodes),
        makers={name: maker(name) for name in names},
        normalises=len(inputs) == 1 and _onnx_normalises(nodes, inputs[0], fixed),
    )


def _onnx_normalises(nodes: list[Any], name: str, fixed: set[str]) -> bool:
    for _ in range(_FARTHEST):
        users = [node for node in nodes if name in node.input]
        if len(users) != 1:
            return False
        if users[0].op_type in _ARITHMETIC:
            return any(other in fixed for other in users[0].input)
        if users[0].op_type not in _PASSING:
            return False
        name = users[0].output[0]
    return False


def _of_openvino(model: Any, framework: str, names: list[str]) -> Facts:
    def maker(node: Any) -> str:
        for _ in range(_FARTHEST):
            if not node.inputs():
                return str(node.get_type_name())
            node = node.input_value(0).get_node()
            if node.get_type_name() not in _PASSING:
                return str(node.get_type_name())
        return ""

    made = [maker(result) for result in model.get_results()]
    inputs = model.get_parameters()
    return Facts(
        framework=framework,
        operators=frozenset(str(node.get_type_name()) for node in model.get_ops()),
        makers=dict(zip(names, made, strict=False)),
        normalises=len(inputs) == 1 and _openvino_normalises(inputs[0]),
    )


def _openvino_normalises(node: Any) -> bool:
    for _ in range(_FARTHEST):
        users = list(node.output(0).get_target_inputs()) if node.outputs() else []
        if len(users) != 1:
            return False
        node = users[0].get_node()
        kind = node.get_type_name()
        if kind in _ARITHMETIC:
            others = [node.input_value(index).get_node().get_type_name() for index in range(len(node.inputs()))]
            return "Constant" in others
        if kind not in _PASSING:
            return False
    return False
