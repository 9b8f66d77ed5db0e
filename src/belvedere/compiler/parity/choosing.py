"""Where a network chooses (non-maximum suppression, top-k), so that the smallest difference gives another row.

Behind such a place an output says little about precision. The network is cut there, and what lies before, at and
behind each cut is judged by itself (``parts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from belvedere.compiler.parity.flow import Flow, Operation
from belvedere.compiler.passes.graph import LAYERS

_CHOOSING = (
    "NonMaxSuppression", "TopK", "ArgMax", "ArgMin", "NonZero", "Unique", "MatrixNms", "MulticlassNms", "NMSRotated",
    "DetectionOutput", "Proposal", "GenerateProposals", "ExperimentalDetectronDetectionOutput",
    "ExperimentalDetectronGenerateProposals", "ExperimentalDetectronTopKROIs",
)  # fmt: skip
_ROUNDING = frozenset({"Floor", "Ceil", "Ceiling", "Round", "Sign", "Hardmax", "Mod", "FloorMod"})
_QUANTIZING = frozenset({"QuantizeLinear", "DynamicQuantizeLinear", "FakeQuantize"})


@dataclass(frozen=True)
class Cuts:
    """Where to cut a network.

    Attributes:
        values: Floating-point values that something is chosen or rounded from, in topological order.
        chosen: What the choices make.
        before: For every output behind a cut, those of both that lead to it, in topological order.
    """

    values: tuple[str, ...]
    chosen: tuple[str, ...]
    before: Mapping[str, tuple[str, ...]]


def cuts_of(flow: Flow) -> Cuts:
    """Find the choices of a network, and the comparisons and roundings around them.

    A comparison or rounding counts where no layer follows, or none before the next choice: there it decodes. Before a
    layer it is part of an activation, which is judged by what comes of it.
    """
    readers: dict[str, list[int]] = {}
    for number, operation in enumerate(flow.operations):
        for name in operation.inputs:
            readers.setdefault(name, []).append(number)
    feeds_layer = [False] * len(flow.operations)
    for number in reversed(range(len(flow.operations))):
        behind = {other for name in flow.operations[number].outputs for other in readers.get(name, ())}
        feeds_layer[number] = any(
            _is_layer(flow.operations[other]) or (feeds_layer[other] and not _is_choice(flow.operations[other], flow))
            for other in behind
        )
    values: dict[str, None] = {}
    chosen: dict[str, None] = {}
    leading: dict[str, frozenset[str]] = {}
    for operation, feeds in zip(flow.operations, feeds_layer, strict=True):
        own: list[str] = []
        choice = _is_choice(operation, flow)
        if choice or (not feeds and _is_step(operation, flow)):
            taken = [name for name in operation.inputs if name in flow.fed and name in flow.floats]
            values |= dict.fromkeys(name for name in taken if name not in chosen)
            chosen |= dict.fromkeys(operation.outputs if choice else ())
            own = [*taken, *(operation.outputs if choice else ())]
        parts = frozenset(own).union(*(leading.get(name, frozenset()) for name in operation.inputs))
        leading |= dict.fromkeys(operation.outputs, parts)
    order = [name for operation in flow.operations for name in operation.outputs]
    before = {
        output: tuple(name for name in order if name in leading[value])
        for output, value in flow.outputs.items()
        if leading.get(value)
    }
    return Cuts(tuple(name for name in order if name in values), tuple(chosen), before)


def _is_layer(operation: Operation) -> bool:
    return operation.kind in LAYERS or bool(operation.inner & LAYERS)


def _is_choice(operation: Operation, flow: Flow) -> bool:
    """Whether it chooses. One that holds layers as well is none: cut there, they would not be judged."""
    chooses = operation.kind.startswith(_CHOOSING) or any(kind.startswith(_CHOOSING) for kind in operation.inner)
    return chooses and not _is_layer(operation) and not flow.fed.isdisjoint(operation.outputs)


def _is_step(operation: Operation, flow: Flow) -> bool:
    """Whether it turns floating-point numbers into truths or whole numbers."""
    if operation.kind in _QUANTIZING or flow.fed.isdisjoint(operation.outputs):
        return False
    from_floats = any(name in flow.floats and name in flow.fed for name in operation.inputs)
    return from_floats and (operation.kind in _ROUNDING or flow.floats.isdisjoint(operation.outputs))
