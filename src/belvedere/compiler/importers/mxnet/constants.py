"""Computing constants while a graph is written, and keeping those that remain small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import CompileError

FOLDABLE = frozenset({
    "Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "Ceil", "Clip", "Concat", "Cos", "Div", "Equal", "Exp",
    "Expand", "Floor", "Gather", "GatherElements", "GatherND", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
    "Log", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow", "Reciprocal", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "Relu", "Reshape", "Sigmoid", "Sign", "Sin", "Slice", "Sqrt", "Sub",
    "Tanh", "Tile", "Transpose", "Where", "Xor",
})  # fmt: skip
_BROADCASTING = frozenset({
    "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Or",
    "Pow", "Sub", "Where", "Xor",
})  # fmt: skip
_WORTH_IT = 64


def evaluate(
    kind: str, values: Sequence[NDArray[Any] | None], attributes: Mapping[str, Any], outputs: int, opset: int
) -> list[NDArray[Any]]:
    """Compute one ONNX node of the FOLDABLE kinds, by the reference evaluator of the ``onnx`` package.

    Raises:
        CompileError: it cannot be computed.
    """
    import onnx
    from onnx.reference import ReferenceEvaluator

    names = ["" if value is None else f"i{index}" for index, value in enumerate(values)]
    results = [f"o{index}" for index in range(outputs)]
    node = onnx.helper.make_node(kind, names, results, **attributes)
    feeds = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(node, opsets={"": opset}).run(None, feeds)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CompileError(f"its constants cannot be computed ({kind}: {error})") from error
    return [np.asarray(value) for value in found]


def narrow(
    kind: str, operands: Sequence[tuple[tuple[int, ...], NDArray[Any] | None] | None]
) -> list[NDArray[Any] | None]:
    """Cut constants to one element along axes on which all are equal and another operand has the full length.

    Tables of class numbers and anchors, repeated for every box, would else fill the file.

    Args:
        kind: ONNX operator; only those that broadcast are touched.
        operands: Shape and value (where known) of what it takes.

    Returns:
        For every operand the smaller constant, or None where it stays.
    """
    result: list[NDArray[Any] | None] = [None] * len(operands)
    if kind not in _BROADCASTING:
        return result
    shapes = [None if operand is None else operand[0] for operand in operands]
    for index, operand in enumerate(operands):
        if operand is None or operand[1] is None or operand[1].size <= _WORTH_IT:
            continue
        value = operand[1]
        for axis in range(-value.ndim, 0):
            others = [s for i, s in enumerate(shapes) if i != index and s is not None and len(s) >= -axis]
            first = np.take(value, [0], axis)
            if value.shape[axis] > 1 and any(s[axis] == value.shape[axis] for s in others) and (value == first).all():
                value = first
                shapes[index] = value.shape
        result[index] = None if value is operand[1] else value
    return result
