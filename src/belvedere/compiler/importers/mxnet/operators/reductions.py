"""Reductions and order: sums, norms, extremes, sorting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, axes_of, axis_of, cast, filled, reduce, reshape
from belvedere.core.errors import CompileError

_FIRST_WITH_NEGATIVE_AXES = 905


def _axes(call: Call, data: Tensor) -> tuple[int, ...]:
    """The axes to reduce: those named, all others (exclude), or all where none is named."""
    named = call.attributes.integers("axis")
    if not named:
        return tuple(range(data.rank))
    axes = axes_of(named, data.rank)
    return tuple(a for a in range(data.rank) if a not in axes) if call.attributes.flag("exclude") else axes


def _reduction(call: Call, kind: str) -> Tensor:
    data = call.input()
    if kind in ("ReduceMean", "ReduceProd"):
        data = as_float(call.emit, data)
    return reduce(call.emit, kind, data, _axes(call, data), keepdims=call.attributes.flag("keepdims"))


def _nan_reduction(call: Call, kind: str, neutral: float) -> Tensor:
    """A reduction that passes over what is not a number."""
    emit, data = call.emit, as_float(call.emit, call.input())
    # Not a number is what does not equal itself.
    clean = emit.op("Where", emit.op("Equal", data, data), data, np.float32(neutral))
    return reduce(emit, kind, clean, _axes(call, data), keepdims=call.attributes.flag("keepdims"))


def norm(call: Call) -> Tensor:
    """The norm of order 1 or 2 over axes."""
    emit, data = call.emit, as_float(call.emit, call.input())
    order = call.attributes.integer("ord", 2)
    if order not in (1, 2):
        raise CompileError(f"its attribute ord is {order}, expected 1 or 2")
    # OpenVINO reduces everything by ReduceL1 below opset 18: so neither ReduceL1 nor ReduceL2.
    size = emit.op("Abs", data) if order == 1 else emit.op("Mul", data, data)
    total = reduce(emit, "ReduceSum", size, _axes(call, data), keepdims=call.attributes.flag("keepdims"))
    return total if order == 1 else emit.op("Sqrt", total)


def _extreme(call: Call, kind: str) -> Tensor:
    """argmax, argmin: the first place of the extreme, as float32."""
    emit, data = call.emit, call.input()
    axis = call.attributes.optional_integer("axis")
    if axis == -1 and call.version < _FIRST_WITH_NEGATIVE_AXES:
        axis = None
    keepdims = call.attributes.flag("keepdims")
    if axis is None:
        flat = reshape(emit, data, (math.prod(data.shape),))
        found = emit.op(kind, flat, axis=0, keepdims=1)
        return as_float(emit, reshape(emit, found, (1,) * data.rank if keepdims else (1,)))
    found = emit.op(kind, data, axis=axis_of(axis, data.rank), keepdims=int(keepdims))
    return as_float(emit, found if found.rank else reshape(emit, found, (1,)))


def argmax_channel(call: Call) -> Tensor:
    """argmax over axis 1, as float32."""
    data = call.input()
    found = call.emit.op("ArgMax", data, axis=axis_of(1, data.rank), keepdims=0)
    return as_float(call.emit, found)


def top(emit: Builder, data: Tensor, count: int, axis: int, *, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The ``count`` largest (smallest) elements along an axis, in order, and where they are (int64)."""
    values, places = emit.ops(
        "TopK", data, np.array([count], np.int64), outputs=2, axis=axis, largest=int(largest), sorted=1
    )
    return values, places


def topk(call: Call) -> Tensor | tuple[Tensor, ...]:
    """topk: values, indices, both, or a mask of 0 and 1."""
    emit = call.emit
    wanted = call.attributes.choice("ret_typ", ("value", "indices", "mask", "both"), "indices")
    data, axis = _along(call)
    size, count = data.shape[axis], call.attributes.integer("k", 1)
    if count > size:
        raise CompileError(f"it takes the best {count} of {size}")
    largest = not call.attributes.flag("is_ascend")
    values, places = top(emit, data, count if count >= 1 else size, axis, largest=largest)
    if wanted == "mask":
        zeros = filled(emit, data.shape, 0, data.dtype)
        ones = filled(emit, places.shape, 1, data.dtype)
        mask = emit.op("ScatterElements", zeros, places, ones, axis=axis)
        return reshape(emit, mask, call.input().shape)
    indices = cast(emit, places, call.attributes.dtype("dtype"))
    return {"value": (values,), "indices": (indices,), "both": (values, indices)}[wanted]


def argsort(call: Call) -> Tensor:
    """The order that sorts along an axis."""
    data, axis = _along(call)
    largest = not call.attributes.flag("is_ascend", default=True)
    _, places = top(call.emit, data, data.shape[axis], axis, largest=largest)
    return cast(call.emit, places, call.attributes.dtype("dtype"))


def sort(call: Call) -> Tensor:
    """Sorted along an axis."""
    data, axis = _along(call)
    values, _ = top(
        call.emit, data, data.shape[axis], axis, largest=not call.attributes.flag("is_ascend", default=True)
    )
    return values


def _along(call: Call) -> tuple[Tensor, int]:
    """The input and the axis to sort along: the last by default; axis=None flattens."""
    data: Any = call.input()
    text = call.node.attributes.get("axis", "-1").strip()
    if text == "None":
        return reshape(call.emit, data, (math.prod(data.shape),)), 0
    return data, axis_of(call.attributes.integer("axis", -1), data.rank)


TRANSLATORS: Mapping[str, Translator] = {
    **dict.fromkeys(("sum", "sum_axis"), partial(_reduction, kind="ReduceSum")),
    "mean": partial(_reduction, kind="ReduceMean"),
    **dict.fromkeys(("max", "max_axis"), partial(_reduction, kind="ReduceMax")),
    **dict.fromkeys(("min", "min_axis"), partial(_reduction, kind="ReduceMin")),
    "prod": partial(_reduction, kind="ReduceProd"),
    "nansum": partial(_nan_reduction, kind="ReduceSum", neutral=0.0),
    "nanprod": partial(_nan_reduction, kind="ReduceProd", neutral=1.0),
    "norm": norm,
    "argmax": partial(_extreme, kind="ArgMax"),
    "argmin": partial(_extreme, kind="ArgMin"),
    "argmax_channel": argmax_channel,
    "topk": topk,
    "argsort": argsort,
    "sort": sort,
}
