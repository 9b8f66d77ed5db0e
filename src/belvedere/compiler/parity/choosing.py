"""Which outputs come out of a choice (non-maximum suppression, top-k), and what was chosen from.

A choice turns the smallest difference into another row, so that such an output says little about precision. It is
judged by the tensors that the choice was made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import reads
from belvedere.compiler.passes.openvino_model import name_of

if TYPE_CHECKING:
    import onnx
    import openvino

_CHOOSING = (
    "NonMaxSuppression", "TopK", "ArgMax", "ArgMin", "NonZero", "Unique", "MatrixNms", "MulticlassNms",
    "DetectionOutput", "Proposal", "Greater", "Less", "Equal", "NotEqual", "Round", "Floor", "Ceil", "Sign", "Hardmax",
    "Loop", "If", "Scan", "TensorIterator",
)  # fmt: skip
_MOST_JUDGED = 8


def judged_instead(
    network: onnx.ModelProto | openvino.Model, outputs: Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
    """For every output that comes out of a choice, the tensors that were chosen from.

    Args:
        network: An ONNX model (tensors are named) or OpenVINO's (operators are named).
        outputs: Names of an OpenVINO model's outputs in order; empty takes each port's first name.

    Returns:
        Output name to names; outputs that are no choice are not in it. Empty names where nothing before the choice
        depends on the inputs.
    """
    if is_onnx(network):
        return _of_onnx(network)
    return _of_openvino(network, outputs)


def _of_onnx(model: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    makers = {name: node for node in model.graph.node for name in node.output}
    floats = {value.name for value in model.graph.value_info if value.type.tensor_type.elem_type in (1, 10, 11, 0)}
    known = {value.name for value in model.graph.value_info}
    graph = {
        name: (node.op_type, tuple(entry for entry in reads(node) if entry in makers)) for name, node in makers.items()
    }
    fed = _depends(graph, {value.name for value in model.graph.input}, {n: tuple(reads(o)) for n, o in makers.items()})
    usable = {name for name in graph if name in fed and (name not in known or name in floats)}
    return _search(graph, usable, [value.name for value in model.graph.output])


def _of_openvino(model: openvino.Model, outputs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    graph, inputs, floats = {}, {}, set()
    for op in model.get_ordered_ops():
        kind = op.get_type_name()
        read = [value.get_node() for value in op.input_values()]
        names = tuple(node.get_friendly_name() for node in read)
        if kind == "Convert" and read and not op.get_output_element_type(0).is_real():
            kind = "Round"
        if kind not in ("Parameter", "Constant", "Result"):
            own = tuple(
                name for name, node in zip(names, read, strict=True)
                if node.get_type_name() not in ("Parameter", "Constant")
            )  # fmt: skip
            graph[op.get_friendly_name()] = (kind, own)
            inputs[op.get_friendly_name()] = names
            if op.get_output_element_type(0).is_real():
                floats.add(op.get_friendly_name())
    parameters = {parameter.get_friendly_name() for parameter in model.get_parameters()}
    usable = _depends(graph, parameters, inputs) & floats
    makers = [port.get_node().input_value(0).get_node().get_friendly_name() for port in model.outputs]
    ends = dict(zip(outputs or [name_of(port) for port in model.outputs], makers, strict=True))
    found = _search(graph, usable, list(ends.values()))
    return {output: found[end] for output, end in ends.items() if end in found}


def _depends(
    graph: Mapping[str, tuple[str, tuple[str, ...]]], sources: set[str], inputs: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """What is computed from the network's inputs; the rest is constant."""
    found: set[str] = set()
    for name in graph:
        if any(entry in sources or entry in found for entry in inputs[name]):
            found.add(name)
    return found


def _search(
    graph: Mapping[str, tuple[str, tuple[str, ...]]], usable: set[str], ends: list[str]
) -> dict[str, tuple[str, ...]]:
    behind: dict[str, bool] = {}
    for name, (kind, inputs) in graph.items():
        behind[name] = kind.startswith(_CHOOSING) or any(behind.get(entry, False) for entry in inputs)
    found = {}
    for end in ends:
        if behind.get(end):
            found[end] = tuple(_before(end, graph, behind, usable)[:_MOST_JUDGED])
    return found


def _before(
    end: str, graph: Mapping[str, tuple[str, tuple[str, ...]]], behind: Mapping[str, bool], usable: set[str]
) -> list[str]:
    """Tensors that lie before every choice and are read by something behind or at one."""
    seen, frontier, waiting = {end}, [], [end]
    while waiting:
        for entry in graph[waiting.pop()][1]:
            if entry not in seen:
                seen.add(entry)
                if behind[entry]:
                    waiting.append(entry)
                elif entry in usable:
                    frontier.append(entry)
    return [name for name in graph if name in set(frontier)]
