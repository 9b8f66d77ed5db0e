"""Operators that take parts of a tensor, and padding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import axis_of, reshape, scalar, slice_axis
from belvedere.core.errors import CompileError


def slice_one_axis(call: Call) -> Tensor:
    """slice_axis: begin to end along one axis."""
    data = call.input()
    axis = axis_of(call.attributes.integer("axis"), data.rank)
    return slice_axis(call.emit, data, axis, call.attributes.integer("begin"), call.attributes.optional_integer("end"))


def slice_leading_axes(call: Call) -> Tensor:
    """slice (crop): begin to end by step along the leading axes."""
    data = call.input()
    begins, ends, steps = (call.attributes.optional_integers(name) for name in ("begin", "end", "step"))
    if len(begins) != len(ends) or len(begins) > data.rank or len(steps) not in (0, len(begins)):
        raise CompileError(f"its begin {list(begins)} and end {list(ends)} do not fit the shape {list(data.shape)}")
    for axis, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        step = steps[axis] if steps else None
        if step == 0:
            raise CompileError("its attribute step has a 0")
        data = slice_axis(call.emit, data, axis, begin, end, step or 1)
    return data


def slice_like(call: Call) -> Tensor:
    """The first input cut to the size of the second, on all axes or some."""
    data, other = call.input(), call.input(1)
    named = call.attributes.integers("axes")
    if not named and data.rank != other.rank:
        raise CompileError(f"it cuts the shape {list(data.shape)} to {list(other.shape)}, with another number of axes")
    for axis in named or range(data.rank):
        own = axis_of(axis, data.rank)
        size = other.shape[axis_of(axis, other.rank)]
        if size > data.shape[own]:
            raise CompileError(f"it cuts axis {own} of {list(data.shape)} to {size}, which is more than there is")
        data = slice_axis(call.emit, data, own, 0, size)
    return data


def slice_channel(call: Call) -> tuple[Tensor, ...]:
    """SliceChannel (split): equal parts along an axis, which is removed on demand."""
    data, count = call.input(), call.attributes.integer("num_outputs")
    axis = axis_of(call.attributes.integer("axis", 1), data.rank)
    parts = _equal_parts(call.emit, data, axis, count)
    return _squeezed(call, parts, axis)


def split_v2(call: Call) -> tuple[Tensor, ...]:
    """_split_v2: equal sections, or parts that begin at indices, of which the first is 0."""
    data, sections = call.input(), call.attributes.integer("sections", 0)
    axis = axis_of(call.attributes.integer("axis", 1), data.rank)
    if sections > 0:
        return _squeezed(call, _equal_parts(call.emit, data, axis, sections), axis)
    starts = call.attributes.integers("indices")
    if not starts:
        raise CompileError("it has neither sections nor indices")
    ends = (*starts[1:], data.shape[axis])
    parts = [slice_axis(call.emit, data, axis, start, end) for start, end in zip(starts, ends, strict=True)]
    return _squeezed(call, parts, axis)


def _equal_parts(emit: Builder, data: Tensor, axis: int, count: int) -> list[Tensor]:
    if count < 1 or data.shape[axis] % count:
        raise CompileError(f"axis {axis} of {list(data.shape)} cannot be divided into {count} equal parts")
    if count == 1:
        return [data]
    size = data.shape[axis] // count
    if data.value is not None:
        return [slice_axis(emit, data, axis, size * part, size * (part + 1)) for part in range(count)]
    return list(emit.ops("Split", data, np.array([size] * count, np.int64), outputs=count, axis=axis))


def _squeezed(call: Call, parts: list[Tensor], axis: int) -> tuple[Tensor, ...]:
    if not call.attributes.flag("squeeze_axis"):
        return tuple(parts)
    if any(part.shape[axis] != 1 for part in parts):
        raise CompileError(f"squeeze_axis=True, but its parts have more than one element along axis {axis}")
    return tuple(reshape(call.emit, part, (*part.shape[:axis], *part.shape[axis + 1 :]) or (1,)) for part in parts)


def crop(call: Call) -> Tensor:
    """Crop: a window of pictures, of a size or of the size of the second input."""
    data = call.input()
    if data.rank != 4:
        raise CompileError(f"it takes pictures of 4 axes, not of shape {list(data.shape)}")
    if len(call.inputs) > 1:
        sizes: tuple[int, ...] = call.input(1).shape[2:4]
    else:
        sizes = call.attributes.integers("h_w", (0, 0))
    offsets = call.attributes.integers("offset", (0, 0))
    if call.attributes.flag("center_crop"):
        offsets = tuple((full - size) // 2 for full, size in zip(data.shape[2:], sizes, strict=True))
    for axis, offset, size in zip((2, 3), offsets, sizes, strict=True):
        if offset < 0 or size < 1 or offset + size > data.shape[axis]:
            raise CompileError(f"it takes {size} from {offset} of axis {axis}, which has {data.shape[axis]}")
        data = slice_axis(call.emit, data, axis, offset, offset + size)
    return data


def pad(call: Call) -> Tensor:
    """Pad: constant, edge or reflect; widths before and after, axis by axis."""
    data = call.input()
    mode = call.attributes.choice("mode", ("constant", "edge", "reflect"))
    widths = call.attributes.integers("pad_width")
    if len(widths) != 2 * data.rank or any(width < 0 for width in widths):
        raise CompileError(f"its pad_width {list(widths)} does not fit the shape {list(data.shape)}")
    if mode == "reflect" and any(max(w) >= n for w, n in zip(zip(widths[::2], widths[1::2]), data.shape)):  # noqa: B905
        raise CompileError(f"its pad_width {list(widths)} reflects more than the shape {list(data.shape)} has")
    if not any(widths):
        return data
    pads = np.array([*widths[::2], *widths[1::2]], np.int64)
    if mode == "constant":
        return call.emit.op("Pad", data, pads, scalar(data, call.attributes.number("constant_value", 0.0)))
    return call.emit.op("Pad", data, pads, mode=mode)


TRANSLATORS: Mapping[str, Translator] = {
    "slice_axis": slice_one_axis,
    **dict.fromkeys(("slice", "crop"), slice_leading_axes),
    "slice_like": slice_like,
    **dict.fromkeys(("SliceChannel", "split", "slice_channel"), slice_channel),
    **dict.fromkeys(("_split_v2", "split_v2"), split_v2),
    "Crop": crop,
    **dict.fromkeys(("Pad", "pad"), pad),
}
