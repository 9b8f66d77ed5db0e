"""Operators whose result depends on shapes and attributes only: constants."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import axis_of, filled
from belvedere.core.errors import CompileError


def zeros_like(call: Call) -> Tensor:
    """Zeros of the input's shape and type."""
    return filled(call.emit, call.input().shape, 0, call.input().dtype)


def ones_like(call: Call) -> Tensor:
    """Ones of the input's shape and type."""
    return filled(call.emit, call.input().shape, 1, call.input().dtype)


def zeros(call: Call) -> Tensor:
    """Zeros of a shape."""
    return _filled(call, 0)


def ones(call: Call) -> Tensor:
    """Ones of a shape."""
    return _filled(call, 1)


def full(call: Call) -> Tensor:
    """One number in a shape."""
    return _filled(call, call.attributes.number("value"))


def _filled(call: Call, value: float) -> Tensor:
    shape = call.attributes.integers("shape")
    if not shape:
        raise CompileError("it has no attribute shape")
    return filled(call.emit, shape, value, call.attributes.dtype("dtype"))


def arange(call: Call) -> Tensor:
    """_arange: start to stop by step, every number repeated; without stop, 0 to start."""
    start, stop = call.attributes.number("start", 0.0), call.attributes.optional_number("stop")
    step, repeats = call.attributes.number("step", 1.0), call.attributes.integer("repeat", 1)
    if stop is None and call.attributes.flag("infer_range"):
        raise CompileError("infer_range is not supported: its length is only known from what it is combined with")
    if stop is None:
        start, stop = 0.0, start
    count = math.ceil((stop - start) / step) if step and math.isfinite((stop - start) / step) else 0
    if count < 1 or repeats < 1:
        raise CompileError(f"it counts from {start} to {stop} by {step}: nothing results")
    call.emit.check_stored((count * repeats,))
    return call.emit.constant(_counted(count, start, step, repeats).astype(call.attributes.dtype("dtype")))


def arange_like(call: Call) -> Tensor:
    """_contrib_arange_like: counts in the shape of the input, or as a vector as long as one axis."""
    data, named = call.input(), call.attributes.optional_integer("axis")
    shape = data.shape if named is None else (data.shape[axis_of(named, data.rank)],)
    start, step = call.attributes.number("start", 0.0), call.attributes.number("step", 1.0)
    repeats = call.attributes.integer("repeat", 1)
    if repeats < 1:
        raise CompileError(f"its attribute repeat is {repeats}")
    size = math.prod(shape)
    call.emit.check_stored(shape)
    values = _counted(-(-size // repeats), start, step, repeats)[:size]
    return call.emit.constant(values.astype(np.float32).reshape(shape))


def _counted(count: int, start: float, step: float, repeats: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.repeat(start + step * np.arange(count, dtype=np.float64), repeats)


def eye(call: Call) -> Tensor:
    """_eye: ones on a diagonal."""
    rows, columns = call.attributes.integer("N"), call.attributes.integer("M", 0)
    shape = (rows, columns or rows)
    call.emit.check_stored(shape)
    return call.emit.constant(np.eye(*shape, call.attributes.integer("k", 0), dtype=call.attributes.dtype("dtype")))


def shape_array(call: Call) -> Tensor:
    """The input's shape."""
    return call.emit.constant(np.array(call.input().shape, np.int64))


def size_array(call: Call) -> Tensor:
    """The input's number of elements."""
    return call.emit.constant(np.array([math.prod(call.input().shape)], np.int64))


TRANSLATORS: Mapping[str, Translator] = {
    "zeros_like": zeros_like,
    "ones_like": ones_like,
    **dict.fromkeys(("_zeros", "_zeros_without_dtype"), zeros),
    "_ones": ones,
    "_full": full,
    "_arange": arange,
    "_contrib_arange_like": arange_like,
    "_eye": eye,
    "shape_array": shape_array,
    "size_array": size_array,
}
