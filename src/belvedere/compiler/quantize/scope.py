"""Which parts of a network stay in float32 when it is quantised: decoding of boxes, and choosing among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import LAYERS, reads

if TYPE_CHECKING:
    import onnx
    import openvino

_CHOOSING = (
    "NonMaxSuppression", "TopK", "MatrixNms", "MulticlassNms", "DetectionOutput", "Proposal", "RoiAlign", "ROIAlign",
    "ROIPooling", "MaxRoiPool", "NonZero",
)  # fmt: skip
_NON_RELU = frozenset(
    {"Sigmoid", "HardSigmoid", "HardSwish", "Swish", "HSwish", "HSigmoid", "LeakyRelu", "PRelu", "Elu", "Selu", "Gelu",
     "Mish", "Tanh", "SoftPlus", "Softplus"}
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One operation of a network, as both formats have it.

    Attributes:
        name: Unique name.
        kind: Operator.
        inputs: Names of the operations that it reads.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]


def steps_of(network: onnx.ModelProto | openvino.Model) -> list[Step]:
    """The operations of a network in topological order, constants left out."""
    if not is_onnx(network):
        return [
            Step(
                op.get_friendly_name(),
                op.get_type_name(),
                tuple(value.get_node().get_friendly_name() for value in op.input_values()),
            )
            for op in network.get_ordered_ops()
            if op.get_type_name() not in ("Constant", "Parameter", "Result")
        ]
    makers = {output: node.name for node in network.graph.node for output in node.output}
    return [
        Step(node.name, node.op_type, tuple(makers[name] for name in reads(node) if name in makers))
        for node in network.graph.node
        if node.op_type != "Constant"
    ]


def kept_in_float(steps: Iterable[Step]) -> tuple[str, ...]:
    """Names of the operations to leave in float32.

    These are the tail behind the last layers (decoding of boxes, activations and reshaping at the end), every
    operation that chooses (non-maximum suppression, top-k, pooling of regions) and what lies between the layers and
    the choice. Layers themselves are never among them.
    """
    ordered = list(steps)
    by_name = {step.name: step for step in ordered}
    readers: dict[str, list[str]] = {}
    for step in ordered:
        for name in step.inputs:
            readers.setdefault(name, []).append(step.name)
    leads_to_layer: dict[str, bool] = {}
    for step in reversed(ordered):
        behind = readers.get(step.name, [])
        leads_to_layer[step.name] = any(by_name[name].kind in LAYERS or leads_to_layer[name] for name in behind)
    kept = {step.name for step in ordered if step.kind not in LAYERS and not leads_to_layer[step.name]}
    for step in ordered:
        if step.kind.startswith(_CHOOSING):
            kept.add(step.name)
            kept |= _up_to_layers(_candidates(step), by_name)
    return tuple(step.name for step in ordered if step.name in kept)


def has_soft_activations(steps: Iterable[Step]) -> bool:
    """Whether activations other than ReLU are there, whose negative values an asymmetric scale keeps better."""
    return any(step.kind in _NON_RELU for step in steps)


def _candidates(step: Step) -> tuple[str, ...]:
    """What a choosing operation reads, without the feature map that a pooling of regions cuts from."""
    return (
        step.inputs[1:] if step.kind.startswith(("RoiAlign", "ROIAlign", "ROIPooling", "MaxRoiPool")) else step.inputs
    )


def _up_to_layers(names: Iterable[str], by_name: Mapping[str, Step]) -> set[str]:
    """The operations between these and the layers before them."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        step = by_name.get(waiting.pop())
        if step is not None and step.kind not in LAYERS and step.name not in found:
            found.add(step.name)
            waiting += step.inputs
    return found
