"""Finding the layer at which a reduced network first leaves the one it was made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belvedere.compiler.parity.excerpts import with_tensors
from belvedere.compiler.parity.runners import Feeds, Runner
from belvedere.compiler.parity.tensors import difference
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import reads
from belvedere.core.errors import CompileError, EngineError

if TYPE_CHECKING:
    import onnx
    import openvino

MakeRunner = Callable[[Any], Runner]


@dataclass(frozen=True)
class Drift:
    """Where a network first drifted.

    Attributes:
        tensor: Name of the tensor (ONNX) or operator (OpenVINO).
        operator: Kind of the operator that made it.
        error: Relative error there.
        before: Relative error at the last place that was looked at before it.
    """

    tensor: str
    operator: str
    error: float
    before: float

    def __str__(self) -> str:
        return f"{self.operator} '{self.tensor}' (error {self.error:.2g}, {self.before:.2g} before it)"


def first_drift(
    reference: onnx.ModelProto | openvino.Model,
    reduced: onnx.ModelProto | openvino.Model,
    end: str,
    feeds: Feeds,
    *,
    finished_feeds: Feeds | None = None,
    run_reference: MakeRunner,
    run_reduced: MakeRunner,
    precision: str,
    tolerance: float,
) -> Drift | None:
    """Bisect the tensors that lead to an output for the first one whose error is over the tolerance.

    Both networks are opened with one more tensor as output at a time, so that this takes little memory and about
    log2 of the number of layers.

    Args:
        reference: The network in float32.
        reduced: The same network after its precision was lowered; tensors that both have are compared.
        end: The output, or the tensor it is judged by.
        feeds: Inputs.
        finished_feeds: The same as the reduced network takes them, where that differs.
        run_reference: Opens the reference or an excerpt of it.
        run_reduced: Opens the reduced one.
        precision: Which error counts, see ``Difference.error``.
        tolerance: From where on it is drift.

    Returns:
        The place; None where the networks have no tensor before the output in common.
    """
    both = {name for name, _ in _chain(reduced, end)}
    chain = [(name, kind) for name, kind in _chain(reference, end) if name in both]
    if not chain:
        return None

    other_feeds = feeds if finished_feeds is None else finished_feeds

    def error_at(place: int) -> float:
        name = chain[place][0]
        try:
            wanted = run_reference(with_tensors(reference, [name]))(feeds)
            found = run_reduced(with_tensors(reduced, [name]))(other_feeds)
        except (EngineError, CompileError, RuntimeError):
            return 0.0  # an engine that cannot show this tensor says nothing about it
        return difference(next(iter(wanted.values())), next(iter(found.values()))).error(precision)

    low, high = -1, len(chain) - 1
    below, above = 0.0, error_at(high)
    if not above > tolerance:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        error = error_at(middle)
        if error > tolerance:
            high, above = middle, error
        else:
            low, below = middle, error
    name, kind = chain[high]
    return Drift(name, kind, above, below)


def _chain(network: onnx.ModelProto | openvino.Model, end: str) -> Sequence[tuple[str, str]]:
    """Tensors that lead to ``end`` and hold numbers, with the kind of their operators, in topological order."""
    if is_onnx(network):
        return _onnx_chain(network, end)
    ends = [port.get_node() for port in network.outputs if end in port.get_names()]
    start = ends or [op for op in network.get_ops() if op.get_friendly_name() == end]
    seen, waiting = set(), list(start)
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() not in seen:
            seen.add(node.get_friendly_name())
            waiting += [value.get_node() for value in node.input_values()]
    return [
        (op.get_friendly_name(), op.get_type_name())
        for op in network.get_ordered_ops()
        if op.get_friendly_name() in seen
        and op.get_type_name() not in ("Constant", "Parameter", "Result", "FakeQuantize", "Convert", "ShapeOf")
        and op.get_output_element_type(0).is_real()
    ]


def _onnx_chain(model: onnx.ModelProto, end: str) -> list[tuple[str, str]]:
    makers = {name: node for node in model.graph.node for name in node.output}
    seen, waiting = set(), [end]
    while waiting:
        name = waiting.pop()
        if name in makers and name not in seen:
            seen.add(name)
            waiting += reads(makers[name])
    skipped = ("Constant", "QuantizeLinear", "DequantizeLinear", "Cast", "Shape")
    return [
        (node.output[0], node.op_type)
        for node in model.graph.node
        if node.output and node.output[0] in seen and node.op_type not in skipped
    ]
