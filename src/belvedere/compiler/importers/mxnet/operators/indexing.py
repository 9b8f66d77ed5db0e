"""Operators that take elements by index, and matrix products."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, axis_of, cast, reshape, scalar, transpose
from belvedere.core.errors import CompileError

_MATRIX = 2


def _within(call: Call, indices: Tensor, size: int) -> Tensor:
    """Indices as int64, those out of range clipped, or wrapped around (mode wrap)."""
    emit = call.emit
    mode = call.attributes.choice("mode", ("clip", "wrap", "raise"), "clip")
    whole = cast(emit, indices, np.int64)
    if mode == "wrap":
        return emit.op("Mod", whole, np.array(size, np.int64))
    return emit.op("Min", emit.op("Max", whole, np.array(0, np.int64)), np.array(size - 1, np.int64))


def take(call: Call) -> Tensor:
    """Slices along an axis, by indices of any shape."""
    data = call.input()
    axis = axis_of(call.attributes.integer("axis", 0), data.rank)
    return call.emit.op("Gather", data, _within(call, call.input(1), data.shape[axis]), axis=axis)


def embedding(call: Call) -> Tensor:
    """Rows of a table."""
    weight = call.input(1)
    if weight.rank != _MATRIX:
        raise CompileError(f"its table has the shape {list(weight.shape)}, expected (rows, columns)")
    for name, size in zip(("input_dim", "output_dim"), weight.shape, strict=True):
        if call.attributes.integer(name, size) != size:
            raise CompileError(f"its {name} is not {size}, as its table of shape {list(weight.shape)} has")
    return call.emit.op("Gather", weight, _within(call, call.input(), weight.shape[0]), axis=0)


def pick(call: Call) -> Tensor:
    """One element along an axis for every index."""
    emit, data, index = call.emit, call.input(), call.input(1)
    if call.node.attributes.get("axis", "-1").strip() == "None":
        raise CompileError("axis=None is not supported")
    axis = axis_of(call.attributes.integer("axis", -1), data.rank)
    return _picked(call, emit, data, index, axis, keepdims=call.attributes.flag("keepdims"))


def batch_take(call: Call) -> Tensor:
    """One element of every row."""
    return _picked(call, call.emit, call.input(), call.input(1), axis_of(1, call.input().rank), keepdims=False)


def _picked(call: Call, emit: Builder, data: Tensor, index: Tensor, axis: int, *, keepdims: bool) -> Tensor:
    shape = (*data.shape[:axis], 1, *data.shape[axis + 1 :])
    if math.prod(index.shape) != math.prod(shape):
        raise CompileError(
            f"its index of shape {list(index.shape)} does not fit axis {axis} of the shape {list(data.shape)}"
        )
    places = reshape(emit, _within(call, index, data.shape[axis]), shape)
    found = emit.op("GatherElements", data, places, axis=axis)
    return found if keepdims else reshape(emit, found, (*shape[:axis], *shape[axis + 1 :]) or (1,))


def gather_nd(call: Call) -> Tensor:
    """Elements or slices by index tuples, which lie along the first axis of the indices."""
    emit, data, indices = call.emit, call.input(), call.input(1)
    depth = indices.shape[0]
    if depth > data.rank or indices.rank < _MATRIX:
        raise CompileError(f"its indices of shape {list(indices.shape)} do not fit the shape {list(data.shape)}")
    moved = cast(emit, transpose(emit, indices, (*range(1, indices.rank), 0)), np.int64)
    # Indices wrap around; ONNX leaves it open what those out of range do.
    wrapped = emit.op("Mod", moved, np.array(data.shape[:depth], np.int64))
    return emit.op("GatherND", data, wrapped)


def one_hot(call: Call) -> Tensor:
    """A vector for every index, with another value at its place; indices out of range have none."""
    emit, indices = call.emit, call.input()
    depth = call.attributes.integer("depth")
    emit.check_stored((depth,))
    dtype = call.attributes.dtype("dtype")
    column = reshape(emit, cast(emit, indices, np.int64), (*indices.shape, 1))
    hot = emit.op("Equal", column, np.arange(depth, dtype=np.int64))
    values = [np.array(call.attributes.number(name, default), dtype) for name, default in _HOT]
    return emit.op("Where", hot, *values)


_HOT = (("on_value", 1.0), ("off_value", 0.0))


def batch_dot(call: Call) -> Tensor:
    """Products of matrices, batch by batch."""
    left, right = (as_float(call.emit, call.input(number)) for number in (0, 1))
    if left.rank != right.rank or left.rank < _MATRIX + 1 or left.shape[:-2] != right.shape[:-2]:
        raise CompileError(f"it multiplies the shapes {list(left.shape)} and {list(right.shape)}")
    return _product(call, left, right)


def gemm2(call: Call) -> Tensor:
    """_linalg_gemm2: alpha times the product of matrices."""
    return _scaled_product(call)


def gemm(call: Call) -> Tensor:
    """_linalg_gemm: alpha times the product of matrices, plus beta times a third one."""
    product, other = _scaled_product(call), as_float(call.emit, call.input(2))
    beta = call.attributes.number("beta", 1.0)
    if other.shape != product.shape:
        raise CompileError(f"it adds the shapes {list(product.shape)} and {list(other.shape)}")
    return call.emit.op("Add", product, call.emit.op("Mul", other, scalar(other, beta)))


def _scaled_product(call: Call) -> Tensor:
    left, right = (as_float(call.emit, call.input(number)) for number in (0, 1))
    if left.rank < _MATRIX or right.rank != left.rank or left.shape[:-2] != right.shape[:-2]:
        raise CompileError(f"it multiplies the shapes {list(left.shape)} and {list(right.shape)}")
    if axis_of(call.attributes.integer("axis", -2), left.rank) != left.rank - 2:
        raise CompileError("its attribute axis is not -2: only matrices in the last two axes are supported")
    result = _product(call, left, right)
    alpha = call.attributes.number("alpha", 1.0)
    return result if alpha == 1 else call.emit.op("Mul", result, scalar(result, alpha))


def _product(call: Call, left: Tensor, right: Tensor) -> Tensor:
    emit = call.emit
    if call.attributes.flag("transpose_a"):
        left = _turned(emit, left)
    if call.attributes.flag("transpose_b"):
        right = _turned(emit, right)
    if left.shape[-1] != right.shape[-2]:
        raise CompileError(f"it multiplies matrices of {list(left.shape[-2:])} and {list(right.shape[-2:])}")
    return emit.op("MatMul", left, right)


def _turned(emit: Builder, tensor: Tensor) -> Tensor:
    return transpose(emit, tensor, (*range(tensor.rank - 2), tensor.rank - 1, tensor.rank - 2))


def dot(call: Call) -> Tensor:
    """Product over the last axis of the first and the first axis of the second; transposed, the first and the last."""
    emit = call.emit
    left, right = (as_float(emit, call.input(number)) for number in (0, 1))
    turn_left, turn_right = call.attributes.flag("transpose_a"), call.attributes.flag("transpose_b")
    outer = left.shape[1:] if turn_left else left.shape[:-1]
    inner = right.shape[:-1] if turn_right else right.shape[1:]
    shared, other = left.shape[0 if turn_left else -1], right.shape[-1 if turn_right else 0]
    if shared != other:
        raise CompileError(f"it multiplies the shapes {list(left.shape)} and {list(right.shape)}")
    first = reshape(emit, left, (shared, math.prod(outer)) if turn_left else (math.prod(outer), shared))
    second = reshape(emit, right, (math.prod(inner), shared) if turn_right else (shared, math.prod(inner)))
    first = _turned(emit, first) if turn_left else first
    second = _turned(emit, second) if turn_right else second
    return reshape(emit, emit.op("MatMul", first, second), (*outer, *inner) or (1,))


TRANSLATORS: Mapping[str, Translator] = {
    "take": take,
    "Embedding": embedding,
    "pick": pick,
    **dict.fromkeys(("batch_take", "choose_element_0index"), batch_take),
    "gather_nd": gather_nd,
    "one_hot": one_hot,
    "batch_dot": batch_dot,
    "dot": dot,
    **dict.fromkeys(("_linalg_gemm2", "linalg_gemm2"), gemm2),
    **dict.fromkeys(("_linalg_gemm", "linalg_gemm"), gemm),
}
