"""Box arithmetic: decoding, formats, overlap, prior boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, broadcast_shape, reshape, scalar, slice_axis
from belvedere.core.errors import CompileError

CORNER, CENTER = "corner", "center"
FORMATS = (CORNER, CENTER)


def halves(emit: Builder, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last two coordinates of boxes (..., 4)."""
    axis = boxes.rank - 1
    return slice_axis(emit, boxes, axis, 0, 2), slice_axis(emit, boxes, axis, 2, 4)


def to_corners(emit: Builder, boxes: Tensor) -> Tensor:
    """x, y, width, height as x1, y1, x2, y2."""
    center, size = halves(emit, boxes)
    half = emit.op("Mul", size, scalar(size, 0.5))
    return emit.op("Concat", emit.op("Sub", center, half), emit.op("Add", center, half), axis=boxes.rank - 1)


def to_centers(emit: Builder, boxes: Tensor) -> Tensor:
    """x1, y1, x2, y2 as x, y, width, height."""
    low, high = halves(emit, boxes)
    center = emit.op("Mul", emit.op("Add", low, high), scalar(low, 0.5))
    return emit.op("Concat", center, emit.op("Sub", high, low), axis=boxes.rank - 1)


def decode(
    emit: Builder, offsets: Tensor, anchors: Tensor, scales: tuple[float, ...], *, limit: float | None = None
) -> Tensor:
    """Boxes (corners) from predicted offsets and anchors (centre format), both (..., 4).

    Args:
        emit: Where it goes.
        offsets: Predicted dx, dy, dw, dh.
        anchors: x, y, width, height.
        scales: What the offsets are multiplied by.
        limit: Upper bound of the scaled dw and dh.
    """
    shift, growth = halves(emit, emit.op("Mul", offsets, np.array(scales, np.float32)))
    center, size = halves(emit, anchors)
    place = emit.op("Add", emit.op("Mul", shift, size), center)
    if limit is not None:
        growth = emit.op("Min", growth, scalar(growth, limit))
    half = emit.op("Mul", emit.op("Exp", growth), emit.op("Mul", size, scalar(size, 0.5)))
    return emit.op("Concat", emit.op("Sub", place, half), emit.op("Add", place, half), axis=offsets.rank - 1)


def box_decode(call: Call) -> Tensor:
    """_contrib_box_decode: offsets (batch, boxes, 4) and anchors (1, boxes, 4) to corners."""
    emit, offsets, anchors = call.emit, _boxes(call, 0), _boxes(call, 1)
    if broadcast_shape(offsets.shape, anchors.shape) != offsets.shape:
        raise CompileError(f"its anchors of shape {list(anchors.shape)} do not fit the shape {list(offsets.shape)}")
    scales = tuple(call.attributes.number(f"std{index}", 1.0) for index in range(4))
    limit = call.attributes.number("clip", -1.0)
    if call.attributes.choice("format", FORMATS, CENTER) == CORNER:
        anchors = to_centers(emit, anchors)
    return decode(emit, offsets, anchors, scales, limit=limit if limit > 0 else None)


def box_iou(call: Call) -> Tensor:
    """_contrib_box_iou: the overlap of all pairs; boxes of negative extent have none."""
    emit, first, second = call.emit, _boxes(call, 0), _boxes(call, 1)
    shape = (*first.shape[:-1], *second.shape[:-1])
    if call.attributes.choice("format", FORMATS, CORNER) == CENTER:
        first, second = to_corners(emit, first), to_corners(emit, second)
    first = reshape(emit, first, (math.prod(first.shape[:-1]), 1, 4))
    second = reshape(emit, second, (1, math.prod(second.shape[:-1]), 4))
    (low, high), (other_low, other_high) = halves(emit, first), halves(emit, second)
    shared = _area(emit, emit.op("Max", low, other_low), emit.op("Min", high, other_high))
    areas = emit.op("Add", _area(emit, low, high), _area(emit, other_low, other_high))
    union = emit.op("Sub", areas, shared)
    zero = np.float32(0)
    some = emit.op("Greater", union, zero)
    overlap = emit.op("Div", shared, emit.op("Where", some, union, np.float32(1)))
    return reshape(emit, emit.op("Where", some, overlap, zero), shape or (1,))


def _area(emit: Builder, low: Tensor, high: Tensor) -> Tensor:
    """(..., 2) and (..., 2) to (..., 1); 0 where the extent is negative."""
    extent = emit.op("Max", emit.op("Sub", high, low), np.float32(0))
    axis = extent.rank - 1
    return emit.op("Mul", slice_axis(emit, extent, axis, 0, 1), slice_axis(emit, extent, axis, 1, 2))


def _boxes(call: Call, number: int) -> Tensor:
    boxes = as_float(call.emit, call.input(number))
    if boxes.shape[-1:] != (4,):
        raise CompileError(f"its input {number + 1} has the shape {list(boxes.shape)}, expected 4 coordinates last")
    return boxes


def multibox_prior(call: Call) -> Tensor:
    """_contrib_MultiBoxPrior: default boxes of every cell, (1, cells * boxes, 4), corners in 0..1."""
    data, attributes = call.input(), call.attributes
    if data.rank != 4:
        raise CompileError(f"it takes feature maps of 4 axes, not of shape {list(data.shape)}")
    height, width = data.shape[2:]
    sizes, ratios = attributes.numbers("sizes", (1.0,)), attributes.numbers("ratios", (1.0,))
    steps, offsets = attributes.numbers("steps", (-1.0, -1.0)), attributes.numbers("offsets", (0.5, 0.5))
    if min(*sizes, *ratios) <= 0 or len(steps) != 2 or len(offsets) != 2:
        raise CompileError(f"its sizes {sizes}, ratios {ratios}, steps {steps} and offsets {offsets} do not fit")
    call.emit.check_stored((height, width, len(sizes) + len(ratios), 4))
    extents = _half_extents(sizes, ratios, height / width)
    y = (np.arange(height) + offsets[0]) * (steps[0] if steps[0] > 0 else 1 / height)
    x = (np.arange(width) + offsets[1]) * (steps[1] if steps[1] > 0 else 1 / width)
    centers = np.stack(np.meshgrid(x, y), -1)[:, :, None]  # row, column, 1, (x, y)
    boxes = np.concatenate([centers - extents, centers + extents], -1).reshape(1, -1, 4)
    if attributes.flag("clip"):
        boxes = boxes.clip(0, 1)
    return call.emit.constant(boxes.astype(np.float32))


def _half_extents(sizes: tuple[float, ...], ratios: tuple[float, ...], aspect: float) -> NDArray[np.float64]:
    """Half width and height: all sizes with the first ratio, then the first size with the other ratios."""
    pairs = [(size, ratios[0]) for size in sizes] + [(sizes[0], ratio) for ratio in ratios[1:]]
    return np.array([(size * aspect * math.sqrt(ratio) / 2, size / math.sqrt(ratio) / 2) for size, ratio in pairs])


TRANSLATORS: Mapping[str, Translator] = {
    "_contrib_box_decode": box_decode,
    "_contrib_box_iou": box_iou,
    **dict.fromkeys(("_contrib_MultiBoxPrior", "MultiBoxPrior"), multibox_prior),
}
