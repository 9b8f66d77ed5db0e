"""Operators that rearrange: transpose, concatenate, repeat, broadcast."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import (
    as_float,
    axes_of,
    axis_of,
    cast,
    expand,
    reshape,
    slice_axis,
    transpose,
)
from belvedere.core.errors import CompileError


def transposed(call: Call) -> Tensor:
    """Transpose; without axes in reverse order."""
    data = call.input()
    axes = call.attributes.integers("axes")
    order = [axis_of(axis, data.rank) for axis in axes] if axes else range(data.rank)[::-1]
    return transpose(call.emit, data, order)


def swap_axes(call: Call) -> Tensor:
    """Exchange two axes."""
    data = call.input()
    order = list(range(data.rank))
    first, second = (axis_of(call.attributes.integer(name, 0), data.rank) for name in ("dim1", "dim2"))
    order[first], order[second] = second, first
    return transpose(call.emit, data, order)


def expand_dims(call: Call) -> Tensor:
    """Insert an axis of length 1; a negative one counts after it was inserted."""
    data = call.input()
    axis = axis_of(call.attributes.integer("axis"), data.rank + 1)
    return reshape(call.emit, data, (*data.shape[:axis], 1, *data.shape[axis:]))


def squeeze(call: Call) -> Tensor:
    """Remove axes of length 1; one remains."""
    data = call.input()
    named = call.attributes.integers("axis")
    axes = axes_of(named, data.rank) if named else tuple(a for a in range(data.rank) if data.shape[a] == 1)
    if any(data.shape[axis] != 1 for axis in axes):
        raise CompileError(f"it removes the axes {list(axes)} of a tensor of shape {list(data.shape)}")
    return reshape(call.emit, data, [n for axis, n in enumerate(data.shape) if axis not in axes] or (1,))


def concatenate(call: Call) -> Tensor:
    """Concat along dim, 1 by default."""
    axis = axis_of(call.attributes.integer("dim", 1), call.input().rank)
    return join(call.emit, call.inputs, axis)


def stack(call: Call) -> Tensor:
    """Stack along a new axis."""
    data = call.input()
    axis = axis_of(call.attributes.integer("axis", 0), data.rank + 1)
    shape = (*data.shape[:axis], 1, *data.shape[axis:])
    return join(call.emit, [reshape(call.emit, tensor, shape) for tensor in call.inputs], axis)


def join(emit: Builder, tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Concatenate along an axis.

    Raises:
        CompileError: another axis has another length.
    """
    first = tensors[0]
    if len(tensors) == 1:
        return first
    for tensor in tensors:
        others = [n for a, n in enumerate(tensor.shape) if a != axis]
        if tensor.rank != first.rank or others != [n for a, n in enumerate(first.shape) if a != axis]:
            shapes = " and ".join(str(list(t.shape)) for t in (first, tensor))
            raise CompileError(f"it joins the shapes {shapes} along axis {axis}, where only that axis may differ")
    dtype = np.float32 if any(t.is_float for t in tensors) else np.result_type(*(t.dtype for t in tensors))
    return emit.op("Concat", *(cast(emit, tensor, dtype) for tensor in tensors), axis=axis)


def tile(call: Call) -> Tensor:
    """Repeat the whole tensor along axes."""
    data, repeats = call.input(), call.attributes.integers("reps")
    rank = max(data.rank, len(repeats))
    full = (*(1,) * (rank - len(repeats)), *repeats)
    if any(count < 1 for count in full):
        raise CompileError(f"its attribute reps is {list(repeats)}")
    lifted = reshape(call.emit, data, (*(1,) * (rank - data.rank), *data.shape))
    return lifted if set(full) == {1} else call.emit.op("Tile", lifted, np.array(full, np.int64))


def repeat(call: Call) -> Tensor:
    """Repeat every element along an axis, or of the flattened tensor."""
    data, count = call.input(), call.attributes.integer("repeats")
    if count < 1:
        raise CompileError(f"its attribute repeats is {count}")
    named = call.attributes.optional_integer("axis")
    if named is None:
        data, axis = reshape(call.emit, data, (math.prod(data.shape),)), 0
    else:
        axis = axis_of(named, data.rank)
    return repeat_elements(call.emit, data, axis, count)


def repeat_elements(emit: Builder, data: Tensor, axis: int, count: int) -> Tensor:
    """Repeat every element along an axis ``count`` times."""
    if count == 1:
        return data
    lifted = reshape(emit, data, (*data.shape[: axis + 1], 1, *data.shape[axis + 1 :]))
    counts = [1] * lifted.rank
    counts[axis + 1] = count
    tiled = emit.op("Tile", lifted, np.array(counts, np.int64))
    return reshape(emit, tiled, (*data.shape[:axis], data.shape[axis] * count, *data.shape[axis + 1 :]))


def reverse(call: Call) -> Tensor:
    """Reverse the order along axes."""
    data = call.input()
    for axis in axes_of(call.attributes.integers("axis"), data.rank):
        if data.shape[axis] > 1:
            data = slice_axis(call.emit, data, axis, None, None, -1)
    return data


def broadcast_axis(call: Call) -> Tensor:
    """Repeat along axes of length 1."""
    data = call.input()
    axes = [axis_of(axis, data.rank) for axis in call.attributes.integers("axis")]
    sizes = call.attributes.integers("size")
    if len(axes) != len(sizes):
        raise CompileError(f"it has {len(axes)} axes and {len(sizes)} sizes")
    shape = list(data.shape)
    for axis, size in zip(axes, sizes, strict=True):
        shape[axis] = size
    return expand(call.emit, data, shape)


def broadcast_to(call: Call) -> Tensor:
    """Repeat to a shape; 0 keeps an axis."""
    data, wanted = call.input(), call.attributes.integers("shape")
    lead = len(wanted) - data.rank
    shape = [data.shape[i - lead] if n == 0 and i >= lead else n for i, n in enumerate(wanted)]
    return expand(call.emit, data, shape)


def broadcast_like(call: Call) -> Tensor:
    """Repeat to the shape of the second input, on all axes or some."""
    data, other = call.input(), call.input(1)
    axes, others = call.attributes.integers("lhs_axes"), call.attributes.integers("rhs_axes")
    if not axes and not others:
        return expand(call.emit, data, other.shape)
    if len(axes) != len(others):
        raise CompileError(f"it has {len(axes)} lhs_axes and {len(others)} rhs_axes")
    shape = list(data.shape)
    for axis, source in zip(axes, others, strict=True):
        shape[axis_of(axis, data.rank)] = other.shape[axis_of(source, other.rank)]
    return expand(call.emit, data, shape)


def depth_to_space(call: Call) -> Tensor:
    """Move channels into blocks of pixels, depth first (DCR)."""
    data, size = as_float(call.emit, call.input()), call.attributes.integer("block_size")
    if data.rank != 4 or size < 1 or data.shape[1] % size**2:
        raise CompileError(f"its blocks of {size} do not fit an input of shape {list(data.shape)}")
    return call.emit.op("DepthToSpace", data, blocksize=size, mode="DCR")


def space_to_depth(call: Call) -> Tensor:
    """Move blocks of pixels into channels."""
    data, size = as_float(call.emit, call.input()), call.attributes.integer("block_size")
    if data.rank != 4 or size < 1 or data.shape[2] % size or data.shape[3] % size:
        raise CompileError(f"its blocks of {size} do not fit an input of shape {list(data.shape)}")
    return call.emit.op("SpaceToDepth", data, blocksize=size)


TRANSLATORS: Mapping[str, Translator] = {
    "transpose": transposed,
    **dict.fromkeys(("SwapAxis", "swapaxes"), swap_axes),
    "expand_dims": expand_dims,
    "squeeze": squeeze,
    **dict.fromkeys(("Concat", "concat"), concatenate),
    "stack": stack,
    "tile": tile,
    "repeat": repeat,
    **dict.fromkeys(("reverse", "flip"), reverse),
    **dict.fromkeys(("broadcast_axis", "broadcast_axes"), broadcast_axis),
    "broadcast_to": broadcast_to,
    "broadcast_like": broadcast_like,
    "depth_to_space": depth_to_space,
    "space_to_depth": space_to_depth,
}
