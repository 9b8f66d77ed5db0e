"""Emitting what nearly every operator needs: casts, reshapes, slices, reductions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Padded, Tensor
from belvedere.core.errors import CompileError

_END = 2**63 - 1
_REDUCED_BY_INPUT = 18  # the opset from which every reduction takes its axes as an input


def cast(emit: Builder, tensor: Tensor, dtype: Any) -> Tensor:
    """The tensor as another element type; itself where it has that type."""
    import onnx

    wanted = np.dtype(dtype)
    if tensor.dtype == wanted:
        return tensor
    return emit.op("Cast", tensor, to=onnx.helper.np_dtype_to_tensor_dtype(wanted))


def as_float(emit: Builder, tensor: Tensor) -> Tensor:
    """The tensor as float32."""
    return cast(emit, tensor, np.float32)


def scalar(tensor: Tensor, value: float) -> Any:
    """A number as an array of the tensor's element type, without axes."""
    return np.array(value, tensor.dtype)


def reshape(emit: Builder, tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """The tensor in another static shape; itself where it has that shape.

    Raises:
        CompileError: the shapes have different sizes.
    """
    wanted = tuple(int(axis) for axis in shape)
    if wanted == tensor.shape:
        return tensor
    if any(axis < 1 for axis in wanted) or math.prod(wanted) != math.prod(tensor.shape):
        raise CompileError(f"a tensor of shape {list(tensor.shape)} cannot become {list(wanted)}")
    # A batch that remains is copied rather than written down, so that a later pass can free it.
    keep = bool(wanted and tensor.shape and wanted[0] == tensor.shape[0])
    return emit.op("Reshape", tensor, np.array((0, *wanted[1:]) if keep else wanted, np.int64))


def transpose(emit: Builder, tensor: Tensor, order: Sequence[int]) -> Tensor:
    """The tensor with its axes in another order."""
    order = tuple(order)
    if order == tuple(range(tensor.rank)):
        return tensor
    if sorted(order) != list(range(tensor.rank)):
        raise CompileError(f"{list(order)} is no order of the axes of a tensor of shape {list(tensor.shape)}")
    return emit.op("Transpose", tensor, perm=list(order))


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        CompileError: there is no such axis.
    """
    if not -rank <= axis < rank:
        raise CompileError(f"it names axis {axis} of a tensor with {rank} axes")
    return axis % rank


def axes_of(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in order.

    Raises:
        CompileError: there is no such axis, or one is named twice.
    """
    found = tuple(axis_of(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise CompileError(f"it names an axis twice: {list(axes)}")
    return found


def slice_axis(emit: Builder, tensor: Tensor, axis: int, begin: int | None, end: int | None, step: int = 1) -> Tensor:
    """Elements ``begin:end:step`` along one axis, as Python counts them.

    Raises:
        CompileError: nothing would remain.
    """
    size = tensor.shape[axis]
    start, stop, step = slice(begin, end, step).indices(size)
    if not len(range(start, stop, step)):
        raise CompileError(f"it takes {begin}:{end} of axis {axis}, which has {size}: nothing remains")
    if (start, stop, step) == (0, size, 1):
        return tensor
    if (padded := emit.padded.get(tensor.name)) and padded.axis == axis and start == 0 and step == 1:
        # Rows that were appended a moment ago are not made at all.
        return pad_end(emit, padded.source, axis, stop, padded.value)
    bounds = [start], [stop if stop >= 0 else -_END], [axis], [step]
    return emit.op("Slice", tensor, *(np.array(part, np.int64) for part in bounds))


def pad_end(emit: Builder, tensor: Tensor, axis: int, size: int, value: float) -> Tensor:
    """The tensor with exactly ``size`` elements along an axis: cut, or filled up with ``value``."""
    missing = size - tensor.shape[axis]
    if missing <= 0:
        return slice_axis(emit, tensor, axis, 0, size)
    pads = np.zeros(2 * tensor.rank, np.int64)
    pads[tensor.rank + axis] = missing
    result = emit.op("Pad", tensor, pads, scalar(tensor, value))
    emit.padded[result.name] = Padded(tensor, axis, value)
    return result


def reduce(emit: Builder, kind: str, tensor: Tensor, axes: Sequence[int], *, keepdims: bool) -> Tensor:
    """ReduceSum, ReduceMean, ReduceMax, ReduceMin or ReduceProd over axes; all axes reduced give a shape of (1,)."""
    axes = sorted(axes)
    if not axes:
        return tensor
    if kind == "ReduceSum" or emit.opset >= _REDUCED_BY_INPUT:
        result = emit.op(kind, tensor, np.array(axes, np.int64), keepdims=int(keepdims))
    else:
        result = emit.op(kind, tensor, axes=axes, keepdims=int(keepdims))
    return result if result.rank else reshape(emit, result, (1,))


def expand(emit: Builder, tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """The tensor repeated to a shape by broadcasting.

    Raises:
        CompileError: it does not broadcast to that shape.
    """
    wanted = tuple(shape)
    if tensor.shape == wanted:
        return tensor
    padding = (1,) * (len(wanted) - tensor.rank)
    fits = zip((*padding, *tensor.shape), wanted, strict=False)
    if len(wanted) < tensor.rank or any(have not in (1, want) for have, want in fits):
        raise CompileError(f"a tensor of shape {list(tensor.shape)} cannot be broadcast to {list(wanted)}")
    return emit.op("Expand", tensor, np.array(wanted, np.int64))


def filled(emit: Builder, shape: Sequence[int], value: float, dtype: Any) -> Tensor:
    """A constant of one repeated number, which takes no memory.

    Raises:
        CompileError: the shape is empty.
        LimitError: it is too large.
    """
    emit.check(shape)
    return emit.constant(np.broadcast_to(np.array(value, dtype), tuple(shape)))


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that shapes broadcast to.

    Raises:
        CompileError: they do not.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise CompileError(f"the shapes {' and '.join(str(list(s)) for s in shapes)} do not fit each other") from None
